// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host memory that a guest takes.
//!
//! The guest's RAM is a file in memory, so the pages that the guest has ever touched can be counted
//! exactly. The memory of the emulator itself, mostly translations, is counted apart.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempDir};

use super::shared::{self, SharedMemory};

/// The account of a guest's memory.
#[derive(Debug)]
pub(crate) struct Footprint {
    /// The RAM below shared memory, or all of it, and the RAM above.
    ram: [NamedTempFile; 2],
    directory: TempDir,
}

/// Lengths in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The pages of its RAM that the guest has touched.
    pub(crate) ram: u64,
    /// The private memory of the emulator besides.
    pub(crate) emulator: u64,
}

impl Footprint {
    /// Returns an account for one guest.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            ram: [shared::file_in_memory()?, shared::file_in_memory()?],
            directory: tempfile::tempdir()?,
        })
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("pid")
    }

    /// Gives a guest `size` bytes of RAM.
    pub(super) fn attach(&self, qemu: &mut Command, size: u64) {
        let [ram, _] = &self.ram;
        shared::back(qemu, "ram", ram.path(), size);
        qemu.args(["-machine", "memory-backend=ram"]);
        self.attach_pid_file(qemu);
    }

    /// Gives a guest `size` bytes of RAM with `shared` at `address`, which is not counted.
    ///
    /// The three parts are the memory of NUMA nodes, which QEMU lays out one after the other. None
    /// may lie behind the memory of devices.
    ///
    /// # Errors
    /// When `shared` does not end before the RAM does.
    pub(super) fn attach_around(
        &self,
        qemu: &mut Command,
        size: u64,
        address: u64,
        shared: &SharedMemory,
    ) -> Result<()> {
        let rest = size.checked_sub(address + shared.size());
        let rest = rest.context("shared memory lies behind the RAM")?;
        let [below, above] = &self.ram;
        shared::back(qemu, "below", below.path(), address);
        shared.back(qemu, "pmem");
        shared::back(qemu, "above", above.path(), rest);
        qemu.args(["-numa", "node,nodeid=0,memdev=below"])
            .args(["-numa", "node,nodeid=1,memdev=pmem"])
            .args(["-numa", "node,nodeid=2,memdev=above"]);
        self.attach_pid_file(qemu);
        Ok(())
    }

    fn attach_pid_file(&self, qemu: &mut Command) {
        qemu.arg("-pidfile").arg(self.pid_file());
    }

    /// Measures the memory of the running guest.
    pub(crate) fn measure(&self) -> Result<Taken> {
        let [below, above] = &self.ram;
        let pid = fs::read_to_string(self.pid_file()).context("the guest does not run")?;
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.trim()))
            .context("the guest has ended")?;
        Ok(Taken {
            ram: allocated(below.path())? + allocated(above.path())?,
            emulator: field(&rollup, "Anonymous:").context("no Anonymous in smaps_rollup")?,
        })
    }
}

/// Returns the size in bytes of the memory that a file in memory takes.
pub(crate) fn allocated(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot use {}", path.display()))?;
    Ok(metadata.blocks() * 512)
}

/// Returns a field of smaps_rollup in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_read_in_bytes() {
        let text = "55-7f ---p 00000000 00:00 0   [rollup]\nRss:  10 kB\nAnonymous:   4 kB\n";
        assert_eq!(field(text, "Anonymous:"), Some(4096));
        assert_eq!(field(text, "Swap:"), None);
    }
}
