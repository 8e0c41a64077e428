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

use std::path::PathBuf;
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
pub(super) struct Suite {
    /// What it is called.
    pub(super) name: &'static str,
    tree: Tree,
    /// A file for the initramfs.
    extra: Option<fn() -> Result<PathBuf>>,
    /// The memory of the guest, in MiB.
    memory: u64,
}

/// What a suite's image is made of.
#[derive(Clone, Copy)]
enum Tree {
    /// Suites that test file systems, and what they work on; ext4 is beside it.
    Suites,
    /// A host of containers and their root; EROFS is beside it.
    Containers,
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
        artifacts: &Artifacts,
        filter: Option<&str>,
        processor: Processor,
    ) -> Result<Report> {
        let (dir, peer) = match self.tree {
            Tree::Suites => {
                let dir = step("making the tree of the suites", trees::suites)?;
                let peer = peers::ext4(&dir, "suites")?;
                (dir, peer)
            }
            Tree::Containers => {
                let dir = trees::containers()?;
                let peer = peers::erofs(&dir, "containers")?;
                (dir, peer)
            }
        };
        let extra = self.extra.map(|make| make()).transpose()?;
        let machine = Machine {
            kernel: artifacts.kernel.clone(),
            configuration: artifacts.configuration,
            initramfs: initramfs::make(self.name, artifacts, extra.as_deref())?,
            image: Placed::Reserved(image::build(artifacts, &dir, self.name)?),
            shared: Vec::new(),
            disks: Vec::new(),
            footprint: None,
            peers: vec![peer],
            processor,
        };
        let mut arguments = vec![format!("suite={}", self.name)];
        arguments.extend(filter.map(|filter| format!("filter={filter}")));
        let mut command = machine.command(&arguments)?;
        // The last one counts.
        command.arg("-m").arg(format!("{}M", self.memory));
        console::watch(&mut command, LIMIT, SILENCE)
    }
}
