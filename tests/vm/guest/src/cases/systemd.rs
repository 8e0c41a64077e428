// SPDX-License-Identifier: MIT OR Apache-2.0
//! systemd as process 1, on an overlay of the image.

use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::Case;
use crate::sys::{self, read_text};

pub(super) const CASES: &[Case] = &[
    ("the-root-is-an-overlay-of-the-image", root),
    ("the-system-runs", runs),
    ("no-unit-has-failed", none_failed),
    ("services-start-and-stop", service),
    ("the-journal-has-the-boot", journal),
];

fn root() -> Result<()> {
    ensure!(
        read_text("/proc/1/comm")?.trim() == "systemd",
        "another process 1"
    );
    let mounts = read_text("/proc/mounts")?;
    let on = |target: &str| {
        mounts
            .lines()
            .rev()
            .find(|line| line.split(' ').nth(1) == Some(target))
            .and_then(|line| line.split(' ').nth(2))
    };
    ensure!(on("/") == Some("overlay"), "the root is {:?}", on("/"));
    ensure!(
        on(crate::boot::IMAGE) == Some("daxfs"),
        "the image is {:?}",
        on(crate::boot::IMAGE)
    );
    Ok(())
}

fn runs() -> Result<()> {
    // It exits with an error where the system is degraded, but says what it is.
    let said = Command::new("systemctl")
        .args(["is-system-running", "--wait"])
        .output()?;
    let state = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let target = sys::output(Command::new("systemctl").args(["is-active", "multi-user.target"]))?;
    println!("{state}, multi-user.target {}", target.trim());
    ensure!(
        state == "running" && target.trim() == "active",
        "the system is {state}"
    );
    Ok(())
}

fn none_failed() -> Result<()> {
    let list = |state: &str| {
        sys::output(Command::new("systemctl").args(["list-units", "--plain", "--no-legend", state]))
    };
    let failed = list("--state=failed")?;
    println!(
        "{} units active, {} failed",
        list("--state=active")?.lines().count(),
        failed.lines().count()
    );
    ensure!(
        failed.trim().is_empty(),
        "failed: {}",
        failed.trim().replace('\n', "; ")
    );
    Ok(())
}

/// A service of a user of its own, with a view of the file system of its own.
fn service() -> Result<()> {
    let said = sys::output(Command::new("systemd-run").args([
        "--wait",
        "--pipe",
        "--quiet",
        "--property=DynamicUser=yes",
        "--property=ProtectSystem=strict",
        "--property=PrivateTmp=yes",
        "--property=MemoryMax=256M",
        "/usr/bin/python3",
        "-c",
        "import os, json; print(json.dumps([os.getuid() > 0, os.access('/etc', os.W_OK)]))",
    ]))?;
    ensure!(said.trim() == "[true, false]", "the service said {said}");
    Ok(())
}

fn journal() -> Result<()> {
    let text =
        sys::output(Command::new("journalctl").args(["--boot", "--no-pager", "--output=cat"]))?;
    let reached = text
        .lines()
        .find(|line| line.contains("Reached target") && line.contains("Multi-User"));
    reached.context("the journal does not tell of multi-user.target")?;
    println!("{} lines", text.lines().count());
    Ok(())
}
