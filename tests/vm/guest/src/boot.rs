// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root file system of the cases: the initramfs, the image itself, or an overlay of it as hosts
//! of containers have it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use daxfs_vm_protocol::arguments::{Stage, Task};
use daxfs_vm_protocol::suite::Root;
use daxfs_vm_protocol::Arguments;

use crate::image::MOUNT;
use crate::sys;

/// The mount point of the image below an overlay.
pub(crate) const IMAGE: &str = "/run/image";

/// This program on another root.
pub(crate) const PROGRAM: &str = "/run/init";

/// The file that the host has added, on another root.
pub(crate) const EXTRA: &str = "/run/extra";

/// The mount point of an overlay that becomes the root.
const OVERLAY: &str = "/root";

/// Makes a file system the root, as an initramfs does, and starts this program there, or systemd.
/// Returns only where the root stays.
pub(crate) fn enter(root: Root, arguments: &Arguments) -> Result<()> {
    let mut arguments = arguments.clone();
    if let Task::Suite { stage, .. } = &mut arguments.task {
        *stage = Stage::Booted;
    }
    let words = arguments.to_words();
    let mut command = Command::new(PROGRAM);
    match root {
        Root::Initramfs => return Ok(()),
        Root::Image => {
            sys::mount("none", &format!("{MOUNT}/run"), "tmpfs", 0, "")?;
            furnish(MOUNT)?;
            switch_to(MOUNT)?;
            command.args(&words);
        }
        Root::Overlay => {
            enter_overlay()?;
            command.args(&words);
        }
        Root::Systemd => {
            enter_overlay()?;
            add_unit(&words)?;
            command = Command::new("/sbin/init");
        }
    }
    Err(command.exec()).context("cannot start a program on the new root")
}

/// Copies this program to a new root, and moves what is mounted there.
fn furnish(root: &str) -> Result<()> {
    fs::copy("/init", format!("{root}{PROGRAM}")).context("cannot copy the program")?;
    for name in ["dev", "proc", "sys", "tmp"] {
        move_mount(&format!("/{name}"), &format!("{root}/{name}"))?;
    }
    Ok(())
}

fn move_mount(from: &str, to: &str) -> Result<()> {
    let moved = sys::mount(from, to, "", libc::MS_MOVE, "");
    moved.with_context(|| format!("cannot move {from}"))
}

fn switch_to(root: &str) -> Result<()> {
    std::env::set_current_dir(root)?;
    move_mount(".", "/").context("cannot move the root")?;
    std::os::unix::fs::chroot(".")?;
    Ok(std::env::set_current_dir("/")?)
}

/// Makes an overlay of the image the root.
fn enter_overlay() -> Result<()> {
    let layers = "/layers";
    fs::create_dir_all(layers)?;
    sys::mount("none", layers, "tmpfs", 0, "size=90%")?;
    for directory in ["/layers/upper", "/layers/work", OVERLAY] {
        fs::create_dir_all(directory)?;
    }
    let options = format!("lowerdir={MOUNT},upperdir={layers}/upper,workdir={layers}/work");
    sys::mount("overlay", OVERLAY, "overlay", 0, &options).context("cannot mount the overlay")?;
    sys::mount("none", &format!("{OVERLAY}/run"), "tmpfs", 0, "mode=755")?;
    fs::create_dir(format!("{OVERLAY}{IMAGE}"))?;
    if Path::new("/extra").exists() {
        fs::copy("/extra", format!("{OVERLAY}{EXTRA}"))?;
    }
    // As udev makes it for shells.
    if !Path::new("/dev/fd").exists() {
        std::os::unix::fs::symlink("/proc/self/fd", "/dev/fd")?;
    }
    furnish(OVERLAY)?;
    move_mount(MOUNT, &format!("{OVERLAY}{IMAGE}"))?;
    switch_to(OVERLAY)?;
    // systemd as process 1 has little in its environment, and so has this program.
    std::env::set_var("HOME", "/root");
    Ok(())
}

/// Adds a service that runs the cases once the system is up, with the console as its output.
fn add_unit(words: &[String]) -> Result<()> {
    let unit = format!(
        "[Unit]
Description=The cases of the guest
After=multi-user.target
[Service]
Type=exec
ExecStart={PROGRAM} report {}
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/dev/console
StandardError=file:/dev/console
",
        words.join(" ")
    );
    let directory = "/etc/systemd/system";
    fs::write(format!("{directory}/daxfs-guest.service"), unit)?;
    let wants = format!("{directory}/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    std::os::unix::fs::symlink(
        "../daxfs-guest.service",
        format!("{wants}/daxfs-guest.service"),
    )?;
    std::os::unix::fs::symlink(
        "/lib/systemd/system/multi-user.target",
        format!("{directory}/default.target"),
    )
    .context("cannot choose the target to boot to")
}
