// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are not DAXFS images at all.
//!
//! Such a file breaks the first rule of the format, but a rule is not what its user needs to know.

use std::fmt;

use daxfs_format::superblock::MAGIC;

/// The number of bytes at the start of a file that [`Foreign::of`] looks at.
pub const HEAD: usize = 8;

/// A file that is not a DAXFS image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It has no bytes.
    Empty,
    /// It is an image of the file system in C of the same name (multikernel/daxfs), of this version.
    OtherDaxfs(u32),
    /// It is something else.
    Unknown,
}

impl Foreign {
    /// Recognises a file by its first bytes, of which there are fewer in a short file. `None` if
    /// they are those of an image.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..HEAD).unwrap_or(head);
        if head.is_empty() {
            return Some(Self::Empty);
        }
        if MAGIC.starts_with(head) {
            return None;
        }
        match head {
            // A magic of four bytes, whose first one is a digit or letter of the version ("dax5" as
            // a number), and the version as a number.
            &[first, b'x', b'a', b'd', a, b, 0, 0] if first.is_ascii_alphanumeric() => {
                Some(Self::OtherDaxfs(u32::from_le_bytes([a, b, 0, 0])))
            }
            _ => Some(Self::Unknown),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a DAXFS image")?;
        match self {
            Self::Empty => f.write_str(": the file is empty"),
            Self::OtherDaxfs(version) => write!(
                f,
                " of this format: it is an image, version {version}, of the file system in C of the \
                 same name (multikernel/daxfs)"
            ),
            Self::Unknown => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        assert_eq!(Foreign::of(b""), Some(Foreign::Empty));
        assert_eq!(Foreign::of(&MAGIC), None);
        assert_eq!(Foreign::of(&MAGIC[..3]), None);
        let versions = [(0x6461_7835_u32, 5_u32), (0x6461_7835, 6), (0x6461_7838, 8)];
        for (magic, version) in versions {
            let head = [magic.to_le_bytes(), version.to_le_bytes()].concat();
            let head = [head, vec![7; 10]].concat();
            assert_eq!(Foreign::of(&head), Some(Foreign::OtherDaxfs(version)));
        }
        for head in [
            &b"5xad"[..],
            b"text",
            b"hsqs\x07\0\0\0",
            b"5xad\xff\xff\xff\xff",
        ] {
            assert_eq!(Foreign::of(head), Some(Foreign::Unknown));
        }
    }
}
