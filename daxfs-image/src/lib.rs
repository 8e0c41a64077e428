// SPDX-License-Identifier: MIT OR Apache-2.0
//! DAXFS images in user space: opening, reading, mapping, walking and checking them.
//!
//! | module | owns |
//! |---|---|
//! | [`check`] | checking whole images in parallel: structure, contents, findings with paths |
//! | [`device`] | the memory of a device: BARs, DAX devices, reserved memory |
//! | [`hash`] | XXH64 and SHA-256, for the seams of the format crate |
//! | [`mod@file`] | an image in a file that is read: survives a file that shrinks or changes |
//! | [`mapped`] | an image in a file that is mapped: contents without copies |
//! | [`escape`] | names as text that no terminal and no script misreads |
//! | [`path`] | paths to inodes |
//! | [`ranges`] | what must lie apart, so that no reader takes for ever |
//! | [`walk`] | the whole tree, one entry after another |
//! | [`seal`] | checksums of an image that was changed, for builders and tests |
//!
//! The tools read through [`mod@file`], because an image under examination is not to be trusted to stay
//! as long as it was. Programs that want file contents in place use [`mapped`].

pub mod check;
pub mod device;
pub mod escape;
pub mod file;
pub mod hash;
pub mod mapped;
pub mod path;
pub mod ranges;
pub mod seal;
pub mod walk;

pub use daxfs_format as format;
pub use device::DeviceMemory;
pub use file::{FileImage, FileMemory, OpenError};
pub use mapped::{MappedImage, MappedMemory};
