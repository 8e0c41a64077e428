// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounting and unmounting, with good and bad arguments; these cases come last.
//!
//! | module | owns |
//! |---|---|
//! | [`arguments`] | bad arguments, and mounts without privilege |
//! | [`context`] | mount contexts of the new mount API |
//! | [`contents`] | overlapping, dirty and forged images |
//! | [`idmapped`] | idmapped mounts |
//! | [`lifecycle`] | sharing, use during an unmount, release |

mod arguments;
mod contents;
mod context;
mod idmapped;
mod lifecycle;

use anyhow::{ensure, Result};

use super::extents::physical_address;
use super::Case;
use crate::image::phys;
use crate::sample::INNER_IMAGE;
use crate::sys::{self, read_text};
pub(super) use contents::identity_at;
use context::MountContext;

pub(super) const CASES: &[Case] = &[
    ("bad-arguments", arguments::bad_arguments),
    (
        "options-of-users-stay-out-of-the-kernel-log",
        arguments::kernel_log_of_users,
    ),
    ("overlapping-mounts-are-refused", contents::overlap),
    ("bytes-behind-the-end-that-are-not-zero", contents::soiled),
    ("identity", contents::identity),
    ("identity-ties-the-sections", contents::forged_digest),
    ("a-lie-about-the-size-costs-nothing", contents::endless),
    ("validate", contents::validate),
    ("validate-verifies-the-digests", contents::validated_digest),
    ("mounting-twice-shares", lifecycle::twice),
    ("mounting-needs-privilege", arguments::privilege),
    ("a-mount-in-use-stays", lifecycle::busy),
    ("idmapped-mounts", idmapped::idmapped),
    ("unmounting-gives-everything-back", lifecycle::give_back),
    (
        "unloading-after-failed-mounts",
        lifecycle::unload_after_failures,
    ),
    ("unloading-gives-everything-back", lifecycle::unload),
];

/// Tries to create a mount with these options; returns the error number (0 for none) and the
/// messages.
pub(super) fn attempt(options: &str) -> Result<(i32, String)> {
    let context = MountContext::open()?;
    let mut result = Ok(());
    for option in options.split(',').filter(|option| !option.is_empty()) {
        result = result.and_then(|()| context.set(option));
    }
    let result = result.and_then(|()| context.create());
    let number = result.as_ref().err().map_or(0, sys::errno);
    Ok((number, context.messages()))
}

pub(super) fn refused(options: &str, number: i32, says: &str) -> Result<()> {
    let (found, messages) = attempt(options)?;
    ensure!(
        found == number,
        "{options:?}: error {found}, not {number}: {messages}"
    );
    ensure!(
        messages.contains(says),
        "{options:?}: says {messages:?}, not {says:?}"
    );
    Ok(())
}

pub(super) fn parse(number: &str) -> Result<u64> {
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

/// Returns the address of a valid image within the image.
pub(super) fn inner_address() -> Result<u64> {
    let inner = physical_address(INNER_IMAGE)?;
    let outer = parse(&phys())?;
    ensure!(
        inner > outer && inner % (2 << 20) == 0,
        "the inner image is at {inner:#x}"
    );
    Ok(inner)
}

/// Returns the number of claims in /proc/iomem.
pub(super) fn claims() -> Result<usize> {
    Ok(read_text("/proc/iomem")?
        .lines()
        .filter(|line| line.ends_with(": daxfs"))
        .count())
}
