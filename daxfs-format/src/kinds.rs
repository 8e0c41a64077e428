// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kinds of files and of sections.

use core::fmt;

/// The type of a file, as a mode and a directory entry state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FileType {
    /// A FIFO.
    Fifo = 1,
    /// A character device.
    CharDevice = 2,
    /// A directory.
    Directory = 4,
    /// A block device.
    BlockDevice = 6,
    /// A regular file.
    Regular = 8,
    /// A symbolic link.
    Symlink = 10,
    /// A socket.
    Socket = 12,
}

impl FileType {
    /// The type with this `d_type` of Linux, which an entry holds. 14, the whiteout, is
    /// reserved.
    #[must_use]
    #[inline]
    pub const fn from_entry(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Fifo,
            2 => Self::CharDevice,
            4 => Self::Directory,
            6 => Self::BlockDevice,
            8 => Self::Regular,
            10 => Self::Symlink,
            12 => Self::Socket,
            _ => return None,
        })
    }

    /// The `d_type` of Linux.
    #[must_use]
    #[inline]
    #[allow(clippy::as_conversions, reason = "the discriminants are these numbers")]
    pub const fn to_entry(self) -> u8 {
        // CAST: The enumeration is represented as `u8`.
        self as u8
    }

    /// The type that a mode states in its upper four bits.
    #[must_use]
    pub fn from_mode(mode: u16) -> Option<Self> {
        mode.to_be_bytes()
            .first()
            .and_then(|high| Self::from_entry(high >> 4))
    }

    /// The type as the upper four bits of a mode.
    #[must_use]
    pub fn to_mode(self) -> u16 {
        u16::from(self.to_entry()) << 12
    }
}

/// The kinds of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// The inode table.
    Inodes,
    /// Directory units.
    Directories,
    /// Symlink targets.
    Symlinks,
    /// Extended attribute sets.
    Xattrs,
    /// Extent lists of sparse files.
    Extents,
    /// Digests of contents.
    Digests,
    /// Contents of packed files.
    Packed,
    /// Page-aligned contents.
    Data,
}

impl SectionKind {
    /// Every kind, in ascending order of its number.
    pub const ALL: [Self; 8] = [
        Self::Inodes,
        Self::Directories,
        Self::Symlinks,
        Self::Xattrs,
        Self::Extents,
        Self::Digests,
        Self::Packed,
        Self::Data,
    ];

    /// The number that names the kind in the table.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Inodes => 1,
            Self::Directories => 2,
            Self::Symlinks => 3,
            Self::Xattrs => 4,
            Self::Extents => 5,
            Self::Digests => 6,
            Self::Packed => 256,
            Self::Data => 257,
        }
    }

    /// The index of the kind in [`Self::ALL`].
    pub(crate) const fn slot(self) -> usize {
        match self {
            Self::Inodes => 0,
            Self::Directories => 1,
            Self::Symlinks => 2,
            Self::Xattrs => 3,
            Self::Extents => 4,
            Self::Digests => 5,
            Self::Packed => 6,
            Self::Data => 7,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Returns true if the section describes files, false if it holds their contents.
    #[must_use]
    pub const fn is_metadata(self) -> bool {
        !matches!(self, Self::Packed | Self::Data)
    }

    /// The alignment of the section's start, as a power of two; the data section has the image's
    /// page.
    #[must_use]
    pub fn align_shift(self, page_shift: u32) -> u32 {
        if matches!(self, Self::Data) {
            page_shift
        } else {
            6
        }
    }

    /// The unit of the length in bytes, as a power of two.
    pub(crate) fn length_shift(self, page_shift: u32) -> u32 {
        match self {
            Self::Inodes => 6,
            Self::Directories => 4,
            Self::Extents | Self::Digests => 5,
            Self::Xattrs => 3,
            Self::Symlinks | Self::Packed => 0,
            Self::Data => page_shift,
        }
    }

    /// The name, as in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inodes => "inode",
            Self::Directories => "directory",
            Self::Symlinks => "symlink",
            Self::Xattrs => "xattr",
            Self::Extents => "extent",
            Self::Digests => "digest",
            Self::Packed => "packed",
            Self::Data => "data",
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_type_has_its_mode_and_entry_type() {
        for value in 0..=u8::MAX {
            if let Some(file_type) = FileType::from_entry(value) {
                assert_eq!(file_type.to_entry(), value);
                assert_eq!(
                    FileType::from_mode(file_type.to_mode() | 0o7777),
                    Some(file_type)
                );
            }
        }
        assert_eq!(FileType::from_entry(14), None, "whiteouts are reserved");
    }
}
