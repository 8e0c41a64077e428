// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making the sample tree, and that of the image within it, on the host.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, FileExt};
use std::path::Path;

use anyhow::{Context, Result};

use super::tree::{entries, Entry, Kind};
use super::{
    SampleFile, CLEAN_FILE, DIRTY_FILE, ENDLESS, IMAGE_SIZE, INNER_FILE, PAGE, WRONG_DIGEST,
};
use crate::{forge, pattern, sys};

/// Makes the tree in `root`, which must not exist; `inner` is the image that becomes part of it.
pub(crate) fn make(root: &Path, inner: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    let all = entries();
    for entry in &all {
        create(root, entry, inner)
            .with_context(|| format!("cannot make {}", entry.path.display()))?;
    }
    // Children change the times of their parents, so parents come last.
    for entry in all.iter().rev() {
        finish(root, entry).with_context(|| format!("cannot finish {}", entry.path.display()))?;
    }
    Ok(())
}

fn create(root: &Path, entry: &Entry, inner: &Path) -> Result<()> {
    let path = root.join(&entry.path);
    match &entry.kind {
        Kind::Directory => fs::create_dir(&path)?,
        Kind::File { seed, pieces, size } => {
            let file = File::create(&path)?;
            file.set_len(*size)?;
            for &(offset, length) in pieces {
                file.write_all_at(
                    &pattern::bytes(*seed, offset, usize::try_from(length)?),
                    offset,
                )?;
            }
        }
        Kind::Text(text) => fs::write(&path, text)?,
        Kind::Program => drop(fs::copy(std::env::current_exe()?, &path)?),
        Kind::Image => {
            // The largest of all files is placed first, which makes sure of a place at 2 MiB.
            let mut inner = fs::read(inner)?;
            soil(&mut inner)?;
            fs::write(&path, images(&inner)?)?;
        }
        Kind::Symlink(target) => symlink(OsStr::from_bytes(target), &path)?,
        Kind::Node(kind, device) => sys::mknod(&path, *kind, *device)?,
        Kind::Link(target) => fs::hard_link(root.join(target), &path)?,
    }
    Ok(())
}

/// The inner image and the forged ones, each at its place. There are no zeros between them: a file
/// with holes has no place of its own.
fn images(inner: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = pattern::bytes(0, 0, usize::try_from(IMAGE_SIZE)?);
    for (place, image) in [
        (0, inner.to_vec()),
        (WRONG_DIGEST, forge::wrong_digest(inner.to_vec())?),
        (ENDLESS, forge::endless(inner.to_vec())?),
    ] {
        let place = usize::try_from(place)?;
        let room = bytes.get_mut(place..place + image.len());
        room.context("no room for an image")?
            .copy_from_slice(&image);
    }
    Ok(bytes)
}

fn finish(root: &Path, entry: &Entry) -> Result<()> {
    let path = root.join(&entry.path);
    std::os::unix::fs::lchown(&path, Some(entry.owner.0), Some(entry.owner.1))?;
    if !matches!(entry.kind, Kind::Symlink(_)) {
        sys::chmod(&path, entry.mode)?;
    }
    for (name, value) in &entry.xattrs {
        sys::setxattr(&path, &CString::new(*name)?, value)?;
    }
    sys::set_mtime(&path, entry.mtime)
}

/// Makes the tree of the inner image in `root`, which must not exist.
pub(crate) fn make_inner(root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for SampleFile { name, seed, size } in [DIRTY_FILE, CLEAN_FILE] {
        let bytes = pattern::bytes(seed, 0, usize::try_from(size)?);
        fs::write(root.join(name), bytes)?;
    }
    Ok(fs::write(root.join(INNER_FILE.0), INNER_FILE.1)?)
}

/// Writes behind the end of [`DIRTY_FILE`] in the bytes of the inner image.
fn soil(image: &mut [u8]) -> Result<()> {
    let SampleFile { seed, size, .. } = DIRTY_FILE;
    let content = pattern::bytes(seed, 0, usize::try_from(size)?);
    let step = usize::try_from(PAGE)?;
    let start = (0..image.len())
        .step_by(step)
        .find(|&at| image[at..].starts_with(&content))
        .context("the file is not in the image")?;
    image[start + content.len() + 7] = 0x5a;
    Ok(())
}
