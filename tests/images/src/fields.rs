// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fields of the structures of the format, as the tables of docs/format.md name them, and where
//! the structures lie in an image.

use daxfs_format::{Image, Inode, InodeKind, SectionKind};
use daxfs_image::hash::Xxh64;

use crate::examine::Examiner;
use crate::num::to_usize;

/// The specification.
const SPECIFICATION: &str = include_str!("../../../docs/format.md");

/// The structures that have tables in the specification, in its order, with their lengths in bytes.
const TABLES: [(&str, usize); 7] = [
    ("superblock", 4096),
    ("section table entry", 64),
    ("inode", 64),
    ("directory entry", 16),
    ("xattr header", 16),
    ("attribute", 8),
    ("extent", 32),
];

/// The structures that the specification describes in words.
const OTHERS: [(&str, &[Field]); 3] = [
    ("xattr set", &[Field::new(0, 4), Field::new(4, 4)]),
    (
        "digest header",
        &[Field::new(0, 4), Field::new(4, 4), Field::new(8, 24)],
    ),
    ("digest", &[Field::new(0, 32)]),
];

/// A field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its offset in the structure.
    pub offset: usize,
    /// Its length in bytes.
    pub length: usize,
}

impl Field {
    const fn new(offset: usize, length: usize) -> Self {
        Self { offset, length }
    }
}

/// A kind of structure, and the offsets of those in an image.
#[derive(Clone, Debug)]
pub struct Structure {
    /// The name of the kind.
    pub name: &'static str,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The offset of each structure.
    pub offsets: Vec<usize>,
}

/// Every structure of a sound image.
#[must_use]
pub fn structures(image: &[u8]) -> Vec<Structure> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let mut all = described();
    let others = OTHERS.map(|(name, fields)| Structure {
        name,
        fields: fields.to_vec(),
        offsets: Vec::new(),
    });
    all.extend(others);
    for structure in &mut all {
        structure.offsets = offsets(&opened, structure.name);
    }
    all
}

/// The structures of [`TABLES`], as the specification has them.
fn described() -> Vec<Structure> {
    let tables = tables();
    assert_eq!(tables.len(), TABLES.len(), "a table without a name");
    let named = TABLES.iter().zip(tables);
    let structure = |(&(name, length), fields): (&(&'static str, usize), Vec<Field>)| {
        assert_tiles(name, length, &fields);
        Structure {
            name,
            fields,
            offsets: Vec::new(),
        }
    };
    named.map(structure).collect()
}

/// Asserts that fields follow each other without gaps, so that none is left out.
fn assert_tiles(name: &str, length: usize, fields: &[Field]) {
    let mut at = 0;
    for field in fields {
        assert!(field.offset == at, "{name}: no field at {at}");
        at = field.offset + field.length;
    }
    assert_eq!(at, length, "{name}: its fields do not fill it");
}

/// The tables of fields in the specification.
fn tables() -> Vec<Vec<Field>> {
    let mut tables = Vec::new();
    for line in SPECIFICATION.lines() {
        if line.starts_with("| offset | type | field") {
            tables.push(Vec::new());
        }
        if let (Some(table), Some(field)) = (tables.last_mut(), field(line)) {
            table.push(field);
        }
    }
    tables
}

/// The field that a row of a table describes: `| 16 | u64 | size | ...`.
fn field(line: &str) -> Option<Field> {
    let mut cells = line.strip_prefix("| ")?.split(" | ");
    let offset = cells.next()?.parse().ok()?;
    let (element, count) = match cells.next()?.split_once('[') {
        Some((element, count)) => (element, count.strip_suffix(']')?.parse().ok()?),
        None => (line.split(" | ").nth(1)?, 1),
    };
    let width = match element {
        "u8" => 1,
        "u16" => 2,
        "u32" => 4,
        "u64" | "i64" => 8,
        "section" => 64,
        _ => return None,
    };
    Some(Field::new(offset, width * count))
}

/// Returns the offsets of the structures of a kind.
fn offsets(image: &Image<&[u8], Xxh64>, name: &str) -> Vec<usize> {
    let table = |kind, first: u64, step: u64| {
        let section = image.superblock().sections().get(kind);
        let range = section.map_or(0..0, |section| section.offset + first..section.end());
        range.step_by(to_usize(step)).map(to_usize).collect()
    };
    match name {
        "superblock" => vec![0],
        // With the first entry that is not in use.
        "section table entry" => {
            let count = image.superblock().sections().iter().count();
            (0..=count).map(|index| 192 + 64 * index).collect()
        }
        "inode" => table(SectionKind::Inodes, 0, 64),
        "directory entry" => inodes(image).flat_map(|inode| entries(&inode)).collect(),
        "xattr header" => table(SectionKind::Xattrs, 0, 1 << 32),
        "xattr set" => attribute_sets(image).0,
        "attribute" => attribute_sets(image).1,
        "extent" => table(SectionKind::Extents, 0, 32),
        "digest header" => table(SectionKind::Digests, 0, 1 << 32),
        "digest" => table(SectionKind::Digests, 32, 32),
        _ => Vec::new(),
    }
}

fn inodes<'i>(image: &'i Image<&[u8], Xxh64>) -> impl Iterator<Item = Inode> + 'i {
    let numbers = image.inode_numbers();
    numbers.map(|ino| image.inode(ino).expect("a sound inode"))
}

fn entries(inode: &Inode) -> Vec<usize> {
    let InodeKind::Directory(directory) = inode.kind else {
        return Vec::new();
    };
    let indices = 0..u64::from(directory.len());
    indices
        .map(|index| to_usize(directory.offset() + 16 * index))
        .collect()
}

/// Returns the offsets of the entries in the table of sets, and of the attributes of all sets.
fn attribute_sets(image: &Image<&[u8], Xxh64>) -> (Vec<usize>, Vec<usize>) {
    let section = image.superblock().sections().get(SectionKind::Xattrs);
    let start = section.map_or(0, |section| section.offset);
    let mut ids: Vec<_> = inodes(image).filter_map(|inode| inode.xattrs).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut attributes = Vec::new();
    for &id in &ids {
        let mut walk = image.xattrs(id).expect("a sound set").walk();
        while let Ok(Some(xattr)) = image.next_xattr(&mut walk) {
            let at = xattr.value_at() - u64::from(xattr.name_length()) - 8;
            attributes.push(to_usize(at));
        }
    }
    let set = |index| to_usize(start) + 16 + 8 * index;
    ((0..ids.len()).map(set).collect(), attributes)
}
