// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image as the root of the system.

use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use super::Case;
use crate::sys;
use crate::sys::read_text;

pub(super) const CASES: &[Case] = &[
    ("the-root-is-the-image", root),
    ("the-system-checks-itself", check),
    ("pivot-root", pivot),
];

fn root() -> Result<()> {
    let mounts = read_text("/proc/mounts")?;
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(1) == Some("/") && !line.starts_with("rootfs"));
    let line = line.context("no root")?;
    ensure!(
        line.split(' ').nth(2) == Some("daxfs"),
        "the root is {line}"
    );
    Ok(())
}

/// Each line of the script is one thing that a system does.
const SCRIPT: &str = "set -eo pipefail
test \"$(stat -f -c %T / 2>/dev/null || true)\" != tmpfs
. /etc/os-release; test \"$ID\" = debian
test \"$(id -un)\" = root
ls -lR /etc /usr/bin > /tmp/listing; test -s /tmp/listing
find / -xdev -type f | wc -l | grep -q '^[0-9]\\{4,\\}'
python3 -c 'import ssl, json, ctypes; print(ssl.OPENSSL_VERSION)'
perl -e 'use POSIX; exit 0'
dpkg --verify coreutils bash python3.11-minimal
getent passwd root
mount -t tmpfs none /mnt && touch /mnt/file && umount /mnt
if touch /file 2>/dev/null; then exit 1; fi
exec 3</etc/passwd; read -r line <&3; test -n \"$line\"";

fn check() -> Result<()> {
    for line in SCRIPT.lines().skip(1) {
        let line = format!("set -o pipefail; {line}");
        sys::output(Command::new("/bin/bash").args(["-ec", &line]))?;
    }
    Ok(())
}

/// As a container runtime does it: in a mount namespace of its own, a bind mount of the image
/// becomes the root, and the old root goes.
fn pivot() -> Result<()> {
    sys::in_child(|| {
        sys::unshare_mounts()?;
        let root = "/tmp/root";
        std::fs::create_dir_all(root)?;
        sys::mount("/", root, "", libc::MS_BIND, "")?;
        std::env::set_current_dir(root)?;
        let here = sys::address_of(c".".to_bytes_with_nul());
        sys::syscall(libc::SYS_pivot_root, [here, here, 0, 0, 0]).context("pivot_root")?;
        sys::unmount(".", libc::MNT_DETACH).context("cannot let go of the old root")?;
        std::env::set_current_dir("/")?;
        sys::mount("none", "/proc", "proc", 0, "")?;
        let mounts = read_text("/proc/self/mountinfo")?;
        let kinds: Vec<_> = mounts
            .lines()
            .filter_map(|line| line.split(" - ").nth(1)?.split(' ').next())
            .collect();
        ensure!(kinds == ["daxfs", "proc"], "mounted are {kinds:?}");
        let status = Command::new("/usr/bin/python3")
            .args(["-c", "import json, sys; assert sys.path"])
            .stdin(Stdio::inherit())
            .status()?;
        ensure!(status.success(), "python3 failed: {status}");
        Ok(())
    })
}
