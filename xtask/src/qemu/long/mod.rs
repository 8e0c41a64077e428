// SPDX-License-Identifier: MIT OR Apache-2.0
//! The suites that take longer than `cargo xtask test` has: `cargo xtask qemu-test --full`.
//!
//! Each boots from an overlay of a Debian tree: programs that others wrote to test file systems, a
//! service manager, containers. The same tree is there as another file system, on a pmem device.
//!
//! | module | owns |
//! |---|---|
//! | [`containers`] | `cargo xtask bench containers` |
//! | [`selftests`] | the kernel's own tests, built from its source |
//! | [`table`] | tables of what several file systems did |
//! | [`trees`] | the trees |

mod containers;
mod selftests;
pub(super) mod table;
mod trees;

use std::collections::btree_map::{BTreeMap, Entry};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::artifacts::Artifacts;
use super::console::{self, Report};
use super::machine::{Machine, Placed, Processor};
use super::{image, initramfs, peers};
use crate::kernel::step::step;

pub(crate) use containers::Args as ContainersArgs;

/// How long one guest may take.
const LIMIT: Duration = Duration::from_secs(2400);

/// How long it may say nothing: one case is one program on three file systems.
const SILENCE: Duration = Duration::from_secs(900);

/// A suite: one guest, with one tree.
pub(crate) struct Suite {
    /// What it is called.
    pub(super) name: &'static str,
    tree: Tree,
    /// A file for the initramfs.
    extra: Option<fn() -> Result<PathBuf>>,
    /// The memory of the guest, in MiB.
    memory: u64,
}

/// What a suite's image is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tree {
    /// Suites that test file systems, and what they work on; ext4 is beside it.
    Suites,
    /// A host of containers and their root; EROFS is beside it.
    Containers,
}

impl Tree {
    /// Makes the files of guests with this tree.
    fn make(self, artifacts: &Artifacts) -> Result<Files> {
        let (dir, peer, name) = match self {
            Self::Suites => {
                let dir = step("making the tree of the suites", trees::suites)?;
                let peer = peers::ext4(&dir, "suites")?;
                (dir, peer, "suites")
            }
            Self::Containers => {
                let dir = trees::containers()?;
                let peer = peers::erofs(&dir, "containers")?;
                (dir, peer, "containers")
            }
        };
        Ok(Files {
            image: image::build(artifacts, &dir, name)?,
            peer,
        })
    }
}

/// A tree as an image, and as another file system.
pub(super) struct Files {
    image: PathBuf,
    peer: PathBuf,
}

/// The trees that were made so far: suites share them.
#[derive(Default)]
pub(super) struct Trees(BTreeMap<Tree, Files>);

impl Trees {
    /// The files of a suite.
    pub(super) fn files(&mut self, suite: &Suite, artifacts: &Artifacts) -> Result<&Files> {
        Ok(match self.0.entry(suite.tree) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => place.insert(suite.tree.make(artifacts)?),
        })
    }
}

const fn on_suites(name: &'static str) -> Suite {
    Suite {
        name,
        tree: Tree::Suites,
        extra: None,
        memory: 4096,
    }
}

/// The suites.
pub(super) const SUITES: &[Suite] = &[
    on_suites("systemd"),
    on_suites("fio"),
    on_suites("selftests"),
    on_suites("stress"),
    CONTAINERS,
];

const CONTAINERS: Suite = Suite {
    name: "containers",
    tree: Tree::Containers,
    extra: Some(trees::readme_lines),
    memory: 4096,
};

impl Suite {
    /// Runs the suite in a guest.
    pub(super) fn run(
        &self,
        files: &Files,
        artifacts: &Artifacts,
        filter: Option<&str>,
        processor: Processor,
    ) -> Result<Report> {
        let mut arguments = vec![format!("suite={}", self.name)];
        arguments.extend(filter.map(|filter| format!("filter={filter}")));
        let mut command = self.command(files, artifacts, processor, &arguments)?;
        console::watch(&mut command, LIMIT, SILENCE)
    }

    /// The command that runs its guest, with `arguments` for its init.
    pub(super) fn command(
        &self,
        files: &Files,
        artifacts: &Artifacts,
        processor: Processor,
        arguments: &[String],
    ) -> Result<Command> {
        let extra = self.extra.map(|make| make()).transpose()?;
        let machine = Machine {
            peers: vec![files.peer.clone()],
            ..Machine::new(
                artifacts,
                initramfs::make(self.name, artifacts, extra.as_deref())?,
                Placed::Reserved(files.image.clone()),
                processor,
            )
        };
        let mut command = machine.command(arguments)?;
        // The last one counts.
        command.arg("-m").arg(format!("{}M", self.memory));
        Ok(command)
    }
}
