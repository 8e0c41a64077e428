// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trees, and the scratch space beside them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::report::Log;
use crate::tree::record::{self, Record};
use crate::tree::replicate::{self, Order};
use crate::tree::{self, debian, oddities};
use crate::{kernel, workspace};

/// One tree under test.
pub(crate) struct Subject {
    /// Its name in the report.
    pub name: &'static str,
    /// The tree.
    pub source: PathBuf,
    /// A directory of its own for images and extracted trees.
    pub work: PathBuf,
    /// The recording of the tree.
    pub records: Vec<Record>,
    /// Removes `work` with the subject, if it is in memory.
    _in_memory: Option<TempDir>,
}

/// Available memory, in bytes, from which on images and copies of the kernel source are kept in
/// memory: they take half of it. A disk creates and removes 100,000 files much more slowly.
pub(super) const ROOM: u64 = 14 << 30;

/// Maker of a tree: the name of the stage, and the function.
type Prepare = (&'static str, fn(&mut Log) -> Result<Subject>);

impl Subject {
    /// A Debian root file system with the oddities added.
    pub(super) const DEBIAN: Prepare = ("debian: tree", Self::prepare_debian);

    /// The source of the Linux kernel.
    pub(super) const LINUX: Prepare = ("linux: tree", Self::prepare_linux);

    fn prepare_debian(log: &mut Log) -> Result<Self> {
        let pristine = debian::obtain()?;
        let work = work("debian")?;
        let source = work.join("source");
        replicate::copy(
            &pristine,
            &record::read(&pristine)?,
            &source,
            Order::Forward,
        )?;
        oddities::add(&source)?;
        Self::new(log, "debian", source, work)
    }

    fn prepare_linux(log: &mut Log) -> Result<Self> {
        let source = kernel::source::obtain()?;
        if available_memory()? < ROOM {
            return Self::new(log, "linux", source, work("linux")?);
        }
        let scratch = tempfile::Builder::new()
            .prefix("daxfs-")
            .tempdir_in(workspace::tmpfs()?)?;
        let subject = Self::new(log, "linux", source, scratch.path().to_owned())?;
        Ok(Self {
            _in_memory: Some(scratch),
            ..subject
        })
    }

    fn new(log: &mut Log, name: &'static str, source: PathBuf, work: PathBuf) -> Result<Self> {
        let records = record::read(&source)?;
        let bytes: u64 = records.iter().map(|record| record.size).sum();
        log.note(format!("{} entries, {bytes} bytes", records.len()));
        Ok(Self {
            name,
            source,
            work,
            records,
            _in_memory: None,
        })
    }

    /// Removes the scratch space.
    pub(super) fn clean(&self) -> Result<()> {
        tree::remove(&self.work)
    }
}

/// Returns the memory that is available without swapping, in bytes.
pub(super) fn available_memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    Ok(kib
        .context("/proc/meminfo has no MemAvailable")?
        .parse::<u64>()?
        * 1024)
}

/// Makes an empty scratch directory for the tree `name`.
fn work(name: &str) -> Result<PathBuf> {
    let dir: &Path = &workspace::scratch_dir()?.join("roundtrip").join(name);
    tree::remove(dir)?;
    fs::create_dir_all(dir)?;
    Ok(dir.to_owned())
}
