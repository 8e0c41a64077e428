// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing an image: contents first, then the sections that describe them, the superblock last.
//!
//! | module | owns |
//! |---|---|
//! | `job` | inputs and output, as every step of the writing receives them |
//! | `passes` | the passes over the contents: comparing, packed files, the data section |
//! | `copy` | copying contents with several threads |
//! | `metadata` | the bytes of the sections that describe files |
//! | `seal` | hashes of sections, the superblock, UUID and identity |
//! | `output` | the destination: a file, which gets its name when it is complete, or a stream |
//! | `interrupt` | the end of all builds when a signal ends the process |

mod copy;
pub(crate) mod interrupt;
mod job;
mod metadata;
pub(crate) mod output;
pub(crate) mod passes;
pub(crate) mod seal;

pub(crate) use self::job::Job;
pub(crate) use self::metadata::describe;
