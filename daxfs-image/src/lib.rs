// SPDX-License-Identifier: MIT OR Apache-2.0
//! DAXFS images in user space: opening, reading, mapping, walking and checking them.
//!
//! | module | owns |
//! |---|---|
//! | [`check`] | checking whole images in parallel: structure, contents, findings with paths |
//! | [`device`] | the memory of a device: BARs, DAX devices, reserved memory |
//! | [`hash`] | XXH64 and SHA-256, for the traits of the format crate |
//! | [`mod@file`] | an image in a file that is read, and that may shrink or change |
//! | [`foreign`] | files that are not images at all |
//! | [`mapped`] | an image in a file that is mapped: contents without copies |
//! | [`escape`] | names as text that is safe for terminals and scripts |
//! | [`Opened`] | an image together with the copy of its superblock |
//! | [`path`], [`names`] | paths to inodes, and inodes to paths |
//! | [`inodes`], [`sharing`] | sets of inodes, contents that several inodes share |
//! | [`acl`] | entries and text of POSIX ACLs |
//! | [`attributes`] | extended attributes with their full names |
//! | [`ranges`] | ranges without overlap, which bound the time of readers |
//! | [`walk`] | the whole tree, in the order of the image or of its names |
//! | [`seal`] | checksums of an image that was changed, for builders and tests |
//!
//! The tools read through [`mod@file`], because an image under examination may be truncated at any
//! time. Programs that need file contents without a copy use [`mapped`].

pub mod acl;
pub mod attributes;
pub mod check;
pub mod device;
pub mod escape;
pub mod file;
pub mod foreign;
pub mod hash;
pub mod inodes;
pub mod mapped;
pub mod names;
mod opened;
pub mod path;
pub mod ranges;
pub mod seal;
pub mod sharing;
pub mod walk;

pub use daxfs_format as format;
pub use device::DeviceMemory;
pub use file::{FileImage, FileMemory, OpenError};
pub use inodes::InodeSet;
pub use mapped::{MappedImage, MappedMemory};
pub use opened::Opened;
