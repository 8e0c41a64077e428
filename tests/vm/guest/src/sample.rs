// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree that the sample image holds: one of everything, known by heart in the guest.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{symlink, FileExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use libc::c_int;

use crate::image::MOUNT;
use crate::sys::{self, Map};
use crate::{forge, pattern};

/// Sizes that matter.
pub(crate) const PAGE: u64 = 4096;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const HUGE: u64 = 2 * MIB;

/// How many names the directory `many` has.
pub(crate) const MANY: usize = 3000;

/// The user that owns some of the files.
pub(crate) const USER: u32 = 1000;

/// What an entry is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// A file whose bytes are those of a pattern: offset and length of each piece; zeros between them
    /// up to the size.
    File {
        seed: u64,
        pieces: Vec<(u64, u64)>,
        size: u64,
    },
    /// A file with these bytes.
    Text(Vec<u8>),
    /// This program.
    Program,
    /// Images of this file system at multiples of 2 MiB, and zeros up to [`IMAGE_SIZE`].
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
    /// What it is.
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

/// A file that is full of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleFile {
    /// The path from the root of the tree.
    pub(crate) name: &'static str,
    /// The seed of the pattern.
    pub(crate) seed: u64,
    /// The size in bytes.
    pub(crate) size: u64,
}

impl SampleFile {
    pub(crate) const fn new(name: &'static str, seed: u64, size: u64) -> Self {
        Self { name, seed, size }
    }

    /// Returns the path on the mount.
    pub(crate) fn path(self) -> PathBuf {
        Path::new(MOUNT).join(self.name)
    }

    /// Opens the file for reading.
    pub(crate) fn open(self) -> Result<File> {
        let path = self.path();
        File::open(&path).with_context(|| format!("cannot open {}", path.display()))
    }

    /// Maps the whole file.
    pub(crate) fn map(self, protection: c_int, flags: c_int) -> Result<Map> {
        self.map_part(0..self.size, protection, flags)
    }

    /// Maps a range of bytes.
    pub(crate) fn map_part(
        self,
        range: Range<u64>,
        protection: c_int,
        flags: c_int,
    ) -> Result<Map> {
        let length = range.end - range.start;
        Map::new(&self.open()?, range.start, length, protection, flags)
    }

    /// Fails unless these are the bytes at an offset.
    pub(crate) fn expect(self, found: &[u8], offset: u64) -> Result<()> {
        pattern::expect(found, self.seed, offset)
    }

    /// Fails unless a mapping of the whole file shows its bytes.
    pub(crate) fn expect_map(self, map: &Map) -> Result<()> {
        self.expect(&map.bytes()?, 0)
    }

    /// Fails unless reading the file gives its bytes.
    pub(crate) fn expect_read(self) -> Result<()> {
        self.expect(&fs::read(self.path())?, 0).context(self.name)
    }
}

/// Files whose contents the cases know by these names and seeds.
pub(crate) const HUGE_FILE: SampleFile = SampleFile::new("huge", 11, 4 * HUGE);
pub(crate) const BIG_FILE: SampleFile = SampleFile::new("big", 12, 6 * MIB + 123);
pub(crate) const SMALL_FILE: SampleFile = SampleFile::new("small", 13, 100);
pub(crate) const ODD_FILE: SampleFile = SampleFile::new("odd", 14, 3 * PAGE + 700);
pub(crate) const WIDE_FILE: SampleFile = SampleFile::new("wide", 15, 160 * PAGE);
pub(crate) const SPARSE_SIZE: u64 = 3 * MIB + 77;
pub(crate) const SPARSE_PIECES: [(u64, u64); 2] = [(MIB, 64 * 1024), (2 * MIB + PAGE, PAGE)];
/// A sparse file with an extent that is long enough for a huge entry, and one that ends with the file,
/// within a page.
pub(crate) const HOLED_PIECES: [(u64, u64); 2] = [(0, 5 * MIB), (6 * MIB, 3 * PAGE + 50)];
pub(crate) const HOLED_SIZE: u64 = 6 * MIB + 3 * PAGE + 50;
/// Two files of this size with one content.
pub(crate) const TWIN_SIZE: u64 = 4 * MIB;
pub(crate) const VAST_SIZE: u64 = 6 << 30;
pub(crate) const VAST_PIECE: (u64, u64) = (5 << 30, 2 * PAGE);

/// A valid image at an address of its own within the image, with a file that tells it apart.
pub(crate) const INNER_IMAGE: &str = "inner";
pub(crate) const IMAGE_SIZE: u64 = 5 * HUGE;

