// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that the command lines of DAXFS share.
//!
//! | module | owns |
//! |---|---|
//! | [`arguments`] | parsing the command line, sizes and numbers of threads in it |
//! | [`json`] | records of JSON, in ASCII |
//! | [`number`] | sizes, counts and percentages in text |
//! | [`program`] | messages on standard error, output that may end early |
//! | [`progress`] | progress: a bar, lines, records of JSON |
//! | [`signals`] | the last steps and the last message of a program that a signal ends |
//! | [`time`] | times in text |
//!
//! Byte strings in text are in [`daxfs_image::escape`], for the errors of that crate need them too.

pub mod arguments;
pub mod json;
pub mod number;
pub mod program;
pub mod progress;
pub mod signals;
pub mod time;
