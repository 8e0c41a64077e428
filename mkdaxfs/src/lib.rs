// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds DAXFS images from directory trees.
//!
//! [`build()`] is the whole interface; [`cli`] is the command line around it.
//!
//! ```no_run
//! let options = mkdaxfs::Options::new("/usr/share/doc", "doc.daxfs");
//! let summary = mkdaxfs::build(&options, &())?;
//! println!("{} bytes, {}", summary.image_bytes, summary.identity);
//! # Ok::<(), mkdaxfs::Error>(())
//! ```
//!
//! A build scans its source into a tree, plans the image, and writes it:
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 8 | [`cli`] | the command line |
//! | 7 | `build` | the order of the steps |
//! | 6 | `summary` | the counts and lengths of the result |
//! | 5 | `write` | copying contents, metadata, superblock, the image file |
//! | 4 | `adjust` | changes of metadata that options ask for |
//! | 4 | `plan` | order, equal contents, offsets, the section table |
//! | 3 | `source` | sources of trees and contents; the directory is one |
//! | 2 | `tree` | the tree in memory, inode numbers, limits of the format |
//! | 1 | `error`, `observer`, `options` | errors, reports, options |
//! | 1 | `own` | changes that the build makes itself |
//! | 1 | `num`, `pool` | conversions, threads |
//!
//! # Layers
//! A module uses modules of its own layer and of lower ones only, and no two files use each other,
//! not even through others. `tests/layers.rs` checks both.
//!
//! # Memory
//! A few hundred bytes for each entry of the tree. Contents pass through one buffer for each
//! thread, regardless of the sizes of files.

mod adjust;
mod build;
pub mod cli;
mod error;
mod num;
mod observer;
mod options;
mod own;
mod plan;
mod pool;
mod source;
mod summary;
mod tree;
mod write;

pub use build::build;
pub use error::{shown, Change, Error, Result, Unsuitable};
pub use observer::{LeftOut, Observer, Phase};
pub use options::{
    Boundary, Existing, HugeAlign, IdMap, IdMaps, IdRange, Keep, Mode, Mtime, Options, Overrides,
    PageSize, SourceSpec, Unreadable, XattrAddition, XattrRules,
};
pub use summary::Summary;
pub use write::interrupt::{interrupt, Left};
