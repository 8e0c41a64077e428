// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of the sample tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{
    SampleFile, BIG_FILE, HOLED_PIECES, HOLED_SIZE, HUGE, HUGE_FILE, INNER_IMAGE, MANY, MIB,
    ODD_FILE, PAGE, SMALL_FILE, SPARSE_PIECES, SPARSE_SIZE, TWIN_SIZE, USER, VAST_PIECE, VAST_SIZE,
    WIDE_FILE,
};
use crate::pattern;

/// The types of entries.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// A file whose bytes are those of a pattern: offset and length of each piece; zeros between
    /// them up to the size.
    File {
        seed: u64,
        pieces: Vec<(u64, u64)>,
        size: u64,
    },
    /// A file with these bytes.
    Text(Vec<u8>),
    /// This program.
    Program,
    /// Images of this file system at multiples of 2 MiB, and zeros up to [`super::IMAGE_SIZE`].
    Image,
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A node: file type bits and device number.
    Node(u32, u64),
    /// Another name of an earlier entry.
    Link(&'static str),
}

/// An entry of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The path from the root of the tree.
    pub(crate) path: PathBuf,
    /// The type.
    pub(crate) kind: Kind,
    /// Permissions.
    pub(crate) mode: u32,
    /// Owner and group.
    pub(crate) owner: (u32, u32),
    /// Modification time: seconds, nanoseconds.
    pub(crate) mtime: (i64, i64),
    /// Extended attributes.
    pub(crate) xattrs: Vec<(&'static str, Vec<u8>)>,
}

impl Entry {
    fn new(path: impl AsRef<OsStr>, kind: Kind) -> Self {
        let mode = if matches!(kind, Kind::Directory | Kind::Program) {
            0o755
        } else {
            0o644
        };
        let path = PathBuf::from(path.as_ref());
        Self {
            path,
            kind,
            mode,
            owner: (0, 0),
            mtime: (1_600_000_000, 123_456_789),
            xattrs: Vec::new(),
        }
    }

    fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = (uid, gid);
        self
    }

    fn xattr(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.xattrs.push((name, value.into()));
        self
    }
}

/// A file full of a pattern.
fn full(path: &str, seed: u64, size: u64) -> Entry {
    let pieces = if size == 0 {
        Vec::new()
    } else {
        vec![(0, size)]
    };
    Entry::new(path, Kind::File { seed, pieces, size })
}

fn sparse(path: &str, seed: u64, pieces: &[(u64, u64)], size: u64) -> Entry {
    Entry::new(
        path,
        Kind::File {
            seed,
            pieces: pieces.to_vec(),
            size,
        },
    )
}

/// All entries, parents first; the root is not among them.
pub(crate) fn entries() -> Vec<Entry> {
    let mut all = files();
    all.extend(special());
    all.extend(names());
    all.extend(fillers());
    all.push(Entry::new("many", Kind::Directory));
    all.extend(
        (0..MANY).map(|i| Entry::new(format!("many/{}", many_name(i)), Kind::Text(Vec::new()))),
    );
    all
}

/// The name with this number in the directory `many`.
pub(crate) fn many_name(number: usize) -> String {
    format!("entry-{number:05}-{}", "x".repeat(number % 40))
}

fn files() -> Vec<Entry> {
    let program = |name: &str| Entry::new(name, Kind::Program);
    let from = |file: SampleFile| full(file.name, file.seed, file.size);
    vec![
        full("empty", 0, 0),
        from(SMALL_FILE),
        full("page", 21, PAGE),
        from(ODD_FILE),
        from(WIDE_FILE),
        from(BIG_FILE),
        from(HUGE_FILE),
        full("twin1", 22, TWIN_SIZE),
        full("twin2", 22, TWIN_SIZE),
        sparse("sparse", 23, &SPARSE_PIECES, SPARSE_SIZE),
        sparse("holed", 26, &HOLED_PIECES, HOLED_SIZE),
        sparse("vast", 24, &[VAST_PIECE], VAST_SIZE),
        sparse("hole", 25, &[], 10 * MIB),
        Entry::new(INNER_IMAGE, Kind::Image),
        program("prog"),
        Entry::new("script", Kind::Text(b"#!/mnt/prog hello\n".to_vec())).mode(0o755),
        Entry::new("hard1", Kind::Text(b"one content, two names".to_vec())),
        Entry::new("hard2", Kind::Link("hard1")),
    ]
}

