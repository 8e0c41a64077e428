// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: findings with the rule, object and offset that they are about, and faults of the memory.

use core::fmt;

use crate::ids::{ContentId, Ino, XattrSetId};
use crate::kinds::SectionKind;
use crate::memory::ReadFault;
use crate::num::offsets_from;
use crate::rule::Rule;

/// The result of reading an image.
pub type Result<T> = core::result::Result<T, Error>;

/// The reason for which something could not be read from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The image breaks a rule of the format.
    Corrupt(Finding),
    /// The image uses something that this version does not know.
    Unsupported(Finding),
    /// A read of the memory failed.
    Memory(ReadFault),
}

/// A rule that an object breaks.
///
/// `value` is the stated value, never the one that the rule calls for: the field at `offset`,
/// little-endian in its one, two, four or eight bytes, or the byte at `offset` where a rule is
/// about bytes. Some findings are about no such field. Their value is,
///
/// - for a section as a whole, the value in the section table: its XXH64
///   ([`Rule::SectionChecksum`]), the first eight bytes of its SHA-256 as they are written
///   ([`Rule::SectionDigest`]), or its length (objects that do not fill it, [`Rule::DigestCount`]);
/// - for a content with another digest than the stated one, the first eight bytes of the stated
///   digest ([`Rule::ContentDigest`]);
/// - for a number that a reader was given and that names nothing, that number; `offset` is where
///   the object would be ([`Rule::InodeNumber`], [`Rule::InodeXattrs`], [`Rule::DigestCount`]);
/// - for memory that ends within the superblock, its length ([`Rule::ImageTruncated`]);
/// - for an object that overlaps another one, found by a reader that reads no byte twice, the
///   offset of the shared bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The object that breaks the rule.
    pub object: Object,
    /// The offset of the offending bytes, from the start of the image.
    pub offset: u64,
    /// The rule.
    pub rule: Rule,
    /// The stated value, which breaks the rule.
    pub value: u64,
}

/// An object of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The superblock.
    Superblock,
    /// An entry of the section table, by its index.
    SectionEntry(u32),
    /// The bytes of a section.
    Section(SectionKind),
    /// An inode, by a number that may not exist.
    Inode(u32),
    /// The entry `index` of a directory.
    Entry {
        /// The directory's inode number.
        directory: Ino,
        /// The index, from 0.
        index: u32,
    },
    /// A set of extended attributes.
    XattrSet(XattrSetId),
    /// The extent `index` of a sparse file.
    Extent {
        /// The file's inode number.
        file: Ino,
        /// The index, from 0.
        index: u32,
    },
    /// The content of one or more files.
    Content(ContentId),
    /// Bytes that belong to no object.
    Gap,
}

impl Finding {
    /// The finding of `object`, which breaks `rule` by `value` at `offset`.
    #[must_use]
    pub const fn new(object: Object, offset: u64, rule: Rule, value: u64) -> Self {
        Self {
            object,
            offset,
            rule,
            value,
        }
    }

    /// Checks that `bytes`, which begin at `offset` in the image, are zero.
    ///
    /// # Errors
    /// The finding of the first byte that is not.
    pub(crate) fn require_zero(
        object: Object,
        rule: Rule,
        offset: u64,
        bytes: &[u8],
    ) -> core::result::Result<(), Self> {
        let mut bytes = offsets_from(offset).zip(bytes);
        match bytes.find(|&(_, &byte)| byte != 0) {
            Some((at, &byte)) => Err(Self::new(object, at, rule, byte.into())),
            None => Ok(()),
        }
    }

    /// Checks that no byte of `text`, which begins at `offset` in the image, is a NUL.
    ///
    /// # Errors
    /// The finding of the first NUL.
    pub(crate) fn require_text(
        object: Object,
        rule: Rule,
        offset: u64,
        text: &[u8],
    ) -> core::result::Result<(), Self> {
        let mut bytes = offsets_from(offset).zip(text);
        match bytes.find(|&(_, &byte)| byte == 0) {
            Some((at, _)) => Err(Self::new(object, at, rule, 0)),
            None => Ok(()),
        }
    }

    /// Writes the sentence of this finding to `out`, with `note` after the offset.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_with(&self, out: &mut dyn fmt::Write, note: fmt::Arguments<'_>) -> fmt::Result {
        let Self {
            object,
            offset,
            rule,
            value,
        } = self;
        // The value of a finding about a hash is the stated one, not that of the bytes.
        let word = if rule.is_hash() { "stated" } else { "found" };
        write!(
            out,
            "{object} at {offset:#x}{note} breaks the rule that {} [{rule}]: {word} {value:#x}",
            rule.text()
        )
    }

    /// The error that reports this finding.
    #[must_use]
    pub const fn into_error(self) -> Error {
        if self.rule.is_support() {
            Error::Unsupported(self)
        } else {
            Error::Corrupt(self)
        }
    }
}

/// The value of a finding about a digest: its first eight bytes, read as they are written.
#[must_use]
pub const fn digest_value(digest: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        finding.into_error()
    }
}

impl From<ReadFault> for Error {
    fn from(fault: ReadFault) -> Self {
        Self::Memory(fault)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock => f.write_str("superblock"),
            Self::SectionEntry(index) => write!(f, "section table entry {index}"),
            Self::Section(kind) => write!(f, "{kind} section"),
            Self::Inode(ino) => write!(f, "inode {ino}"),
            Self::Entry { directory, index } => write!(f, "directory {directory} entry {index}"),
            Self::XattrSet(set) => write!(f, "xattr set {set}"),
            Self::Extent { file, index } => write!(f, "inode {file} extent {index}"),
            Self::Content(content) => write!(f, "content {content}"),
            Self::Gap => f.write_str("padding"),
        }
    }
}

/// A sentence that cannot be taken to mean that the rule holds.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_with(f, format_args!(""))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(finding) => write!(f, "corrupt image: {finding}"),
            Self::Unsupported(finding) => write!(f, "unsupported image: {finding}"),
            Self::Memory(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_breaks_which_rule_and_where() {
        let text = |object, rule| {
            let finding = Finding::new(object, 0x40, rule, 17);
            Error::from(finding).to_string()
        };
        let rule = Rule::Padding;
        for (object, expected) in [
            (Object::Superblock, "superblock"),
            (Object::SectionEntry(2), "section table entry 2"),
            (Object::Section(SectionKind::Xattrs), "xattr section"),
            (Object::Inode(3), "inode 3"),
            (
                Object::Entry {
                    directory: Ino::new(1).expect("numbers count from 1"),
                    index: 4,
                },
                "directory 1 entry 4",
            ),
            (
                Object::XattrSet(XattrSetId::new(5).expect("sets count from 1")),
                "xattr set 5",
            ),
            (
                Object::Extent {
                    file: Ino::new(6).expect("numbers count from 1"),
                    index: 7,
                },
                "inode 6 extent 7",
            ),
            (
                Object::Content(ContentId::new(8).expect("contents count from 1")),
                "content 8",
            ),
            (Object::Gap, "padding"),
        ] {
            let expected = format!(
                "corrupt image: {expected} at 0x40 breaks the rule that {} [padding]: found 0x11",
                rule.text()
            );
            assert_eq!(text(object, rule), expected);
        }
        let expected = format!(
            "unsupported image: superblock at 0x40 breaks the rule that {} [superblock-version]: \
             found 0x11",
            Rule::SuperblockVersion.text()
        );
        assert_eq!(text(Object::Superblock, Rule::SuperblockVersion), expected);
    }
}
