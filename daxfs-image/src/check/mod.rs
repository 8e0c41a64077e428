// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checking whole images, on as many cores as there are.
//!
//! | module | owns |
//! |---|---|
//! | `error` | the reasons for which a check could not be completed |
//! | `threads` | threads, and their views of the image |
//! | [`findings`] | the findings of a check: all are counted, the first are kept |
//! | [`hashes`](mod@hashes) | the hashes behind a finding about one, stated and computed |
//! | [`structure`] | checksums and digests of the sections, and every rule about metadata |
//! | [`data`] | the digests of all contents |
//! | `batches` | contents in batches of work |
//! | `tails` | the ends of files, which the structural check defers |
//! | [`paths`] | the paths of the objects that findings are about |
//!
//! The rules are those of [`daxfs_format::check`]. This module applies them to a file, with memory,
//! threads and the errors of the operating system.

mod batches;
pub mod data;
mod error;
pub mod findings;
pub mod hashes;
pub mod paths;
pub mod structure;
mod tails;
mod threads;

pub use data::{verify_data, DataSummary};
pub use error::CheckError;
pub use findings::Findings;
pub use hashes::{hashes, Hashes};
pub use paths::Paths;
pub use structure::{check_structure, Structure};
