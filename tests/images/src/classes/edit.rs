// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mutations of the tables: edits of an image as data.
//!
//! Anchors and values are read from the image as it was at first, so that the order of edits does
//! not matter; [`More`](Value::More), [`Less`](Value::Less) and [`Flip`](Value::Flip) are relative
//! to the value that they replace.

use daxfs_format::xattr::{HEADER_SIZE, SET_SIZE};
use daxfs_format::SectionKind;

use crate::editor::{Editor, Seal};
use crate::num::{len64, to_usize};

/// A structure or a byte of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    /// The superblock.
    Superblock,
    /// An entry of the section table, by its index.
    SectionEntry(u32),
    /// An inode by its path.
    Inode(&'static str),
    /// An inode by its number.
    Number(u32),
    /// The entry of a name in a directory.
    Entry(&'static str, &'static str),
    /// The header of the xattr section.
    XattrHeader,
    /// The table's entry of an attribute set, by the set's number.
    XattrSet(u32),
    /// An attribute of a file, by its index.
    Attribute(&'static str, usize),
    /// The record of an extent of a sparse file, by its index.
    Extent(&'static str, u32),
    /// The header of the digest section.
    DigestHeader,
    /// The first byte of a section.
    Start(SectionKind),
    /// The first byte after a section.
    End(SectionKind),
    /// The first byte of a file or of a symlink's target.
    Contents(&'static str),
    /// The first byte of an extent of a sparse file.
    ExtentData(&'static str, u32),
    /// The first byte after a directory's entries and names.
    UnitEnd(&'static str),
    /// The first byte of a name in a directory.
    Name(&'static str, &'static str),
    /// The first byte of the name at an index of a directory.
    NameAt(&'static str, u32),
    /// The first byte after the image.
    ImageEnd,
}

/// An anchor and a distance in bytes from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At(pub(crate) Anchor, pub(crate) isize);

/// The new value of a little-endian field of up to eight bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// This number.
    Is(u64),
    /// This number.
    Is32(u32),
    /// This number.
    Is8(u8),
    /// All bits set.
    Ones,
    /// The old value and so much more, modulo 2^64.
    More(u64),
    /// The old value and so much less, modulo 2^64.
    Less(u64),
    /// The old value with these bits inverted.
    Flip(u64),
    /// The same field of another structure.
    Like(Anchor),
    /// The offset of an anchor.
    Offset(Anchor),
    /// The length of a section and so much more.
    Length(SectionKind, u64),
    /// The number of an inode.
    Ino(&'static str),
    /// The number after that of the last inode.
    NextIno,
}

/// One change of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edit {
    /// So many bytes take a value.
    Set(At, usize, Value),
    /// All bytes from one offset to another become zero.
    Zero(At, At),
    /// So many bytes are copied from one anchor to another.
    Copy(Anchor, Anchor, usize),
    /// The entry of a name in a directory takes another name of the same length, and its hash.
    Rename(&'static str, &'static str, &'static [u8]),
    /// The image is cut off or extended with zeros; the value is relative to its length.
    Resize(Value),
    /// Another image replaces the reference image. Comes before other edits.
    Replace(fn() -> Vec<u8>),
    /// The checksums are recomputed to this degree and not completely.
    Seals(Seal),
}

/// An edit of one byte.
pub(super) const fn byte(anchor: Anchor, distance: isize, value: Value) -> Edit {
    Edit::Set(At(anchor, distance), 1, value)
}

impl Anchor {
    fn offset(self, editor: &Editor) -> u64 {
        let section = |kind| editor.section(kind);
        match self {
            Self::Superblock => 0,
            Self::SectionEntry(index) => 192 + 64 * u64::from(index),
            Self::Inode(path) => editor.inode_at(path),
            Self::Number(number) => section(SectionKind::Inodes).offset + 64 * u64::from(number),
            Self::Entry(directory, name) => {
                editor.entry_offset(directory, editor.index(directory, name))
            }
            Self::XattrHeader => section(SectionKind::Xattrs).offset,
            Self::XattrSet(number) => {
                let table = section(SectionKind::Xattrs).offset + HEADER_SIZE;
                table + SET_SIZE * u64::from(number - 1)
            }
            Self::Attribute(path, index) => editor.xattrs_at(path)[index],
            Self::Extent(path, index) => editor.extent_at(path, index),
            Self::DigestHeader => section(SectionKind::Digests).offset,
            Self::Start(kind) => section(kind).offset,
            Self::End(kind) => section(kind).end(),
            Self::Contents(path) => editor.contents_at(path),
            Self::ExtentData(path, index) => editor.extent_data_at(path, index),
            Self::UnitEnd(path) => {
                let directory = editor.directory(path);
                directory.offset() + directory.unit_length()
            }
            Self::Name(directory, name) => {
                editor.name_offset(directory, editor.index(directory, name))
            }
            Self::NameAt(directory, index) => editor.name_offset(directory, index),
            Self::ImageEnd => editor.length(),
        }
    }
}

impl At {
    fn offset(self, editor: &Editor) -> usize {
        to_usize(self.0.offset(editor)).wrapping_add_signed(self.1)
    }
}

impl Value {
    /// The number, for a field at a distance from its structure that has an old value.
    fn number(self, editor: &Editor, old: u64, distance: isize, width: usize) -> u64 {
        match self {
            Self::Is(number) => number,
            Self::Is32(number) => number.into(),
            Self::Is8(number) => number.into(),
            Self::Ones => u64::MAX,
            Self::More(more) => old.wrapping_add(more),
            Self::Less(less) => old.wrapping_sub(less),
            Self::Flip(bits) => old ^ bits,
            Self::Like(other) => {
                let start = At(other, distance).offset(editor);
                number(&editor.pristine()[start..start + width])
            }
            Self::Offset(anchor) => anchor.offset(editor),
            Self::Length(kind, more) => editor.section(kind).length + more,
            Self::Ino(path) => editor.ino(path).into(),
            Self::NextIno => u64::from(editor.image().inode_count()) + 1,
        }
    }
}

impl Edit {
    /// Applies the edit.
    pub(super) fn apply(self, editor: &mut Editor) {
        match self {
            Self::Set(at, width, value) => set(editor, at, width, value),
            Self::Zero(from, to) => {
                let range = from.offset(editor)..to.offset(editor);
                editor.bytes[range].fill(0);
            }
            Self::Copy(from, to, length) => {
                let (from, to) = (At(from, 0).offset(editor), At(to, 0).offset(editor));
                let bytes = editor.pristine()[from..from + length].to_vec();
                editor.bytes[to..to + length].copy_from_slice(&bytes);
            }
            Self::Rename(directory, name, to) => editor.rename(directory, name, to),
            Self::Resize(value) => {
                let length = value.number(editor, len64(&editor.bytes), 0, 0);
                editor.resize(length);
            }
            Self::Replace(image) => *editor = Editor::new(image()),
            Self::Seals(seal) => editor.seal = seal,
        }
    }
}

fn set(editor: &mut Editor, at: At, width: usize, value: Value) {
    let start = at.offset(editor);
    let old = number(&editor.bytes[start..start + width]);
    let new = value.number(editor, old, at.1, width).to_le_bytes();
    editor.bytes[start..start + width].copy_from_slice(&new[..width]);
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev().map(|&byte| u64::from(byte));
    bytes.fold(0, |number, byte| number << 8 | byte)
}

/// A field as its distance from the structure and its width.
pub(super) struct Field(pub(super) isize, pub(super) usize);

impl Field {
    /// A field at an offset of `T`; the function selects it and is not called.
    pub(super) const fn of<T, F>(offset: usize, _: fn(&T) -> &F) -> Self {
        Self(offset.cast_signed(), size_of::<F>())
    }

    /// A byte of an array.
    pub(super) const fn byte(self, index: usize) -> Self {
        Self(self.0 + index.cast_signed(), 1)
    }

    /// The edit that gives the field of a structure a value.
    pub(super) const fn set(self, structure: Anchor, value: Value) -> Edit {
        Edit::Set(At(structure, self.0), self.1, value)
    }
}
