// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory of processes, inodes and contents.
//!
//! Each figure is taken twice: the charge of the workers' cgroup (anonymous memory, page cache, and
//! memory of the kernel), and the decrease of the machine's free memory. Neither includes memory
//! from before the workers. A copy in the page cache counts in both, since it is made while they
//! run; the first process that touches a page is charged.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, PROT_READ};

use super::{drop_caches, walk, Figures, ROOT};
use crate::meminfo;
use crate::sys::read_text;
use crate::sys::{self, Child, Map};

/// The directories of all cgroups, and of the workers' cgroup.
const CGROUPS: &str = "/sys/fs/cgroup";
const WORKERS: &str = "/sys/fs/cgroup/workers";

/// The number of processes that share.
const SHARERS: usize = 4;

/// Makes cgroups count memory.
pub(super) fn set_up() -> Result<()> {
    sys::mount("none", CGROUPS, "cgroup2", 0, "").context("cannot mount the cgroups")?;
    fs::write(format!("{CGROUPS}/cgroup.subtree_control"), "+memory")
        .context("cgroups do not count memory")
}

pub(super) fn measure(figures: &Figures) -> Result<()> {
    mappings(figures).context("4 mappings")?;
    pythons(figures).context("4 python3")?;
    // In tmpfs all inodes and contents are in memory from the start.
    if figures.column != "tmpfs" {
        walks(figures).context("walks")?;
    }
    Ok(())
}

/// A cgroup for workers, and the free memory before they started.
struct Account {
    free: i64,
}

impl Account {
    fn open() -> Result<Self> {
        fs::create_dir(WORKERS).context("cannot make a cgroup")?;
        drop_caches()?;
        Ok(Self { free: free()? })
    }

    /// Adds the memory of the workers so far.
    fn tell(&self, figures: &Figures, what: &str) -> Result<()> {
        let taken = self.free - free()?;
        figures.tell(&format!("{what}, kB charged"), charged()?);
        figures.tell(&format!("{what}, kB less free"), taken);
        Ok(())
    }

    /// Removes the cgroup, whose processes have ended.
    fn close(self) -> Result<()> {
        for _ in 0..100 {
            if fs::remove_dir(WORKERS).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        fs::remove_dir(WORKERS).context("processes stay in the cgroup")
    }
}

/// Returns the free memory in kB, after the lists of processors were emptied.
fn free() -> Result<i64> {
    // Freed objects come back after a grace period; counters are folded every few seconds.
    thread::sleep(Duration::from_secs(3));
    fs::write("/proc/sys/vm/compact_memory", "1")?;
    fs::write("/proc/sys/vm/stat_refresh", "1")?;
    meminfo::free()
}

/// Returns the charge of the workers' cgroup in kB. `memory.current` includes charges in advance.
fn charged() -> Result<i64> {
    let stat = read_text(format!("{WORKERS}/memory.stat"))?;
    let parts = ["anon ", "file ", "kernel "].map(|name| meminfo::number(&stat, name));
    parts
        .into_iter()
        .try_fold(0, |sum, part| Ok(sum + part? / 1024))
}

/// Joins the workers' cgroup.
fn join() -> Result<()> {
    fs::write(format!("{WORKERS}/cgroup.procs"), "0").context("cannot join the cgroup")
}

/// 4 processes map the same 64 MiB privately, and touch all of it.
fn mappings(figures: &Figures) -> Result<()> {
    let account = Account::open()?;
    let (ready, end) = sys::pipe()?;
    let mut end = File::from(end);
    let workers: Vec<Child> = (0..SHARERS)
        .map(|_| {
            Child::fork(|| {
                join()?;
                let map = Map::new(&large()?, 0, LARGE, PROT_READ, MAP_PRIVATE)?;
                super::maps::touch_all(&map);
                std::io::Write::write_all(&mut end, b"!")?;
                sys::wait_for_end()
            })
        })
        .collect::<Result<_>>()?;
    File::from(ready).read_exact(&mut [0; SHARERS])?;
    account.tell(figures, "4 processes with 64 MiB private")?;
    workers.into_iter().try_for_each(Child::kill)?;
    account.close()
}

const LARGE: u64 = 64 << 20;

fn large() -> Result<File> {
    Ok(File::open(format!("{ROOT}/large"))?)
}

/// 4 interpreters that keep running.
fn pythons(figures: &Figures) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let account = Account::open()?;
    let script = "import sys; print(1, flush=True); sys.stdin.read()";
    let start = || -> Result<std::process::Child> {
        let mut command = Command::new("/usr/bin/python3");
        command
            .args(["-c", script])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let enter = || {
            join().map_err(std::io::Error::other)?;
            std::os::unix::fs::chroot(ROOT)?;
            std::env::set_current_dir("/")
        };
        // SAFETY: The process that forks has one thread, so that its child may do anything.
        unsafe { command.pre_exec(enter) };
        Ok(command.spawn()?)
    };
    let mut workers = (0..SHARERS).map(|_| start()).collect::<Result<Vec<_>>>()?;
    for worker in &mut workers {
        worker
            .stdout
            .as_mut()
            .context("no output")?
            .read_exact(&mut [0])?;
    }
    account.tell(figures, "4 python3 kept alive")?;
    for mut worker in workers {
        drop(worker.stdin.take());
        ensure!(worker.wait()?.success(), "python3 failed");
    }
    account.close()
}

/// After looking at every entry, and then after reading every file.
fn walks(figures: &Figures) -> Result<()> {
    let account = Account::open()?;
    in_cgroup(|| walk(|_, _| Ok(())))?;
    account.tell(figures, "memory after stat of every entry")?;
    in_cgroup(|| {
        let mut buffer = vec![0; 1 << 20];
        walk(|path, _| {
            let mut file = File::open(path)?;
            while file.read(&mut buffer)? != 0 {}
            Ok(())
        })
    })?;
    account.tell(figures, "memory after reading every file")?;
    account.close()
}

fn in_cgroup(work: impl FnOnce() -> Result<()>) -> Result<()> {
    sys::in_child(|| {
        join()?;
        work()
    })
}