/// Small files, 2 MiB together: they can fill each gap before a file that huge pages map, so that
/// all of these are aligned, however long the program is that lies between them.
fn fillers() -> impl Iterator<Item = Entry> {
    const COUNT: u64 = 64;
    let files = (0..COUNT).map(|i| full(&format!("fill/{i}"), 100 + i, HUGE / COUNT));
    std::iter::once(Entry::new("fill", Kind::Directory)).chain(files)
}

/// Version 2; owner rw-, user 1000 r--, group ---, mask r--, others ---.
pub(crate) fn acl() -> Vec<u8> {
    let mut value = vec![2, 0, 0, 0];
    for (tag, permissions, id) in [
        (1_u16, 6_u16, u32::MAX),
        (2, 4, USER),
        (4, 0, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

/// A file capability: may read whatever is there (CAP_DAC_READ_SEARCH), from the start.
fn capability() -> Vec<u8> {
    const VERSION_2_EFFECTIVE: u32 = 0x0200_0001;
    let words = [VERSION_2_EFFECTIVE, 1 << 2, 0, 0, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Values of the attributes, as the cases know them.
pub(crate) const ATTRIBUTE: &str = "user.note";

pub(crate) const ATTRIBUTE_VALUE: &[u8] = b"a value with \0 inside";

/// A value that fills more than a page.
pub(crate) fn long_value() -> Vec<u8> {
    pattern::bytes(31, 0, 3000)
}

fn special() -> Vec<Entry> {
    let text = |name: &str| Entry::new(name, Kind::Text(name.as_bytes().to_vec()));
    vec![
        Entry::new("null", Kind::Node(libc::S_IFCHR, libc::makedev(1, 3))).mode(0o666),
        Entry::new("loop", Kind::Node(libc::S_IFBLK, libc::makedev(7, 200))).mode(0o660),
        Entry::new("fifo", Kind::Node(libc::S_IFIFO, 0)).mode(0o622),
        Entry::new("socket", Kind::Node(libc::S_IFSOCK, 0)).mode(0o755),
        Entry::new("link", Kind::Symlink(b"small".to_vec())),
        Entry::new("dangling", Kind::Symlink(b"no/such/file".to_vec())),
        Entry::new("long-link", Kind::Symlink(vec![b'l'; 4000])),
        text("attributes")
            .xattr(ATTRIBUTE, ATTRIBUTE_VALUE)
            .xattr("user.long", long_value())
            .xattr("user.empty", b"")
            .xattr("trusted.secret", b"for root")
            .xattr("security.label", b"some label"),
        text("acl")
            .mode(0o640)
            .xattr("system.posix_acl_access", acl()),
        Entry::new("acl-directory", Kind::Directory).xattr("system.posix_acl_default", acl()),
        text("private").mode(0o600),
        text("owned").mode(0o640).owner(USER, 2000),
        Entry::new("setuid", Kind::Program)
            .mode(0o4755)
            .owner(USER, USER),
        Entry::new("capable", Kind::Program).xattr("security.capability", capability()),
        Entry {
            mtime: (1, 999_999_999),
            ..text("old")
        },
        Entry {
            mtime: (5_000_000_000, 1),
            ..text("future")
        },
    ]
}

fn names() -> Vec<Entry> {
    let text = |name: Vec<u8>| {
        Entry::new(
            std::ffi::OsString::from_vec(name),
            Kind::Text(b"named".to_vec()),
        )
    };
    let mut all = vec![
        text(vec![b'n'; 255]),
        text(b"\xff\xfe not utf-8".to_vec()),
        text(b" space ".to_vec()),
        text(b"line\nbreak".to_vec()),
    ];
    let mut path = PathBuf::from("deep");
    for _ in 0..12 {
        all.push(Entry::new(&path, Kind::Directory).mode(0o711));
        path.push("deeper");
    }
    all.push(Entry::new("deep/deeper/file", Kind::Text(b"deep".to_vec())));
    all.push(Entry::new("void", Kind::Directory));
    all
}
