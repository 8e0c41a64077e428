// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases on other images, and those that change an image.

use crate::suite::Case;

/// The cases on a Debian tree.
pub(super) const DEBIAN: &[Case] = &[
    Case::new("the-tree-is-what-it-was-made-from"),
    Case::new("programs-in-a-chroot"),
    Case::new("programs-over-overlayfs"),
    Case::new("bind-mount-as-root"),
    Case::new("four-pythons-share-their-pages"),
];

/// The cases with the image as root file system.
pub(super) const BOOT: &[Case] = &[
    Case::new("the-root-is-the-image"),
    Case::new("the-system-checks-itself"),
    Case::new("pivot-root"),
];

/// The cases on an image in a BAR.
pub(super) const BAR: &[Case] = &[
    Case::new("devices-finds-the-image"),
    Case::new("files-in-a-bar"),
    Case::new("a-high-bar-is-mapped-write-back"),
];

/// The cases on an image in a BAR that is mapped uncached, as a process that writes to it maps it
/// too.
pub(super) const LOW_BAR: &[Case] = &[
    Case::new("a-low-bar-is-mapped-uncached"),
    Case::new("a-store-into-the-bar-is-seen"),
    Case::new("ima-measures-what-others-have-changed"),
];

/// The cases on mutants of the reference image.
pub(super) const MUTANTS: &[Case] = &[
    Case::new("mutants-with-validate"),
    Case::new("mutants-without-validate"),
    Case::new("a-listing-breaks-off-at-a-broken-entry"),
    Case::new("checksums-are-verified-after-the-mount"),
    Case::new("an-acl-of-another-version-is-damage"),
    Case::new("two-who-mount-a-broken-root-hear-the-same"),
];

/// The cases in which allocations fail.
pub(super) const FAULTS: &[Case] = &[
    Case::new("failing-allocations-of-lookup"),
    Case::new("failing-allocations-of-open-and-read"),
    Case::new("failing-allocations-of-readdir"),
    Case::new("failing-allocations-of-symlinks"),
    Case::new("failing-allocations-of-attributes"),
    Case::new("failing-allocations-of-handles"),
    Case::new("failing-allocations-of-mmap"),
    Case::new("failing-allocations-of-faults"),
    Case::new("page-tables-that-find-no-memory"),
    Case::new("failing-allocations-of-mount"),
    Case::new("failing-allocations-of-unmount"),
];
