// SPDX-License-Identifier: MIT OR Apache-2.0
//! The classes of hostile images: a mutation each, and the expected finding.
//!
//! The tables drive the tests and are listed in `docs/results/hostile-classes.md`. The finding is
//! the first one, for which a mount with `validate` refuses the image. `daxfs-fsck` continues and
//! may find more.
//!
//! | module | owns |
//! |---|---|
//! | `edit` | mutations as data, and how they are applied |
//! | `layout` | classes of superblock, memory, section table, checksums, gaps |
//! | `tree` | classes of inodes, links, directories, names, symlinks |
//! | `contents` | classes of attribute sets, ACLs, extents, tails, digests |

mod contents;
mod edit;
mod layout;
mod tree;

use daxfs_format::XattrSetId;
use daxfs_format::{ContentId, Error, Object, Rule, SectionKind};

use self::edit::Edit;
use crate::editor::Editor;
use crate::examine::{Examiner, Stage};
use crate::reference::reference;

/// A way for an image to be bad.
pub struct Class {
    /// The name, unique.
    pub name: &'static str,
    /// The rule that the image breaks.
    pub rule: Rule,
    /// The object that breaks it.
    pub object: Target,
    /// The mutation of the reference image.
    edits: &'static [Edit],
}

/// A table of classes. A row has the form
///
/// ```text
/// "name": Rule in Target [edit, ...] { Anchor.field = value, ... };
/// ```
///
/// where either list of edits may be missing. A field is named as in the raw structure of the
/// format crate; `field[index]` is a byte of an array.
macro_rules! classes {
    ($table:ident: $(
        $name:literal: $rule:ident in $object:ident $(($($of:expr),*))?
        $([$($edit:expr),*])?
        $({$(
            $anchor:ident $(($($at:expr),*))? . $field:ident $([$index:expr])? = $value:expr
        ),*})?;
    )*) => {
        pub(super) const $table: &[Class] = &[$(Class {
            name: $name,
            rule: daxfs_format::Rule::$rule,
            object: super::Target::$object $(($($of),*))?,
            edits: &[
                $($($edit,)*)?
                $($({
                    type Raw = super::raw::$anchor;
                    super::edit::Field::of(std::mem::offset_of!(Raw, $field), |raw: &Raw| &raw.$field)
                        $(.byte($index))?
                        .set($anchor $(($($at),*))?, $value)
                },)*)?
            ],
        },)*];
    };
}
use classes;

/// The raw structures at the anchors that have fields.
mod raw {
    pub(super) use daxfs_format::digest::RawDigestHeader as DigestHeader;
    pub(super) use daxfs_format::directory::RawDirEntry as Entry;
    pub(super) use daxfs_format::extent::RawExtent as Extent;
    pub(super) use daxfs_format::inode::{RawInode as Inode, RawInode as Number};
    pub(super) use daxfs_format::section::RawSection as SectionEntry;
    pub(super) use daxfs_format::superblock::RawSuperblock as Superblock;
    pub(super) use daxfs_format::xattr::{
        RawXattr as Attribute, RawXattrHeader as XattrHeader, RawXattrSet as XattrSet,
    };
}

/// An object of the reference image.
#[derive(Clone, Copy, Debug)]
pub enum Target {
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
    /// Bytes between objects.
    Gap,
}

impl Target {
    /// The object as findings name it.
    #[must_use]
    pub fn resolve(self, editor: &Editor) -> Object {
        let ino = |path| editor.stat(path).ino;
        match self {
            Self::Superblock => Object::Superblock,
            Self::SectionEntry(index) => Object::SectionEntry(index),
            Self::Section(kind) => Object::Section(kind),
            Self::Inode(path) => Object::Inode(ino(path).get()),
            Self::Number(number) => Object::Inode(number),
            Self::Entry(directory, name) => Object::Entry {
                directory: ino(directory),
                index: editor.index(directory, name),
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
            Self::Content(path) => Object::Content(content(editor, path)),
            Self::Gap => Object::Gap,
        }
    }
}

fn content(editor: &Editor, path: &str) -> ContentId {
    editor.stat(path).content.expect("a file with bytes")
}

/// Every class, by what it concerns.
pub const GROUPS: &[(&str, &[Class])] = &[
    ("Superblock and memory", layout::SUPERBLOCK),
    ("Sections", layout::SECTIONS),
    ("Inodes", tree::INODES),
    ("Directories and names", tree::DIRECTORIES),
    ("Symlinks", tree::SYMLINKS),
    ("Extended attributes", contents::ATTRIBUTES),
    ("Contents and digests", contents::CONTENTS),
];

/// Every class.
pub fn all() -> impl Iterator<Item = &'static Class> {
    GROUPS.iter().flat_map(|(_, classes)| classes.iter())
}

/// A hostile image, and the expected object.
pub struct Case {
    /// The image.
    pub bytes: Vec<u8>,
    /// The object that breaks the class's rule.
    pub object: Object,
}

impl Class {
    /// Makes the image.
    #[must_use]
    pub fn build(&self) -> Case {
        let mut editor = Editor::new(reference());
        for edit in self.edits {
            edit.apply(&mut editor);
        }
        Case {
            object: self.object.resolve(&editor),
            bytes: editor.finish(),
        }
    }

    /// Returns the check that finds it first.
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
