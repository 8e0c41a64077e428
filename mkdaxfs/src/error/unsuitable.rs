// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reasons why an image is not written to the file that IMAGE names.

use std::fmt;

/// The reason why an image is not written to a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsuitable {
    /// Its name is empty.
    EmptyName,
    /// It is a directory, or its name ends in a slash.
    Directory,
    /// It is a symbolic link whose target does not exist.
    DanglingLink,
    /// It is a character device.
    CharDevice,
    /// It is a socket.
    Socket,
    /// It is a terminal.
    Terminal,
    /// It is open for reading only.
    ReadOnly,
    /// It is a block device, which is not overwritten unasked.
    BlockDevice,
    /// It is a block device that is mounted, or that another program or driver holds.
    InUse,
    /// It is a block device with fewer bytes than the image.
    TooSmall {
        /// Number of bytes of the device.
        device: u64,
        /// Number of bytes of the image.
        image: u64,
    },
    /// It, or its directory, is immutable or append-only.
    Immutable,
    /// It belongs to another user, and its directory has the sticky bit.
    Sticky,
}

impl Unsuitable {
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::EmptyName | Self::Directory => {
                "name a file; an image is written as a regular file"
            }
            Self::DanglingLink => "remove the link, or name the file itself",
            Self::CharDevice | Self::Socket => {
                "write to a regular file, a block device, a FIFO or, by -, to standard output; \
                 --dry-run writes nothing"
            }
            Self::Terminal | Self::ReadOnly => "redirect standard output to a file or a pipe",
            Self::BlockDevice => "--force writes the image over all that the device holds",
            Self::InUse => "unmount it, and detach what uses it",
            Self::TooSmall { .. } => "--dry-run says how large the image gets",
            Self::Immutable => "see chattr(1)",
            Self::Sticky => "choose another name, or another directory",
        }
    }
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "is an empty name",
            Self::Directory => "is a directory",
            Self::DanglingLink => "is a symbolic link to a file that does not exist",
            Self::CharDevice => "is a character device",
            Self::Socket => "is a socket",
            Self::Terminal => "is a terminal",
            Self::ReadOnly => "is open for reading only",
            Self::BlockDevice => "is a block device",
            Self::InUse => "is a block device in use",
            Self::TooSmall { device, image } => {
                return write!(f, "has {device} bytes, and the image {image}");
            }
            Self::Immutable => "cannot be replaced: it or its directory is immutable",
            Self::Sticky => "belongs to another user, and only owners replace files here",
        })
    }
}
