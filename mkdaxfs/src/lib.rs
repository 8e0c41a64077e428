// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds DAXFS images from directory trees.
//!
//! [`build()`] is the whole of it; [`cli`] is the command line around it.
//!
//! ```no_run
//! let options = mkdaxfs::Options::new("/usr/share/doc", "doc.daxfs");
//! let summary = mkdaxfs::build(&options, &())?;
//! println!("{} bytes, {}", summary.image_bytes, summary.identity);
//! # Ok::<(), mkdaxfs::Error>(())
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `build` | the order of things |
//! | `scan`, `source`, `xattrs`, `holes`, `exclude` | reading the tree |
//! | `tree` | the tree in memory, inode numbers |
//! | `compare`, `contents` | which files are equal |
//! | `area`, `huge` | where contents are placed, and what huge pages map there |
//! | `copy` | copying contents |
//! | `recheck` | whether what was not read has changed |
//! | `metadata`, `seal` | the sections that describe files, the superblock |
//! | `output` | the image file, which appears when it is complete |
//! | `signals` | what a signal does to one that is not |
//! | `pool` | threads |
//!
//! # Memory
//! What grows with the tree is a few hundred bytes for each entry. Contents pass through one buffer
//! for each thread, whatever the sizes of files are.

mod build;
pub mod cli;
mod error;
mod num;
mod observer;
mod options;
mod plan;
mod pool;
mod source;
mod summary;
mod tree;
mod write;

pub use build::build;
pub use error::{shown, Change, Error, Result};
pub use observer::{LeftOut, Observer, Phase};
pub use options::{Boundary, Existing, HugeAlign, Keep, Mode, Mtime, Options, Overrides, PageSize};
pub use summary::Summary;
pub use write::signals::watch_signals;
