// SPDX-License-Identifier: MIT OR Apache-2.0
//! The classes of bad input, one named generator each: what is wrong, and what must be found.
//!
//! The table drives the tests and is printed into `docs/hostile.md`. The finding in it is the first
//! one: what a mount with `validate` refuses the image for. `daxfs-fsck` goes on and may find more.
//!
//! | module | classes that concern |
//! |---|---|
//! | `superblock` | superblock and memory |
//! | `sections` | section table, checksums, gaps |
//! | `inodes` | inodes by themselves, links, the root |
//! | `directories` | units, entries, names, the tree |
//! | `symlinks` | targets |
//! | `xattrs` | attribute sets, ACLs |
//! | `contents` | places, sharing, extents, tails, digests |

mod contents;
mod directories;
mod inodes;
mod sections;
mod superblock;
mod symlinks;
mod xattrs;

use daxfs_format::XattrSetId;
use daxfs_format::{ContentId, Error, Object, Rule, SectionKind};

use crate::examine::{Examiner, Stage};
use crate::reference::reference;
use crate::specimen::Specimen;

/// A way for an image to be bad.
pub struct Class {
    /// The name, unique.
    pub name: &'static str,
    /// Makes the image bad.
    pub make: fn(&mut Specimen),
    /// The rule that it breaks.
    pub rule: Rule,
    /// What breaks it.
    pub object: On,
}

/// An object of the reference image.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// The superblock.
    Superblock,
    /// An entry of the section table, by its index.
    SectionEntry(u32),
    /// The bytes of a section.
    Section(SectionKind),
    /// An inode by its path.
    Inode(&'static str),
    /// An inode by its number.
    Number(u32),
    /// The entry of a name in a directory.
    Entry(&'static str, &'static str),
    /// The entry at an index of a directory.
    EntryAt(&'static str, u32),
    /// An attribute set.
    XattrSet(u32),
    /// An extent of a file.
    Extent(&'static str, u32),
    /// The content of a file.
    Content(&'static str),
    /// Bytes that belong to nothing.
    Gap,
}

impl On {
    /// The object as findings name it.
    #[must_use]
    pub fn resolve(self, specimen: &Specimen) -> Object {
        let ino = |path| specimen.stat(path).ino;
        match self {
            Self::Superblock => Object::Superblock,
            Self::SectionEntry(index) => Object::SectionEntry(index),
            Self::Section(kind) => Object::Section(kind),
            Self::Inode(path) => Object::Inode(ino(path).get()),
            Self::Number(number) => Object::Inode(number),
            Self::Entry(directory, name) => Object::Entry {
                directory: ino(directory),
                index: specimen.index(directory, name),
            },
            Self::EntryAt(directory, index) => Object::Entry {
                directory: ino(directory),
                index,
            },
            Self::XattrSet(number) => {
                Object::XattrSet(XattrSetId::new(number).expect("sets count from 1"))
            }
            Self::Extent(path, index) => Object::Extent {
                file: ino(path),
                index,
            },
            Self::Content(path) => Object::Content(content(specimen, path)),
            Self::Gap => Object::Gap,
        }
    }
}

fn content(specimen: &Specimen, path: &str) -> ContentId {
    specimen.stat(path).content.expect("a file with bytes")
}

const fn class(name: &'static str, rule: Rule, object: On, make: fn(&mut Specimen)) -> Class {
    Class {
        name,
        make,
        rule,
        object,
    }
}

/// Every class, by what it concerns.
pub const GROUPS: &[(&str, &[Class])] = &[
    ("Superblock and memory", superblock::CLASSES),
    ("Sections", sections::CLASSES),
    ("Inodes", inodes::CLASSES),
    ("Directories and names", directories::CLASSES),
    ("Symlinks", symlinks::CLASSES),
    ("Extended attributes", xattrs::CLASSES),
    ("Contents and digests", contents::CLASSES),
];

/// Every class.
pub fn all() -> impl Iterator<Item = &'static Class> {
    GROUPS.iter().flat_map(|(_, classes)| classes.iter())
}

/// A bad image, and what must be found.
pub struct Case {
    /// The image.
    pub bytes: Vec<u8>,
    /// What breaks the class's rule.
    pub object: Object,
}

impl Class {
    /// Makes the image.
    #[must_use]
    pub fn build(&self) -> Case {
        let mut specimen = Specimen::new(reference());
        (self.make)(&mut specimen);
        Case {
            object: self.object.resolve(&specimen),
            bytes: specimen.finish(),
        }
    }

    /// What finds it first, as a table names it.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        let case = self.build();
        let found = Examiner::default().first(&case.bytes[..]);
        found.map(|(stage, _)| stage)
    }

    /// The error number with which the kernel refuses the image.
    #[must_use]
    pub fn errno(&self) -> &'static str {
        errno(self.rule)
    }
}

/// The error number with which the kernel answers a broken rule: `EOPNOTSUPP` for what this version
/// does not know, `EUCLEAN` for damage.
#[must_use]
pub fn errno(rule: Rule) -> &'static str {
    if rule.is_support() {
        "EOPNOTSUPP"
    } else {
        "EUCLEAN"
    }
}

/// The rule and object of an error, unless the memory failed.
#[must_use]
pub fn located(error: &Error) -> Option<(Rule, Object)> {
    match error {
        Error::Corrupt(finding) | Error::Unsupported(finding) => {
            Some((finding.rule, finding.object))
        }
        Error::Memory(_) => None,
    }
}
