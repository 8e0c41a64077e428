// SPDX-License-Identifier: GPL-2.0-only
//! Images: opening and checking them. This layer knows the format and the memory, and no VFS.
//!
//! | module | owns |
//! |---|---|
//! | [`mounted`] | an image that is mounted |
//! | [`open`] | finding the memory of an image |
//! | [`check`] | checks of an image, as far as a mount asks |
//! | [`error`] | error numbers and messages for errors of the format crate |
//! | [`options`] | mount options |
#![forbid(unsafe_code)]

mod check;
mod error;
pub(crate) mod mounted;
mod open;
pub(crate) mod options;
