// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image as the lower layer of a root that can be written: what hosts of containers, and systems
//! that change, boot from.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::init::MOUNT;
use crate::sys;

/// Where the image itself is mounted, once the root is a layer above it.
pub(crate) const IMAGE: &str = "/run/image";

/// Where the program is then.
pub(crate) const PROGRAM: &str = "/run/init";

/// Where the file that the host added is then.
pub(crate) const EXTRA: &str = "/run/extra";

/// The suites that boot so.
const SUITES: &[&str] = &["fio", "selftests", "stress", "containers", "systemd"];

/// Where the new root is put together.
const ROOT: &str = "/root";

/// Whether a suite boots so.
pub(crate) fn wanted(suite: &str) -> bool {
    SUITES.contains(&suite)
}

/// Makes an overlay of the image the root, as an initramfs does, and goes on there: with systemd if
/// that is what is tested, else with this program.
pub(crate) fn boot(suite: &str, arguments: &[String]) -> Result<()> {
    let layers = "/layers";
    fs::create_dir_all(layers)?;
    sys::mount("none", layers, "tmpfs", 0, "size=90%")?;
    for directory in ["/layers/upper", "/layers/work", ROOT] {
        fs::create_dir_all(directory)?;
    }
    let options = format!("lowerdir={MOUNT},upperdir={layers}/upper,workdir={layers}/work");
    sys::mount("overlay", ROOT, "overlay", 0, &options).context("cannot mount the overlay")?;
    furnish()?;
    std::env::set_current_dir(ROOT)?;
    sys::mount(".", "/", "", libc::MS_MOVE, "").context("cannot move the root")?;
    std::os::unix::fs::chroot(".")?;
    std::env::set_current_dir("/")?;
    // systemd as process 1 has little in its environment, and so has this program.
    std::env::set_var("HOME", "/root");
    let error = if suite == "systemd" {
        add_unit(arguments)?;
        Command::new("/sbin/init").exec()
    } else {
        Command::new(PROGRAM).args(arguments).exec()
    };
    Err(error).context("cannot start a program on the new root")
}

/// Moves what is mounted to the new root.
fn furnish() -> Result<()> {
    let run = format!("{ROOT}/run");
    sys::mount("none", &run, "tmpfs", 0, "mode=755")?;
    fs::create_dir(format!("{ROOT}{IMAGE}"))?;
    fs::copy("/init", format!("{ROOT}{PROGRAM}")).context("cannot copy the program")?;
    if Path::new("/extra").exists() {
        fs::copy("/extra", format!("{ROOT}{EXTRA}"))?;
    }
    // As udev would make it; shells want it.
    if !Path::new("/dev/fd").exists() {
        std::os::unix::fs::symlink("/proc/self/fd", "/dev/fd")?;
    }
    let moves =
        ["dev", "proc", "sys", "tmp"].map(|name| (format!("/{name}"), format!("{ROOT}/{name}")));
    let image = [(MOUNT.to_owned(), format!("{ROOT}{IMAGE}"))];
    for (from, to) in moves.into_iter().chain(image) {
        sys::mount(&from, &to, "", libc::MS_MOVE, "")
            .with_context(|| format!("cannot move {from}"))?;
    }
    Ok(())
}

/// A service that runs the cases once the system is up, and a console that shows what they say.
fn add_unit(arguments: &[String]) -> Result<()> {
    let unit = format!(
        "[Unit]
Description=The cases of the guest
After=multi-user.target
[Service]
Type=exec
Environment=DAXFS_PHYS={}
ExecStart={PROGRAM} report {}
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/dev/console
StandardError=file:/dev/console
",
        crate::init::phys(),
        arguments.join(" ")
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
