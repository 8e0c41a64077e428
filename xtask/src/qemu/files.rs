// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images and other files that guests need. Each is made when it is first needed, and once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use daxfs_vm_protocol::suite::{Extra, Image, Peer};
use daxfs_vm_protocol::{Guest, Suite};

use super::artifacts::{self, Artifacts};
use super::{initramfs, peers, trees};
use crate::{process, readme, tree, workspace};

/// The files of guests.
pub(super) struct Files {
    /// The parts that all guests have.
    pub(super) artifacts: Artifacts,
    images: BTreeMap<Image, PathBuf>,
    peers: BTreeMap<(Image, Peer), PathBuf>,
    extras: BTreeMap<Extra, PathBuf>,
}

/// The files of one guest.
pub(super) struct GuestFiles {
    /// The image of the product.
    pub(super) image: PathBuf,
    /// The images of other file systems.
    pub(super) peers: Vec<PathBuf>,
    /// The archive that the guest starts from.
    pub(super) initramfs: PathBuf,
}

impl Files {
    /// Returns no files yet.
    pub(super) const fn new(artifacts: Artifacts) -> Self {
        Self {
            artifacts,
            images: BTreeMap::new(),
            peers: BTreeMap::new(),
            extras: BTreeMap::new(),
        }
    }

    /// Makes the files of each guest of a suite, with a module of the caller's choice.
    pub(super) fn of_suite(&mut self, suite: &Suite, module: &Path) -> Result<Vec<GuestFiles>> {
        let guests = suite.guests.iter().enumerate();
        let files = guests.map(|(number, guest)| {
            self.of_guest(&format!("{}-{number}", suite.name), guest, module)
        });
        files.collect()
    }

    fn of_guest(&mut self, name: &str, guest: &Guest, module: &Path) -> Result<GuestFiles> {
        let peers = guest.peers.iter().map(|&peer| self.peer(guest.image, peer));
        let peers = peers.collect::<Result<_>>()?;
        let extra = guest.extra.map(|extra| self.extra(extra)).transpose()?;
        Ok(GuestFiles {
            image: self.image(guest.image)?,
            peers,
            initramfs: initramfs::make(name, &self.artifacts, module, extra.as_deref())?,
        })
    }

    /// Makes an image of the product.
    pub(super) fn image(&mut self, image: Image) -> Result<PathBuf> {
        if let Some(made) = self.images.get(&image) {
            return Ok(made.clone());
        }
        let made = build(
            &self.artifacts,
            &trees::obtain(image, &self.artifacts)?,
            image,
        )?;
        self.images.insert(image, made.clone());
        Ok(made)
    }

    /// Makes an image of another file system from the same tree.
    pub(super) fn peer(&mut self, image: Image, peer: Peer) -> Result<PathBuf> {
        if let Some(made) = self.peers.get(&(image, peer)) {
            return Ok(made.clone());
        }
        let dir = trees::obtain(image, &self.artifacts)?;
        let made = peers::make(peer, &dir, trees::name(image))?;
        self.peers.insert((image, peer), made.clone());
        Ok(made)
    }

    fn extra(&mut self, extra: Extra) -> Result<PathBuf> {
        if let Some(made) = self.extras.get(&extra) {
            return Ok(made.clone());
        }
        let made = match extra {
            Extra::DebianManifest => debian_manifest(&self.artifacts)?,
            Extra::Inspect => artifacts::inspect()?,
            Extra::GuideContainers => guide_lines()?,
        };
        self.extras.insert(extra, made.clone());
        Ok(made)
    }
}

/// Builds the image of a tree.
fn build(artifacts: &Artifacts, dir: &Path, image: Image) -> Result<PathBuf> {
    build_into(artifacts, dir, trees::name(image))
}

/// Builds an image of a directory under a name in the scratch directory.
pub(super) fn build_into(artifacts: &Artifacts, dir: &Path, name: &str) -> Result<PathBuf> {
    let image = workspace::scratch_dir()?.join(format!("{name}.daxfs"));
    if image.exists() {
        fs::remove_file(&image).with_context(|| format!("cannot remove {}", image.display()))?;
    }
    process::capture(Command::new(&artifacts.mkdaxfs).arg(dir).arg(&image))?;
    Ok(image)
}

/// Lists everything in the Debian tree, for the guest to compare.
fn debian_manifest(artifacts: &Artifacts) -> Result<PathBuf> {
    let dir = tree::debian::obtain()?;
    let list = process::capture(Command::new(&artifacts.program).arg("manifest").arg(&dir))?;
    write_scratch("debian.manifest", &list)
}

/// Makes a script of the commands of docs/guide.md that start containers.
fn guide_lines() -> Result<PathBuf> {
    let block = readme::block_with("crun run")?.context("docs/guide.md starts no container")?;
    write_scratch("guide-containers.sh", &block)
}

fn write_scratch(name: &str, text: &str) -> Result<PathBuf> {
    let file = workspace::scratch_dir()?.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
