// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that several guests share: a file in memory, which is a BAR of a PCI device in each
//! guest, or a part of its RAM.
//!
//! The device is QEMU's `ivshmem-plain`, PCI 1af4:1110. Its BAR 2 is the file: a store of one guest
//! is visible to the others, and to readers of the file. Firmware aligns a BAR to its size, which
//! is a power of two, so an image in it is aligned to 2 MiB.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::footprint;
use crate::workspace;

/// The minimal length and the alignment in bytes of memory that holds an image.
const LEAST: u64 = 2 << 20;

/// A directory whose files are memory.
const MEMORY: &str = "/dev/shm";

/// A file that is memory of several guests; it is removed when the last user drops it.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    file: NamedTempFile,
    size: u64,
}

impl SharedMemory {
    /// Returns memory for a BAR, with a copy of `image` at its beginning.
    pub(crate) fn holding(image: &Path) -> Result<Arc<Self>> {
        Self::copy(image, u64::next_power_of_two)
    }

    /// Returns memory for a pmem device that holds just a copy of `image`.
    pub(crate) fn for_pmem(image: &Path) -> Result<Arc<Self>> {
        Self::copy(image, |length| length.next_multiple_of(LEAST))
    }

    fn copy(image: &Path, size: impl FnOnce(u64) -> u64) -> Result<Arc<Self>> {
        let cannot = || format!("cannot put {} into shared memory", image.display());
        let mut from = File::open(image).with_context(cannot)?;
        let length = from.metadata().with_context(cannot)?.len();
        let mut memory = Self::create(size(length.max(LEAST))).with_context(cannot)?;
        io::copy(&mut from, memory.file.as_file_mut()).with_context(cannot)?;
        Ok(Arc::new(memory))
    }

    /// Returns memory for a BAR of at least this length, full of zeros.
    pub(crate) fn blank(length: u64) -> Result<Arc<Self>> {
        Self::create(length.next_power_of_two()).map(Arc::new)
    }

    fn create(size: u64) -> Result<Self> {
        let file = file_in_memory()?;
        file.as_file().set_len(size)?;
        Ok(Self { file, size })
    }

    /// Returns the file, which the guests' loads and stores access.
    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Returns the size in bytes of the memory in use.
    pub(crate) fn allocated(&self) -> Result<u64> {
        footprint::allocated(self.file.path())
    }

    /// Returns the length in bytes.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Attaches the memory to a guest as BAR of its device `number`.
    pub(super) fn attach(&self, qemu: &mut Command, number: usize) {
        let id = format!("shared{number}");
        self.back(qemu, &id);
        qemu.arg("-device")
            .arg(format!("ivshmem-plain,memdev={id}"));
    }

    /// Gives QEMU the memory as a backend for devices of a guest.
    pub(super) fn back(&self, qemu: &mut Command, id: &str) {
        back(qemu, id, self.file.path(), self.size);
    }
}

/// Gives QEMU a file as memory of a guest, whose stores go to the file.
pub(super) fn back(qemu: &mut Command, id: &str, file: &Path, size: u64) {
    let file = file.display();
    qemu.arg("-object").arg(format!(
        "memory-backend-file,id={id},mem-path={file},size={size},share=on"
    ));
}

/// Creates a file in memory, or in the scratch directory of a machine without such files.
pub(super) fn file_in_memory() -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("daxfs-memory-");
    Ok(if Path::new(MEMORY).is_dir() {
        builder.tempfile_in(MEMORY)?
    } else {
        builder.tempfile_in(workspace::scratch_dir()?)?
    })
}
