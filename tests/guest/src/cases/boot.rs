// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image as the root of the system.

use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use super::{boot, Case};
use crate::init::read_text;

pub(super) const CASES: &[Case] = &[
    boot("the-root-is-the-image", root),
    boot("the-system-checks-itself", check),
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
        let output = Command::new("/bin/bash")
            .args(["-ec", &format!("set -o pipefail; {line}")])
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{line}: {}: {}",
            output.status,
            said.trim()
        );
    }
    Ok(())
}
