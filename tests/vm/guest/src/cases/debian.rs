// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian root file system: it is what it was made from, and its programs run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use super::Case;
use crate::image::MOUNT;
use crate::overlay::Overlay;
use crate::sys::read_text;
use crate::{manifest, meminfo, sys};

pub(super) const CASES: &[Case] = &[
    ("the-tree-is-what-it-was-made-from", same_tree),
    ("programs-in-a-chroot", in_chroot),
    ("programs-over-overlayfs", over_overlay),
    ("bind-mount-as-root", bind_as_root),
    ("four-pythons-share-their-pages", pythons),
];

fn same_tree() -> Result<()> {
    let wanted = read_text("/extra")?;
    let wanted: Vec<&str> = wanted.lines().collect();
    let found = manifest::lines(Path::new(MOUNT))?;
    for (found, wanted) in found.iter().zip(&wanted) {
        ensure!(found == wanted, "found {found:?}, not {wanted:?}");
    }
    ensure!(
        found.len() == wanted.len(),
        "{} entries, not {}",
        found.len(),
        wanted.len()
    );
    println!("{} entries compared", found.len());
    Ok(())
}

/// Scripts that each use much of a user land; all of them work in /tmp.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "python",
        "python3 -c 'import json, re, hashlib, subprocess, sqlite3, asyncio, decimal
print(hashlib.sha256(json.dumps({\"a\": 1}).encode()).hexdigest()[:8], sum(range(1000)))
subprocess.run([\"true\"], check=True)'",
    ),
    (
        "git",
        "rm -rf /tmp/repo && git init -q /tmp/repo && cd /tmp/repo && echo hello > file && git add file &&
git -c user.name=a -c user.email=a@b commit -q -m first && git log --oneline | grep -q first && git fsck --strict",
    ),
    (
        "gcc",
        "cd /tmp && printf '#include <stdio.h>\\n#include <math.h>\\nint main(void){printf(\"%%d\\\\n\",(int)sqrt(1764.0));}' > a.c &&
gcc -O2 -o a.out a.c -lm && test \"$(./a.out)\" = 42",
    ),
    ("perl", "perl -MFile::Find -MPOSIX -e 'my $n = 0; find(sub { $n++ }, \"/usr/share/perl\"); exit($n > 100 ? 0 : 1)'"),
    (
        "pipelines",
        "set -o pipefail; find /usr/bin -type f | sort | head -c 100000000 | xargs -n 50 sha256sum | awk '{print $1}' | sort -u | wc -l | grep -q '^[0-9]'",
    ),
    ("archives", "tar -C /usr/share -cf - doc | gzip -1 | zcat | tar -tf - | wc -l | grep -qv '^0$'"),
    ("linker", "ldd /usr/bin/git | grep -q libc.so.6 && dpkg -l | grep -q '^ii'"),
];

/// Runs all programs below `root`, which has /proc, /dev and a writable /tmp.
fn run_all_programs(root: &str) -> Result<()> {
    let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    run_programs(root, &names)
}

/// Runs the programs with these names.
pub(super) fn run_programs(root: &str, names: &[&str]) -> Result<()> {
    for (name, script) in PROGRAMS.iter().filter(|(name, _)| names.contains(name)) {
        let mut shell = Command::new("/bin/busybox");
        shell
            .args(["chroot", root, "/bin/bash", "-c", script])
            .env("HOME", "/tmp")
            .env("LC_ALL", "C");
        sys::output(&mut shell).context(*name)?;
    }
    Ok(())
}

/// The file systems that programs expect below their root, taken away when dropped.
pub(super) struct Furniture(String);

impl Furniture {
    /// Mounts them below `root`, and memory on the directories `scratch`.
    pub(super) fn new(root: &str, scratch: &[&str]) -> Result<Self> {
        sys::mount("none", &format!("{root}/proc"), "proc", 0, "")?;
        let furniture = Self(root.to_owned());
        sys::mount("/dev", &format!("{root}/dev"), "", libc::MS_BIND, "")?;
        for name in scratch {
            sys::mount("none", &format!("{root}/{name}"), "tmpfs", 0, "")?;
        }
        Ok(furniture)
    }
}

impl Drop for Furniture {
    fn drop(&mut self) {
        for name in ["tmp", "dev", "proc"] {
            let _ = sys::unmount(&format!("{}/{name}", self.0), libc::MNT_DETACH);
        }
    }
}

fn in_chroot() -> Result<()> {
    let _furniture = Furniture::new(MOUNT, &["tmp"])?;
    run_all_programs(MOUNT)
}

fn over_overlay() -> Result<()> {
    let options = ",index=on,metacopy=on,redirect_dir=on,xino=on";
    let overlay = Overlay::of(MOUNT, "/tmp/layers", options)?;
    programs_and_changes(overlay.root())
}

fn programs_and_changes(root: &str) -> Result<()> {
    let _furniture = Furniture::new(root, &[])?;
    run_all_programs(root)?;
    let script = "set -e; echo changed >> /etc/passwd; rm -r /usr/share/doc; mv /etc/alternatives /etc/other;
cp -a /usr/lib/git-core /opt/git-core; ln /usr/bin/perl /usr/bin/perl-again; useradd -m someone; chmod -R go-rx /var/log";
    let mut shell = Command::new("/bin/busybox");
    shell.args(["chroot", root, "/bin/bash", "-c", script]);
    sys::output(&mut shell).context("changes")?;
    ensure!(
        !Path::new(root).join("usr/share/doc").exists(),
        "a removed directory is there"
    );
    ensure!(
        Path::new(MOUNT).join("usr/share/doc").exists(),
        "the image has changed"
    );
    Ok(())
}

/// As a simple container does it: a bind mount of the image is the root of a process in a mount
/// namespace of its own. `pivot_root` cannot leave the initramfs.
fn bind_as_root() -> Result<()> {
    sys::in_child(|| {
        sys::unshare_mounts()?;
        let between = "/tmp/between";
        fs::create_dir_all(between)?;
        sys::mount(MOUNT, between, "", libc::MS_BIND, "")?;
        std::os::unix::fs::chroot(between)?;
        std::env::set_current_dir("/")?;
        let output = Command::new("/bin/sh")
            .args(["-c", "test -x /usr/bin/python3"])
            .stdin(Stdio::inherit())
            .status()?;
        ensure!(output.success(), "the shell failed: {output}");
        Ok(())
    })
}

/// Program text and libraries are the image's pages; only what is written costs memory.
fn pythons() -> Result<()> {
    let _furniture = Furniture::new(MOUNT, &["tmp"])?;
    let start = || {
        Command::new("/bin/busybox")
            .args([
                "chroot",
                MOUNT,
                "/usr/bin/python3",
                "-c",
                "import time; print(1, flush=True); time.sleep(1000)",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
    };
    let ready = |child: &mut std::process::Child| -> Result<()> {
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().context("no output")?, &mut byte)?;
        Ok(())
    };
    let mut warm = start()?;
    ready(&mut warm)?;
    let before = meminfo::free()?;
    let mut children = (0..4)
        .map(|_| start())
        .collect::<std::io::Result<Vec<_>>>()?;
    children.iter_mut().try_for_each(ready)?;
    let used = before - meminfo::free()?;
    for child in children.iter_mut().chain([&mut warm]) {
        child.kill()?;
        child.wait()?;
    }
    println!("4 python3: {used} kB");
    ensure!(used < 24_000, "4 python3 take {used} kB");
    Ok(())
}
