// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of a build whose file system answers as few do: each answer gives an image that the check
//! finds clean, or an error that names the file.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use daxfs_format::Timestamp;
use daxfs_image::check::{check_structure, verify_data, Findings};
use daxfs_image::file::open;
use daxfs_image::path::resolve;
use rustix::io::Errno;

use super::*;
use crate::num::{len64, to_usize};
use crate::options::{Boundary, Existing, Mtime, Overrides};
use crate::own::FileKey;
use crate::source::directory::calls::{Answer, Answered, Calls, EachName, Mount, System};

/// The size of `file`, by which its status is known.
const FILE: i64 = 5000;
/// The size of `other`.
const OTHER: i64 = 6000;
/// The size of `link`.
const LINK: i64 = 6;

type Names = Vec<Vec<u8>>;
type Change = fn(&mut Answer);
type Listing = fn(Names) -> Answered<Names>;
type Opening = fn(&[u8]) -> Option<Errno>;
type Target = fn(Vec<u8>) -> Answered<Vec<u8>>;
type List = fn(&mut [u8]) -> Answered<usize>;
type Value = fn(&[u8], &mut [u8]) -> Answered<usize>;
/// Takes offset and length of a read, and returns the length that is read.
type Reading = fn(u64, u64) -> io::Result<usize>;

/// Calls of this system, some of whose answers are changed.
struct Odd {
    status: Change,
    names: Listing,
    /// True for directories that list their names again and again.
    is_endless: bool,
    open_directory: Opening,
    /// True if each directory is the source itself.
    is_ring: bool,
    open_file: Opening,
    target: Target,
    /// The list of attributes of `file`.
    xattr_names: List,
    xattr: Value,
    mount: Mount,
    read: Reading,
    reads: AtomicU64,
}

impl Default for Odd {
    fn default() -> Self {
        Self {
            status: |_| {},
            names: Ok,
            is_endless: false,
            open_directory: |_| None,
            is_ring: false,
            open_file: |_| None,
            target: Ok,
            xattr_names: |_| Ok(0),
            xattr: |_, _| Err(Errno::NODATA),
            mount: Mount {
                id: Some(1),
                is_root: Some(false),
            },
            read: |_, length| Ok(to_usize(length)),
            reads: AtomicU64::new(0),
        }
    }
}

