// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hostile images: each breaks a rule of DAXFS in one way, and the tests say what must come of it.
//!
//! | module | owns |
//! |---|---|
//! | [`writer`] | a small writer of images, independent of `mkdaxfs` |
//! | [`reference`](mod@reference) | the reference image, one of every kind of object, and small variants |
//! | [`beyond`] | classes that are no images: arguments, peers |
//! | [`classes`] | the classes of bad input: generator and finding |
//! | [`collide`] | names with a given hash |
//! | [`mutate`] | mutants of bytes, of words and of pairs of fields |
//! | [`measure`] | everything that is counted, in one run |
//! | [`draw`] | mutants drawn by chance, for where not all can be tried |
//! | [`memory`] | a memory that watches its readers |
//! | [`fields`] | the fields of every structure, as the specification names them |
//! | [`fuzz`] | what the fuzz targets do with an input |
//! | [`seal`] | seals for those who change many images |
//! | [`specimen`] | an image to be changed, with its objects by name |
//! | [`panics`] | a search of compiled code for ways to panic |
//! | [`refetch`] | words that change between two loads |
//! | [`document`] | the page about hostile images |
//! | [`examine`] | everything that can be found wrong with an image, in order |
//! | [`walk`](mod@walk) | a walk that reads everything by every way there is |

pub mod classes;
pub mod collide;
pub mod document;
pub mod draw;
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
pub mod specimen;
pub mod walk;
pub mod writer;
