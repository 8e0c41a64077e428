// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image under test, and where it is mounted.

use anyhow::{Context, Result};
use daxfs_vm_protocol::{arguments::IN_BAR, words::IMAGE_BAR, Setting};

use crate::settings;
use crate::shared::Bar;
use crate::sys;

/// The mount point of the image.
pub(crate) const MOUNT: &str = "/mnt";

/// The module.
pub(crate) const MODULE: &str = "/daxfs.ko";

/// Returns the physical address of the image.
pub(crate) fn phys() -> String {
    settings::get(Setting::Phys).unwrap_or_default()
}

/// Returns the physical address that an argument of init states.
pub(crate) fn resolve(phys: &str) -> Result<String> {
    if phys == IN_BAR {
        return Ok(format!("{:#x}", Bar::nth(IMAGE_BAR)?.address));
    }
    Ok(phys.to_owned())
}

/// Mounts the image where the cases expect it.
pub(crate) fn mount_image() -> Result<()> {
    mount_with("")
}

/// Mounts the image there with more options, which begin with a comma.
pub(crate) fn mount_with(options: &str) -> Result<()> {
    mount_at(MOUNT, options)
}

/// Mounts the image anywhere with more options, which begin with a comma.
pub(crate) fn mount_at(target: &str, options: &str) -> Result<()> {
    sys::mount(
        "none",
        target,
        "daxfs",
        0,
        &format!("phys={}{options}", phys()),
    )
}

/// Returns true if anything is mounted where the cases expect the image.
pub(crate) fn is_mounted() -> bool {
    let mounts = sys::read_text("/proc/mounts").unwrap_or_default();
    let mut targets = mounts.lines().map(|line| line.split(' ').nth(1));
    targets.any(|target| target == Some(MOUNT))
}

/// Mounts the image again where a failed case has left nothing, so that the next ones do not fail
/// too.
pub(crate) fn put_back() {
    if !is_mounted() {
        // The module is mostly still there. If the mount fails, the next case reports it.
        let _ = sys::load_module(MODULE);
        let _ = mount_image();
    }
}

/// Loads the module and mounts the image.
pub(crate) fn set_up() -> Result<()> {
    sys::load_module(MODULE).context("cannot load daxfs.ko")?;
    mount_image().context("cannot mount the image")
}