impl Calls for Odd {
    fn open_directory(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd> {
        if let Some(errno) = (self.open_directory)(path) {
            return Err(errno);
        }
        let path = if self.is_ring { b"." } else { path };
        System.open_directory(at, path)
    }

    fn open_source(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd> {
        System.open_source(at, path)
    }

    fn open_file(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<File> {
        match (self.open_file)(name) {
            Some(errno) => Err(errno),
            None => System.open_file(at, name),
        }
    }

    fn status(&self, file: BorrowedFd<'_>) -> Answered<Answer> {
        let mut answer = System.status(file)?;
        (self.status)(&mut answer);
        Ok(answer)
    }

    fn status_in(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Answer> {
        let is_again = self.is_ring && name == b"directory";
        let name = if is_again { b"." } else { name };
        let mut answer = System.status_in(at, name)?;
        (self.status)(&mut answer);
        Ok(answer)
    }

    fn mount(&self, _: BorrowedFd<'_>, _: &[u8]) -> Answered<Mount> {
        Ok(self.mount)
    }

    fn names(&self, directory: BorrowedFd<'_>, each: EachName<'_>) -> Answered<()> {
        let mut names = Names::new();
        System.names(directory, &mut |name| {
            names.push(name.to_vec());
            true
        })?;
        let names = (self.names)(names)?;
        while names.iter().all(|name| each(name)) && self.is_endless {}
        Ok(())
    }

    fn target(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Vec<u8>> {
        System.target(at, name).and_then(self.target)
    }

    fn xattr_names(&self, path: &[u8], into: &mut [u8]) -> Answered<usize> {
        if path.ends_with(b"/file") {
            (self.xattr_names)(into)
        } else {
            Err(Errno::OPNOTSUPP)
        }
    }

    fn xattr(&self, _: &[u8], name: &[u8], into: &mut [u8]) -> Answered<usize> {
        (self.xattr)(name, into)
    }

    /// One read in three is interrupted.
    fn read(&self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.reads.fetch_add(1, Ordering::Relaxed) % 3 == 1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let length = (self.read)(offset, len64(into.len()))?.min(into.len());
        System.read(file, &mut into[..length], offset)
    }
}

/// The outcome of a build.
enum Outcome {
    /// The bytes of an image.
    Image(Vec<u8>),
    /// A message.
    Refused(String),
}

/// Builds an image of two files, a symlink and directories, and checks it.
fn build_odd(odd: Odd, boundary: Boundary) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let (source, image) = (dir.path().join("source"), dir.path().join("image"));
    make(&source);
    let epoch = Timestamp {
        seconds: 0,
        nanoseconds: 0,
    };
    let options = Options {
        existing: Existing::Replace,
        boundary,
        threads: std::num::NonZeroUsize::new(1),
        overrides: Overrides {
            mtime: Mtime::Set(epoch),
            ..Overrides::default()
        },
        ..Options::new(&source, &image)
    };
    let own = OwnDirectory::default();
    let exclude = Arc::new(Exclude::new(&[]).unwrap());
    let (spec, shared) = (SourceSpec::root(&source), (own.clone(), exclude));
    let directory = Directory::open_with(&spec, &options, shared, Box::new(odd)).unwrap();
    let mut joined = Joined::default();
    joined.push(&source, b"", Box::new(directory)).unwrap();
    match build_from(&mut joined, &own, &options, &()) {
        Ok(_) => {
            check(&image);
            Outcome::Image(fs::read(&image).unwrap())
        }
        Err(error) => {
            assert!(!image.exists(), "{error}");
            Outcome::Refused(words(&error))
        }
    }
}

fn make(source: &Path) {
    // Directories of file systems without inode numbers are told apart by their metadata.
    for (name, mode) in [("directory", 0o751), ("directory/below", 0o755)] {
        fs::create_dir_all(source.join(name)).unwrap();
        fs::set_permissions(source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, size) in [("file", FILE), ("other", OTHER)] {
        fs::write(source.join(name), vec![7; usize::try_from(size).unwrap()]).unwrap();
    }
    std::os::unix::fs::symlink("target", source.join("link")).unwrap();
}

fn check(image: &Path) {
    let opened = open(image).unwrap();
    let mut findings = Findings::new(10);
    let structure = check_structure(&opened, u64::MAX, &mut findings).unwrap();
    verify_data(&opened, &structure, 2, &mut findings).unwrap();
    assert!(findings.is_empty(), "{:#?}", findings.first());
    assert!(resolve(&opened, b"file").is_ok());
}

/// The message of an error with its causes.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    if let Error::Several { errors, .. } = error {
        let each: Vec<String> = errors.iter().map(self::words).collect();
        words = [words, each.join("; ")].join(": ");
    }
    if let Some(source) = std::error::Error::source(error) {
        words = format!("{words}: {source}");
    }
    words
}

#[track_caller]
fn refused(odd: Odd, file: &str, reason: &str) {
    match build_odd(odd, Boundary::Cross) {
        Outcome::Image(_) => panic!("not refused: {reason}"),
        Outcome::Refused(message) => {
            assert!(message.contains(file), "{message}");
            assert!(message.contains(reason), "{message}");
        }
    }
}

#[track_caller]
fn image(odd: Odd, boundary: Boundary) -> Vec<u8> {
    match build_odd(odd, boundary) {
        Outcome::Image(image) => image,
        Outcome::Refused(message) => panic!("{message}"),
    }
}

#[track_caller]
fn built(odd: Odd) -> Vec<u8> {
    image(odd, Boundary::Cross)
}

thread_local! {
    /// The change of the status of `file` that the running test makes. Builds have one thread here.
    static CHANGE: Cell<Change> = const { Cell::new(|_| {}) };
}

#[test]
fn statuses_that_no_image_can_hold_are_refused() {
    let cases: [(Change, &str); 13] = [
        (|it| it.mode &= 0o7777, "no file type"),
        (|it| it.mode |= 0o170_000, "no file type"),
        (|it| it.mode |= 1 << 16, "no file type"),
        (|it| it.mode = 0o020_644, "device numbers end at 4095"),
        // ENOTDIR and EINVAL of a regular file.
        (|it| it.mode = 0o040_755, "it has vanished"),
        (|it| it.mode = 0o120_777, "cannot read the symlink"),
        (|it| it.size = -1, "2^63 - 1 bytes"),
        (|it| it.size = i64::MIN, "2^63 - 1 bytes"),
        (|it| it.size = 1 << 40, "it ends before its size"),
        (|it| it.uid = u32::MAX, "uid and gid"),
        (|it| it.gid = u32::MAX, "uid and gid"),
        (|it| it.mtime.1 = 1_000_000_000, "999999999 nanoseconds"),
        (|it| it.mtime.1 = -1, "999999999 nanoseconds"),
    ];
    for (change, reason) in cases {
        CHANGE.set(change);
        let status: Change = |it| {
            if it.size == FILE {
                it.device = (4096, 0);
                CHANGE.get()(it);
            }
        };
        let odd = Odd {
            status,
            ..Odd::default()
        };
        refused(odd, "/file", reason);
    }
}

#[test]
fn statuses_out_of_the_ordinary_give_good_images() {
    let plain = built(Odd::default());
    let same: [Change; 7] = [
        |it| it.links = 0,
        |it| it.links = u64::MAX,
        |it| it.mtime = (i64::MIN, 0),
        |it| it.mtime = (i64::MAX, 999_999_999),
        |it| it.ctime = (i64::MAX, -7),
        // All files have one number, and say that they have other names.
        |it| {
            it.links = 2;
            it.key = FileKey {
                device: it.key.device,
                inode: 1,
            };
        },
        // The sizes of symlinks and directories are not those of contents.
        |it| {
            if it.size == LINK || it.mode & 0o170_000 == 0o040_000 {
                it.size = -1;
            }
        },
    ];
    for (number, status) in same.into_iter().enumerate() {
        let image = built(Odd {
            status,
            ..Odd::default()
        });
        assert!(image == plain, "case {number}");
    }
}

#[test]
fn directories_that_lie_are_refused() {
    let cases: [(Listing, &str); 9] = [
        (
            |names| Ok([names, vec![b"file".to_vec()]].concat()),
            "lists this name twice",
        ),
        (
            |names| Ok([names, vec![b"a/b".to_vec()]].concat()),
            "a slash or a NUL",
        ),
        (
            |names| Ok([names, vec![b"a\0".to_vec()]].concat()),
            "a slash or a NUL",
        ),
        (
            |names| Ok([names, vec![Vec::new()]].concat()),
            "1 to 255 bytes, not 0",
        ),
        (
            |names| Ok([names, vec![vec![b'a'; 256]]].concat()),
            "1 to 255 bytes, not 256",
        ),
        (
            |names| Ok([names, vec![b"absent".to_vec()]].concat()),
            "it has vanished",
        ),
        (|_| Err(Errno::IO), "Input/output error"),
        (|_| Err(Errno::STALE), "Stale file handle"),
        (|_| Err(Errno::NAMETOOLONG), "File name too long"),
    ];
    for (names, reason) in cases {
        let odd = Odd {
            names,
            ..Odd::default()
        };
        refused(odd, "source", reason);
    }
    let endless = Odd {
        is_endless: true,
        ..Odd::default()
    };
    refused(endless, "source", "lists this name twice");
    let ring = Odd {
        is_ring: true,
        ..Odd::default()
    };
    refused(ring, "source/directory", "the directory is below itself");
}

#[test]
fn the_order_of_names_makes_no_difference() {
    let plain = built(Odd::default());
    let orders: [Listing; 2] = [
        |names| Ok(names.into_iter().rev().collect()),
        |mut names| {
            names.retain(|name| !matches!(&name[..], b"." | b".."));
            Ok(names)
        },
    ];
    for names in orders {
        let image = built(Odd {
            names,
            ..Odd::default()
        });
        assert!(image == plain);
    }
}

#[test]
fn targets_that_no_image_can_hold_are_refused() {
    let cases: [(Target, &str); 5] = [
        (|_| Ok(Vec::new()), "1 to 4095 bytes, not 0"),
        (|_| Ok(vec![b'a'; 4096]), "1 to 4095 bytes, not 4096"),
        (|_| Ok(b"a\0b".to_vec()), "may not have a NUL"),
        (|_| Err(Errno::IO), "Input/output error"),
        (|_| Err(Errno::INVAL), "Invalid argument"),
    ];
    for (target, reason) in cases {
        let odd = Odd {
            target,
            ..Odd::default()
        };
        refused(odd, "/link", reason);
    }
    // Longer than the size that the symlink states.
    built(Odd {
        target: |_| Ok(vec![b'a'; 4095]),
        ..Odd::default()
    });
}

/// Answers bytes, or that there is not enough room for them.
fn answer(bytes: &[u8], into: &mut [u8]) -> Answered<usize> {
    let room = into.get_mut(..bytes.len()).ok_or(Errno::RANGE)?;
    room.copy_from_slice(bytes);
    Ok(bytes.len())
}

const ONE: List = |into| answer(b"user.a\0", into);
const VALUE: Value = |_, into| answer(b"value", into);

#[test]
fn attributes_out_of_the_ordinary_give_good_images() {
    let plain = built(Odd::default());
    let with_one = built(Odd {
        xattr_names: ONE,
        xattr: VALUE,
        ..Odd::default()
    });
    assert!(with_one != plain);
    let cases: [(List, Value, &[u8]); 9] = [
        (|_| Err(Errno::OPNOTSUPP), VALUE, &plain),
        (ONE, |_, _| Err(Errno::NODATA), &plain),
        (ONE, |_, _| Err(Errno::OPNOTSUPP), &plain),
        (
            |into| answer(b"user.\0\0system.other\0", into),
            VALUE,
            &plain,
        ),
        (|into| answer(b"user.a\0user.a\0", into), VALUE, &with_one),
        (|into| answer(b"user.a", into), VALUE, &with_one),
        (
            |into| answer(b"user.b\0user.a\0", into),
            |name, into| match name {
                b"user.b" => Err(Errno::NODATA),
                _ => answer(b"value", into),
            },
            &with_one,
        ),
        // Both have grown since the first call.
        (
            |into| match into.len() {
                ..1000 => Err(Errno::RANGE),
                _ => answer(b"user.a\0", into),
            },
            VALUE,
            &with_one,
        ),
        (
            ONE,
            |_, into| match into.len() {
                ..1000 => Err(Errno::RANGE),
                _ => answer(b"value", into),
            },
            &with_one,
        ),
    ];
    for (number, (xattr_names, xattr, expected)) in cases.into_iter().enumerate() {
        let image = built(Odd {
            xattr_names,
            xattr,
            ..Odd::default()
        });
        assert!(image == expected, "case {number}");
    }
}

#[test]
fn attributes_that_cannot_be_read_or_stored_are_refused() {
    let cases: [(List, Value, &str); 6] = [
        (|_| Err(Errno::IO), VALUE, "Input/output error"),
        (|_| Err(Errno::TOOBIG), VALUE, "Argument list too long"),
        (|_| Err(Errno::RANGE), VALUE, "out of range"),
        (ONE, |_, _| Err(Errno::IO), "Input/output error"),
        (ONE, |_, _| Err(Errno::RANGE), "out of range"),
        (
            |into| answer(b"system.posix_acl_access\0", into),
            VALUE,
            "its ACL is malformed",
        ),
    ];
    for (xattr_names, xattr, reason) in cases {
        let odd = Odd {
            xattr_names,
            xattr,
            ..Odd::default()
        };
        refused(odd, "/file", reason);
    }
}

#[test]
fn files_that_cannot_be_opened_are_refused_and_all_are_named() {
    let opens: [(Opening, &str); 5] = [
        (
            |name| (name == b"file").then_some(Errno::IO),
            "output error",
        ),
        (|name| (name == b"file").then_some(Errno::STALE), "Stale"),
        (|name| (name == b"file").then_some(Errno::NOENT), "vanished"),
        (|name| (name == b"file").then_some(Errno::LOOP), "its type"),
        (|name| (name == b"file").then_some(Errno::ACCESS), "denied"),
    ];
    for (open_file, reason) in opens {
        let odd = Odd {
            open_file,
            ..Odd::default()
        };
        refused(odd, "/file", reason);
    }
    for file in ["/file", "/other"] {
        let odd = Odd {
            open_file: |_| Some(Errno::ACCESS),
            ..Odd::default()
        };
        refused(odd, file, "2 files cannot be read");
    }
    let directory = Odd {
        open_directory: |path| path.ends_with(b"below").then_some(Errno::ACCESS),
        ..Odd::default()
    };
    refused(directory, "directory/below", "Permission denied");
}

#[test]
fn files_whose_bytes_are_not_as_many_as_stated_are_refused() {
    let reads: [(Reading, &str); 3] = [
        (|_, _| Err(Errno::IO.into()), "Input/output error"),
        (|_, _| Ok(0), "it ends before its size"),
        (
            |offset, length| Ok(to_usize(length.min(4000_u64.saturating_sub(offset)))),
            "it ends before its size",
        ),
    ];
    for (read, reason) in reads {
        let odd = Odd {
            read,
            ..Odd::default()
        };
        refused(odd, "source/", reason);
    }
    let longer = Odd {
        status: |it| {
            if it.size == FILE {
                it.size = FILE - 1;
            }
        },
        ..Odd::default()
    };
    refused(longer, "/file", "it goes on behind its size");
}

#[test]
fn short_and_interrupted_reads_are_repeated() {
    let short = built(Odd {
        read: |offset, _| Ok(if offset % 2 == 0 { 7 } else { 1 }),
        ..Odd::default()
    });
    assert!(short == built(Odd::default()));
}

#[test]
fn a_mount_point_is_a_boundary_and_the_device_of_a_file_is_not() {
    let whole = image(Odd::default(), Boundary::Stay);
    // An overlay, on a kernel that does not tell mount points: files have the devices of layers.
    let layered = Odd {
        status: |it| {
            if it.mode & 0o170_000 != 0o040_000 {
                it.key.device ^= 1;
            }
        },
        mount: Mount {
            id: None,
            is_root: None,
        },
        ..Odd::default()
    };
    assert!(image(layered, Boundary::Stay) == whole);
    let mounted = || Odd {
        mount: Mount {
            id: Some(2),
            is_root: Some(true),
        },
        ..Odd::default()
    };
    assert!(image(mounted(), Boundary::Stay) != whole);
    assert!(image(mounted(), Boundary::Cross) == whole);
}
