// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hostile images: each breaks a rule of DAXFS in one way, and has an expected finding.
//!
//! | module | owns |
//! |---|---|
//! | [`writer`] | a small writer of images, independent of `mkdaxfs` |
//! | [`reference`](mod@reference) | the reference image, one of every kind of object, and small variants |
//! | [`inputs`] | classes of bad input beside images: arguments, peers |
//! | [`classes`] | the classes of hostile images: mutation and finding |
//! | [`collide`] | names with a given hash |
//! | [`mutate`] | mutants of bytes, of words and of pairs of fields |
//! | [`measure`] | everything that is counted, in one run |
//! | [`draw`] | mutants drawn at random, for runs that cannot try all of them |
//! | [`memory`] | a memory that counts reads and refuses those outside the image |
//! | [`fields`] | the fields of every structure, as the specification names them |
//! | [`fuzz`] | the fuzz targets over images |
//! | [`seal`] | the seal of the superblock alone |
//! | [`editor`] | an image to be changed, with its objects by name |
//! | [`panics`] | a search of compiled code for ways to panic |
//! | [`refetch`] | words that change between two loads |
//! | [`document`] | the list of all classes |
//! | [`examine`] | all checks of an image, in order |
//! | [`walk`](mod@walk) | a walk that reads everything in every way |

pub mod classes;
pub mod collide;
pub mod document;
pub mod draw;
pub mod editor;
pub mod examine;
pub mod fields;
pub mod fuzz;
pub mod inputs;
pub mod measure;
pub mod memory;
pub mod mutate;
mod num;
pub mod panics;
pub mod reference;
pub mod refetch;
pub mod seal;
pub mod walk;
pub mod writer;
