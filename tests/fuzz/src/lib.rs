// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fuzz targets as plain functions: `targets/` passes them to libFuzzer, and a test runs the
//! corpus through them. An error is a good result, a panic is a defect.
//!
//! | module | owns |
//! |---|---|
//! | [`trees`](mod@trees) | trees that the input describes, built, checked, extracted, compared |
//! | [`options`] | option parsers: the kernel module's and the tools' |
//!
//! The targets over images are those of [`daxfs_hostile::fuzz`].
#![forbid(unsafe_code)]

pub mod options;
pub mod trees;

use daxfs_hostile::fuzz::Target;

/// Every target.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    let others = [&trees::TARGET, &options::TARGET];
    daxfs_hostile::fuzz::TARGETS.iter().chain(others)
}
