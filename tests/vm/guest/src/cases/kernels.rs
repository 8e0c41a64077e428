// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two kernels that run from one image at the same time. The host compares what they take.

use std::process::{Child, Command, Stdio};

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::words::two_kernels;

use super::{debian, Case};
use crate::control::Control;
use crate::image::MOUNT;

pub(super) const CASES: &[Case] = &[
    ("atomics-reach-the-other-kernel", atomics),
    ("programs-in-both-kernels", programs),
    ("containers-in-both-kernels", containers),
];

/// The number of increments of each guest.
const COUNTS: u32 = 100_000;

/// If this fails, the emulation does not share memory atomically, and no other result counts.
fn atomics() -> Result<()> {
    let control = Control::open()?;
    control.step(two_kernels::COUNTING)?;
    for _ in 0..COUNTS {
        control.count();
    }
    control.step(two_kernels::COUNTED)?;
    let counted = control.counted();
    ensure!(
        counted == 2 * COUNTS,
        "counted {counted}, not {}",
        2 * COUNTS
    );
    Ok(())
}

fn programs() -> Result<()> {
    let control = Control::open()?;
    let _furniture = debian::Furniture::new(MOUNT, &["tmp"])?;
    control.step(two_kernels::PROGRAMS)?;
    let ran = debian::run_programs(MOUNT, &["python", "git", "gcc"]);
    control.step(two_kernels::PROGRAMS_RAN)?;
    ran
}

/// The number of containers of a kernel.
const CONTAINERS: usize = 4;

/// The program of a container: it maps large files privately, reads every page, and waits.
const SCRIPT: &str = "
import glob, json, mmap, os, subprocess
maps = []
for name in ('cc1', 'cc1plus', 'lto1'):
    for path in glob.glob('/usr/lib/gcc/x86_64-linux-gnu/*/' + name):
        with open(path, 'rb') as file:
            area = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        sum(area[at] for at in range(0, len(area), 4096))
        maps.append(area)
print(sum(len(area) for area in maps) >> 20, flush=True)
input()
";

/// Containers that run until they are dropped.
pub(crate) struct Containers(Vec<Child>);

impl Containers {
    /// Starts them with `root` as their root, one after another, and waits until each is ready.
    pub(crate) fn start(root: &str) -> Result<Self> {
        let mut all = Self(Vec::new());
        for _ in 0..CONTAINERS {
            all.0.push(container(root)?);
        }
        Ok(all)
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn container(root: &str) -> Result<Child> {
    let mut child = Command::new("/bin/busybox")
        .args(["chroot", root, "/usr/bin/python3", "-c", SCRIPT])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("no output")?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
    let mapped: u64 = line
        .trim()
        .parse()
        .with_context(|| format!("a container said {line:?}"))?;
    ensure!(mapped > 60, "a container has mapped {mapped} MiB only");
    Ok(child)
}

fn containers() -> Result<()> {
    let control = Control::open()?;
    let _furniture = debian::Furniture::new(MOUNT, &["tmp"])?;
    control.step(two_kernels::NO_CONTAINERS)?;
    let containers = Containers::start(MOUNT);
    // The host looks at what both take while the containers are there.
    control.step(two_kernels::CONTAINERS)?;
    containers.map(drop)
}
