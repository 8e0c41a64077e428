// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that the command lines of DAXFS share.
//!
//! | module | owns |
//! |---|---|
//! | [`arguments`] | parsing the command line, sizes and numbers of threads in it |
//! | [`json`] | byte strings and lines of JSON, in ASCII |
//! | [`number`] | sizes, counts and percentages in text |
//! | [`program`] | messages on standard error, output that may end early |
//! | [`progress`] | the progress bar |
//! | [`signals`] | the last steps and the last message of a program that a signal ends |
//!
//! Byte strings in text are in [`daxfs_image::escape`], for the errors of that crate need them too.

pub mod arguments;
pub mod json;
pub mod number;
pub mod program;
pub mod progress;
pub mod signals;
