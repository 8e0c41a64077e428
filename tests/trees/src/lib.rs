// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory trees as test subjects: recording, comparing and making them.
//!
//! Everything here is written against the file system calls alone and shares no code with the
//! product, so that a mistake of the tools cannot hide behind the same mistake in their test.
//!
//! | module | owns |
//! |---|---|
//! | [`decode`](mod@decode) | trees that bytes describe |
//! | [`compare`] | the differences of two recorded trees, sorted by what they concern |
//! | [`oddities`] | entries that a distribution does not ship: devices, holes, ACLs, odd names |
//! | [`random`] | trees that proptest makes up |
//! | [`record`] | everything observable about each entry of a tree |
//! | [`replicate`] | a faithful copy of a tree, created in a chosen order |
#![forbid(unsafe_code)]

pub mod compare;
pub mod decode;
pub mod oddities;
pub mod random;
pub mod record;
pub mod replicate;

#[cfg(test)]
mod tests;
