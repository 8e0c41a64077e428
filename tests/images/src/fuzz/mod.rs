// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fuzz targets over images, as plain functions: a test runs the corpus through them too. An
//! error is a good result, a panic is a defect.
//!
//! | target | input |
//! |---|---|
//! | `open_check_walk` | an image, which is sealed first |
//! | `lookup` | length of a name, the name, count of entries (2 bytes), a directory unit |
//! | `readdir` | a cookie (8 bytes), count of entries (2 bytes), a directory unit |
//! | `xattr` | namespace, length of a name, the name, an xattr section |

mod mutator;

pub use mutator::mutate_image;

use std::cell::RefCell;
use std::ops::ControlFlow;

use daxfs_format::directory::is_valid_name;
use daxfs_format::inode::RawInode;
use daxfs_format::superblock::{RawSuperblock, MAGIC, SUPERBLOCK_SIZE, VERSION_MAJOR};
use daxfs_format::{
    Cookie, Directory, Image, InodeKind, ListBuf, Memory as _, NameBuf, Namespace, SectionKind,
    XattrSetId,
};
use daxfs_image::hash::Xxh64;
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::examine::Examiner;
use crate::memory::Watched;
use crate::num::{from_usize, len64, to_u32, to_usize};
use crate::reference::{variant, variants};
use crate::seal::seal_superblock;
use crate::walk::{walk_with, BUFFER};
use crate::writer::ROOT;

/// A fuzz target.
pub struct Target {
    /// The name, as `cargo fuzz` knows it.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
    /// Seed inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "open_check_walk",
        run: open_check_walk,
        seeds: images,
    },
    Target {
        name: "lookup",
        run: lookup,
        seeds: || units(|name| [&[u8::try_from(name.len()).unwrap_or(0)], name].concat()),
    },
    Target {
        name: "readdir",
        run: readdir,
        seeds: || units(|_| Cookie::START.to_offset().to_le_bytes().to_vec()),
    },
    Target {
        name: "xattr",
        run: xattr,
        seeds: || {
            let section = section_of("attributes", SectionKind::Xattrs);
            vec![[&[1, 7], &b"comment"[..], &section].concat()]
        },
    },
];

/// The number of loads after which the memory of an input refuses.
const FUEL: u64 = 1 << 16;

thread_local! {
    /// Buffers that runs reuse, whatever they hold.
    static KEPT: RefCell<(Examiner, Vec<u8>)> =
        RefCell::new((Examiner::default(), vec![0; BUFFER]));
}

/// Opens, checks and walks an image; one that was accepted must be walkable without a problem.
pub fn open_check_walk(input: &[u8]) {
    KEPT.with_borrow_mut(|(examiner, buffer)| run_image(input, examiner, buffer));
}

fn run_image(input: &[u8], examiner: &mut Examiner, buffer: &mut [u8]) {
    let mut bytes = input.to_vec();
    seal_superblock(&mut bytes);
    let memory = Watched::new(&bytes, FUEL);
    let Ok(image) = examiner.open(&memory) else {
        return;
    };
    let image_size = image.superblock().image_size();
    memory.limit(image_size);
    let mut findings = 0_u32;
    let outcome = examiner.structure(&image, &mut |finding| {
        assert!(finding.offset <= image_size, "{finding:?}");
        findings += 1;
        ControlFlow::Continue(())
    });
    let (loads, loaded) = memory.loads();
    assert_eq!(
        outcome,
        Ok(()),
        "a check of {} bytes took {loads} loads",
        bytes.len()
    );
    assert!(
        loaded <= 16 * image_size,
        "a check of {image_size} bytes loaded {loaded}"
    );
    let accepted = findings == 0;
    memory.refuel(if accepted { u64::MAX } else { FUEL });
    let report = walk_with(&image, buffer);
    assert!(
        !accepted || report.first.is_none(),
        "accepted, but {:?}",
        report.first
    );
}

/// Looks a name up in an arbitrary unit.
pub fn lookup(input: &[u8]) {
    let Some((name, rest)) = split_counted(input) else {
        return;
    };
    with_directory(rest, |image, directory| {
        if let Ok(Some(entry)) = image.lookup(directory, name) {
            let mut buffer = NameBuf::new();
            let found = image.name(directory, &entry, &mut buffer);
            assert!(
                found.is_err() || found == Ok(name),
                "another name: {found:?}"
            );
        }
    });
}

/// Iterates over an arbitrary unit from an arbitrary cookie.
pub fn readdir(input: &[u8]) {
    let Some((cookie, rest)) = input.split_first_chunk() else {
        return;
    };
    let cookie = Cookie::from_offset(u64::from_le_bytes(*cookie));
    with_directory(rest, |image, directory| {
        let Ok(mut position) = image.seek(directory, cookie) else {
            return;
        };
        let mut left = directory.len();
        let mut buffer = ListBuf::new();
        while let Ok(Some(listed)) = image.next_entry(directory, &mut position, &mut buffer) {
            left = left.checked_sub(1).expect("an iteration ends");
            assert!(is_valid_name(listed.name), "a name that cannot be one");
        }
    });
}

