// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases on subsystems of the kernel that use the pages of others.

use super::sample::{BROKEN_MEMORY, KEPT};
use crate::suite::Case;

/// The words of the kernel when its test device for migration meets a page of another device.
const TEST_DEVICE: &[&str] = &["WARNING:", "Call Trace:"];

/// The cases of the suite `subsystems`.
pub(super) const SUBSYSTEMS: &[Case] = &[
    Case::new("splitting-by-process"),
    Case::new("splitting-after-many-accesses"),
    Case::new("splitting-by-file-and-everywhere"),
    Case::new("locked-pages-that-become-huge"),
    Case::new("long-term-pins").under_every_policy(),
    Case::new("long-term-pins-outlive-the-mount").announcing(KEPT),
    Case::new("long-term-pins-of-private-copies"),
    Case::new("a-device-mirrors-a-mapping"),
    Case::new("a-device-migrates-small-pages"),
    Case::new("a-device-migrates-huge-entries").announcing(TEST_DEVICE),
    Case::new("uprobes-before-and-after-mapping"),
    Case::new("uprobes-leave-no-copy-in-mappings"),
    Case::new("uprobes-count-calls"),
    Case::new("pages-stay-on-their-node"),
    Case::new("aging-by-generations"),
    Case::new("monitoring-by-damon"),
    Case::new("compaction-and-merging"),
    Case::new("failures-by-page-number").announcing(BROKEN_MEMORY),
    Case::new("soft-offlining-is-refused"),
    Case::new("calls-on-areas"),
    Case::new("secret-memory-beside-a-mapping"),
    Case::new("userfaultfd-takes-no-missing-pages"),
    Case::new("reads-that-must-not-wait"),
    Case::new("io-uring-reads-at-once"),
    Case::new("an-attempt-to-hibernate"),
];

/// The cases with devices of user space.
pub(super) const VFIO: &[Case] = &[Case::new("devices-of-user-space-pin-pages").announcing(KEPT)];
