// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exit status, in the bits of fsck(8).

/// The bit for an image that breaks a rule.
pub const FINDINGS: u8 = 4;
/// The bit for a check or an extraction that could not be completed.
pub const OPERATIONAL: u8 = 8;
/// The bit for a tree that could not be restored in full: its files are there, but not all owners,
/// modes, times, attributes, devices, links or names. fsck(8) does not use it.
pub const NOT_RESTORED: u8 = 64;
/// The status for a wrong command line.
pub const USAGE: u8 = 16;