/// Lists the sets of an arbitrary section and gets an attribute from each.
pub fn xattr(input: &[u8]) {
    let Some((&namespace, rest)) = input.split_first() else {
        return;
    };
    let Some((name, section)) = split_counted(rest) else {
        return;
    };
    let namespace = Namespace::from_number(namespace).unwrap_or(Namespace::User);
    with_section(
        SectionKind::Xattrs,
        section,
        |_| {},
        |image| {
            let mut value = vec![0; 65536];
            for id in (1..=section.len().min(64)).filter_map(|id| XattrSetId::new(to_u32(id))) {
                let Ok(set) = image.xattrs(id) else {
                    continue;
                };
                let mut walk = set.walk();
                while let Ok(Some(xattr)) = image.next_xattr(&mut walk) {
                    let _ = image.xattr_name(&xattr, &mut [0; 255]);
                    let whole = image.xattr_value(&xattr, &mut value).map(<[u8]>::len);
                    assert_eq!(whole.map(from_usize), Ok(xattr.value_length().into()));
                }
                let _ = image.find_xattr(&set, namespace, name);
            }
        },
    );
}

/// The small images: together they have every kind of object, and short inputs run faster.
fn images() -> Vec<Vec<u8>> {
    let variants = variants().into_iter().map(|(_, image)| image);
    variants.filter(|image| image.len() <= 16384).collect()
}

/// Splits off a byte with a count, and so many bytes.
fn split_counted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&count, rest) = input.split_first()?;
    rest.split_at_checked(count.into())
}

/// Runs `then` on a root directory whose unit is the input.
fn with_directory(input: &[u8], then: impl FnOnce(&Image<&Watched<'_>, Xxh64>, &Directory)) {
    let Some((count, unit)) = input.split_first_chunk() else {
        return;
    };
    let count = u16::from_le_bytes(*count).into();
    let describe = |inode: &mut RawInode| {
        inode.count.set(count);
        inode.size.set(len64(unit));
        inode.offset.set(from_usize(SUPERBLOCK_SIZE + 128));
    };
    with_section(SectionKind::Directories, unit, describe, |image| {
        let root = image.inode(image.superblock().root());
        if let Ok(InodeKind::Directory(directory)) = root.map(|inode| inode.kind) {
            then(image, &directory);
        }
    });
}

/// Runs `then` on an image with a root inode and one section more.
fn with_section(
    kind: SectionKind,
    body: &[u8],
    describe: impl FnOnce(&mut RawInode),
    then: impl FnOnce(&Image<&Watched<'_>, Xxh64>),
) {
    let mut root = RawInode::new_zeroed();
    root.mode.set(0o40755);
    root.link_count.set(2);
    root.link.set(ROOT);
    describe(&mut root);
    let mut superblock = RawSuperblock::new_zeroed();
    superblock.magic = MAGIC;
    superblock.version_major.set(VERSION_MAJOR);
    superblock.page_shift = 12;
    superblock.root.set(ROOT);
    superblock.section_count.set(2);
    let layout = [(SectionKind::Inodes, 0, 128), (kind, 128, body.len())];
    for (raw, (kind, offset, length)) in superblock.sections.iter_mut().zip(layout) {
        raw.kind.set(kind.number());
        raw.flags.set(kind.flags());
        raw.offset.set(from_usize(SUPERBLOCK_SIZE + offset));
        raw.length.set(from_usize(length));
    }
    let size = (SUPERBLOCK_SIZE + 128 + body.len()).next_multiple_of(4096);
    superblock.image_size.set(from_usize(size));
    let mut bytes = superblock.as_bytes().to_vec();
    bytes.extend([0; 64]);
    bytes.extend(root.as_bytes());
    bytes.extend(body);
    bytes.resize(size, 0);
    seal_superblock(&mut bytes);
    let memory = Watched::new(&bytes, FUEL);
    if let Ok(image) = Examiner::default().open(&memory) {
        then(&image);
        let (loads, _) = memory.loads();
        assert!(loads < memory.size(), "{loads} loads");
    }
}

/// The section of a kind in one of the small images.
fn section_of(name: &str, kind: SectionKind) -> Vec<u8> {
    let bytes = variant(name);
    let image = Examiner::default().open(&bytes[..]).expect("a sound image");
    let section = image.superblock().sections().get(kind).expect("a section");
    let start = to_usize(section.offset);
    bytes[start..start + to_usize(section.length)].to_vec()
}

/// The root directories of some small images, each after the result of `head` for one of its names.
fn units(head: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    let of = |name: &str, count: u16| {
        let unit = section_of(name, SectionKind::Directories);
        let entry = &unit[..16];
        let name = u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]);
        let name = to_usize(name.into());
        let length = usize::from(u16::from_le_bytes([entry[12], entry[13]]));
        [
            &head(&unit[name..name + length]),
            &count.to_le_bytes()[..],
            &unit,
        ]
        .concat()
    };
    vec![of("packed", 1), of("colliding", 40), of("attributes", 4)]
}
