// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exit status, in the bits of fsck(8).

/// The bit for an image that breaks a rule.
pub const FINDINGS: u8 = 4;
/// The bit for a check or an extraction that could not be completed.
pub const OPERATIONAL: u8 = 8;
/// The status for a wrong command line.
pub const USAGE: u8 = 16;