/// Where in that file images lie that are forged: [`forge::wrong_digest`] and [`forge::endless`].
pub(crate) const WRONG_DIGEST: u64 = HUGE;
pub(crate) const ENDLESS: u64 = 2 * HUGE;
pub(crate) const INNER_FILE: (&str, &str) = ("inside", "within another image");

/// Files of the inner image: behind the end of the first, in its last page, there is a byte that is not
/// zero.
pub(crate) const DIRTY_FILE: SampleFile = SampleFile::new("dirty", 41, 2 * PAGE + 100);
pub(crate) const CLEAN_FILE: SampleFile = SampleFile::new("clean", 42, 2 * PAGE + 100);

/// Makes the tree of the inner image in `root`, which must not exist.
pub(crate) fn make_inner(root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for SampleFile { name, seed, size } in [DIRTY_FILE, CLEAN_FILE] {
        let bytes = pattern::bytes(seed, 0, usize::try_from(size)?);
        fs::write(root.join(name), bytes)?;
    }
    Ok(fs::write(root.join(INNER_FILE.0), INNER_FILE.1)?)
}

/// Writes behind the end of [`DIRTY_FILE`] in the bytes of the inner image.
fn soil(image: &mut [u8]) -> Result<()> {
    let SampleFile { seed, size, .. } = DIRTY_FILE;
    let content = pattern::bytes(seed, 0, usize::try_from(size)?);
    let step = usize::try_from(PAGE)?;
    let start = (0..image.len())
        .step_by(step)
        .find(|&at| image[at..].starts_with(&content))
        .context("the file is not in the image")?;
    image[start + content.len() + 7] = 0x5a;
    Ok(())
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

/// Small files, 2 MiB together: they can fill each gap before a file that huge pages map, so that all of these are
/// aligned, however long the program is that lies between them.
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

/// Makes the tree in `root`, which must not exist; `inner` is the image that becomes part of it.
pub(crate) fn make(root: &Path, inner: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    let all = entries();
    for entry in &all {
        create(root, entry, inner)
            .with_context(|| format!("cannot make {}", entry.path.display()))?;
    }
    // Children change the times of their parents, so parents come last.
    for entry in all.iter().rev() {
        finish(root, entry).with_context(|| format!("cannot finish {}", entry.path.display()))?;
    }
    Ok(())
}

fn create(root: &Path, entry: &Entry, inner: &Path) -> Result<()> {
    let path = root.join(&entry.path);
    match &entry.kind {
        Kind::Directory => fs::create_dir(&path)?,
        Kind::File { seed, pieces, size } => {
            let file = File::create(&path)?;
            file.set_len(*size)?;
            for &(offset, length) in pieces {
                file.write_all_at(
                    &pattern::bytes(*seed, offset, usize::try_from(length)?),
                    offset,
                )?;
            }
        }
        Kind::Text(text) => fs::write(&path, text)?,
        Kind::Program => drop(fs::copy(std::env::current_exe()?, &path)?),
        Kind::Image => {
            // Zeros, not a hole: a file with holes has no place of its own. The largest of all files
            // is placed first, which makes sure of a place at 2 MiB.
            let mut inner = fs::read(inner)?;
            soil(&mut inner)?;
            fs::write(&path, images(&inner)?)?;
        }
        Kind::Symlink(target) => symlink(OsStr::from_bytes(target), &path)?,
        Kind::Node(kind, device) => sys::mknod(&path, *kind, *device)?,
        Kind::Link(target) => fs::hard_link(root.join(target), &path)?,
    }
    Ok(())
}

/// The inner image and the forged ones, each at its place.
fn images(inner: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(IMAGE_SIZE)?];
    for (place, image) in [
        (0, inner.to_vec()),
        (WRONG_DIGEST, forge::wrong_digest(inner.to_vec())?),
        (ENDLESS, forge::endless(inner.to_vec())?),
    ] {
        let place = usize::try_from(place)?;
        let room = bytes.get_mut(place..place + image.len());
        room.context("no room for an image")?
            .copy_from_slice(&image);
    }
    Ok(bytes)
}

fn finish(root: &Path, entry: &Entry) -> Result<()> {
    let path = root.join(&entry.path);
    std::os::unix::fs::lchown(&path, Some(entry.owner.0), Some(entry.owner.1))?;
    if !matches!(entry.kind, Kind::Symlink(_)) {
        sys::chmod(&path, entry.mode)?;
    }
    for (name, value) in &entry.xattrs {
        sys::setxattr(&path, &CString::new(*name)?, value)?;
    }
    sys::set_mtime(&path, entry.mtime)
}
