// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `daxfs-fsck` command: checks, verifies and extracts a DAXFS image.
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | the options |
//! | [`run`] | the order of the steps, and the exit status |
//! | [`report`] | what was found, as text and as JSON |
//! | [`facts`] | findings and descriptions in the form in which they are printed |
//! | [`progress`] | the progress bar |
//! | [`extract`] | the tree of an image as files |

pub mod cli;
pub mod extract;
pub mod facts;
pub mod progress;
pub mod report;
pub mod run;
