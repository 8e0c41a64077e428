// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `daxfs-fsck` command: checks, verifies and extracts a DAXFS image.
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | the options |
//! | `fsck` | the options that fsck(8) passes |
//! | [`interrupt`] | the last steps of a run that a signal ends |
//! | [`run`] | the order of the steps |
//! | [`status`] | the exit status |
//! | [`report`] | the report, as text and as JSON |
//! | `check` | the record of a check in JSON |
//! | [`facts`] | the parts of a report, in the form in which they are printed |
//! | [`select`] | the part of a tree that is extracted |
//! | [`extract`] | the tree of an image as files |
//! | [`archive`] | the tree of an image as a tar archive |

pub mod archive;
mod check;
pub mod cli;
pub mod extract;
pub mod facts;
mod fsck;
pub mod interrupt;
pub mod report;
pub mod run;
pub mod select;
pub mod status;
