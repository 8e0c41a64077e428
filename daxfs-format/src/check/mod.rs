// SPDX-License-Identifier: MIT OR Apache-2.0
//! The complete check of an image.
//!
//! | function | reads | costs |
//! |---|---|---|
//! | [`verify_checksums`] | every metadata section | the metadata, once |
//! | [`verify_section_digests`] | every metadata section | the metadata, once |
//! | [`check_rules`] | all metadata, the ends of files, gaps between sections | the metadata, a few times |
//! | [`check_data_padding`] | the pages of the data section that hold no content | that padding, once; a word of the map for 64 pages |
//! | [`content_digest`](crate::content::content_digest) | one content | its bytes |
//!
//! Findings go to a sink, which may end the check. The checks allocate nothing: the caller lends a
//! [`Scratch`], whose size is known beforehand. They are iterative, and the order in which an image
//! stores its objects makes most rules a comparison with a running cursor. No byte is read more
//! than a few times, even in an image whose objects overlap.
//!
//! | module | rules |
//! |---|---|
//! | `report`, `scratch` | none: passing findings on, the memory that a check works in |
//! | `rules`, `checker` | the order of the others, sections that objects must fill |
//! | `inodes` | inodes by themselves, link counts, symlinks |
//! | `directories` | units, entries, the tree |
//! | `contents` | numbering, sharing, overlap, extents, tails |
//! | `xattrs` | attribute sets |
//! | `sections` | checksums, digests, padding |

mod checker;
mod contents;
mod directories;
mod inodes;
mod report;
mod rules;
mod scratch;
mod sections;
mod xattrs;

pub use report::{Outcome, Sink, Stop};
pub use rules::check_rules;
pub use scratch::{Scratch, ScratchSize};
pub use sections::{check_data_padding, verify_checksums, verify_section_digests};
