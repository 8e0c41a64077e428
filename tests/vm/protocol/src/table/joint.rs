// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases of two guests, and of benchmarks.

use crate::suite::Case;

/// The cases of each of two kernels on one image.
pub(super) const KERNELS: &[Case] = &[
    Case::new("atomics-reach-the-other-kernel"),
    Case::new("programs-in-both-kernels"),
    Case::new("containers-in-both-kernels"),
];

/// The cases of a kernel that writes over an image that another one has mounted.
pub(super) const PEER: &[Case] = &[Case::new("scribbling")];

/// The cases of the kernel that has it mounted.
pub(super) const VICTIM: &[Case] = &[Case::new("living-with-a-hostile-peer")];

/// The cases of each of two kernels whose memory is measured.
pub(super) const SHARE: &[Case] = &[Case::new("containers")];

/// The cases that measure this file system beside others.
pub(super) const MOUNT: &[Case] = &[Case::new("costs")];
