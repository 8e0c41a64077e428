// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images that a mount refuses or must bear: overlapping, dirty, forged, endless ones.

use std::fs;

use anyhow::{ensure, Context, Result};

use super::super::at;
use super::{attempt, claims, inner_address, refused};
use crate::image::{mount_image, mount_with, phys, MOUNT};
use crate::sample::{CLEAN_FILE, DIRTY_FILE, ENDLESS, INNER_FILE, WRONG_DIGEST};
use crate::sys::{self, read_text};

/// Of two images that overlap in memory, only one can be mounted at a time.
pub(super) fn overlap() -> Result<()> {
    let inner = format!("phys={:#x}", inner_address()?);
    refused(&inner, libc::EBUSY, "in use")?;
    sys::unmount(MOUNT, 0)?;
    sys::mount("none", MOUNT, "daxfs", 0, &inner).context("the inner image alone")?;
    let text = fs::read_to_string(at(INNER_FILE.0));
    let outer = refused(&format!("phys={}", phys()), libc::EBUSY, "in use");
    sys::unmount(MOUNT, 0)?;
    mount_image()?;
    ensure!(text? == INNER_FILE.1, "another file");
    outer
}

/// A mapping shows the bytes behind a file's end in its last page. A file with nonzero bytes there
/// cannot be mapped, but read; other files of the image can be mapped.
pub(super) fn soiled() -> Result<()> {
    let inner = format!("phys={:#x}", inner_address()?);
    sys::unmount(MOUNT, 0)?;
    sys::mount("none", MOUNT, "daxfs", 0, &inner).context("the inner image alone")?;
    let result = map_soiled();
    sys::unmount(MOUNT, 0)?;
    mount_image()?;
    result
}

fn map_soiled() -> Result<()> {
    for flags in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
        let map = DIRTY_FILE.map(libc::PROT_READ, flags);
        sys::expect_errno("a map of dirty bytes", map, libc::EUCLEAN)?;
        let map = CLEAN_FILE.map(libc::PROT_READ, flags)?;
        CLEAN_FILE.expect_map(&map)?;
    }
    DIRTY_FILE.expect_read()
}

/// Returns the identity of the image at `phys`, from the message of a refusal.
pub(in super::super) fn identity_at(phys: &str) -> Result<String> {
    let options = format!("phys={phys},identity=sha256:{}", "0".repeat(64));
    let (number, messages) = attempt(&options)?;
    ensure!(number == libc::EKEYREJECTED, "error {number}: {messages}");
    let (_, found) = messages
        .split_once("sha256:")
        .context("no identity in the message")?;
    Ok(found.get(..64).context("a short identity")?.to_owned())
}

/// An image with a section whose checksum is right and whose digest is wrong can be mounted without
/// options, and is refused with an identity, even the right one.
pub(super) fn forged_digest() -> Result<()> {
    refused_for_its_digest(|place| {
        let digits = identity_at(place)?;
        Ok(format!("identity=sha256:{digits}"))
    })
}

/// It is also refused with the complete check.
pub(super) fn validated_digest() -> Result<()> {
    refused_for_its_digest(|_| Ok("validate".to_owned()))
}

/// The image whose digest is forged can be mounted, but not with this option.
fn refused_for_its_digest(option: impl Fn(&str) -> Result<String>) -> Result<()> {
    let place = format!("{:#x}", inner_address()? + WRONG_DIGEST);
    sys::unmount(MOUNT, 0)?;
    let plain = attempt(&format!("phys={place}"))?;
    let option = option(&place)?;
    let asked = refused(
        &format!("phys={place},{option}"),
        libc::EUCLEAN,
        "section-digest",
    );
    mount_image()?;
    ensure!(plain.0 == 0, "without {option}: {plain:?}");
    asked
}

/// A mount of an image of a few kilobytes that states a size of 64 GiB claims and allocates
/// nothing.
pub(super) fn endless() -> Result<()> {
    let place = format!("{:#x}", inner_address()? + ENDLESS);
    sys::unmount(MOUNT, 0)?;
    let believed = refused(&format!("phys={place}"), libc::EINVAL, "is RAM");
    let bounded = refused(
        &format!("phys={place},size=2M"),
        libc::EINVAL,
        "is less than the image's",
    );
    let left = claims()?;
    mount_image()?;
    ensure!(left == 0, "a claim is left");
    believed.and(bounded)
}

/// The identity that a refusal names is the one that is accepted.
pub(super) fn identity() -> Result<()> {
    let options = |digits: &str| format!("phys={},identity=sha256:{digits}", phys());
    let digits = &identity_at(&phys())?;
    let (number, messages) = attempt(&options(digits))?;
    ensure!(number == 0, "the right identity is refused: {messages}");
    let (number, _) = attempt(&options(&digits.to_uppercase()))?;
    ensure!(number == 0, "upper case is refused");
    sys::unmount(MOUNT, 0)?;
    let fresh = attempt(&options(&"1".repeat(64)))?;
    sys::mount("none", MOUNT, "daxfs", 0, &options(digits))?;
    ensure!(
        fresh.0 == libc::EKEYREJECTED,
        "a fresh mount of another identity: {fresh:?}"
    );
    let mounts = read_text("/proc/mounts")?;
    ensure!(
        mounts.contains(&format!("identity=sha256:{digits}")),
        "not shown: {mounts}"
    );
    Ok(())
}

pub(super) fn validate() -> Result<()> {
    let (number, messages) = attempt(&format!("phys={},validate", phys()))?;
    ensure!(number == 0, "a good image is refused: {messages}");
    sys::unmount(MOUNT, 0)?;
    mount_with(",validate")?;
    // The option is an action, which a remount must not repeat.
    ensure!(!read_text("/proc/mounts")?.contains("validate"), "shown");
    Ok(())
}
