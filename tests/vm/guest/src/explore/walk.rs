// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk over a mount.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{
    attribute, bytes_of, hash, Findings, Object, Piece, JUDGED, MAX_BYTES, MAX_OBJECTS, MAX_PIECES,
};
use crate::sys::{self, Map};

const PAGE: u64 = 4096;

/// Walks over the mount on `root`.
pub(crate) fn walk(root: &Path) -> Findings {
    let mut walker = Walker {
        found: Findings::default(),
        entered: BTreeSet::new(),
        open: vec![PathBuf::new()],
        root,
    };
    while let Some(directory) = walker.open.pop() {
        walker.directory(&directory);
    }
    walker.found.objects.sort();
    walker.found
}

struct Walker<'a> {
    found: Findings,
    entered: BTreeSet<u64>,
    open: Vec<PathBuf>,
    root: &'a Path,
}

impl Walker<'_> {
    /// Returns the value, or records the error.
    fn note<T>(&mut self, what: &str, path: &Path, result: io::Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                let place = format!("{what} {}", path.display());
                self.found.errors.push((place, error));
            })
            .ok()
    }

    fn directory(&mut self, path: &Path) {
        let full = self.root.join(path);
        let Some(entries) = self.note("opendir", path, fs::read_dir(&full)) else {
            return;
        };
        for entry in entries.take(MAX_OBJECTS) {
            let Some(entry) = self.note("readdir", path, entry) else {
                return;
            };
            if self.found.objects.len() < MAX_OBJECTS {
                self.object(&path.join(entry.file_name()), entry.ino());
            }
        }
        let absent = fs::symlink_metadata(full.join("such a name is absent"));
        match absent {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => drop(self.note("lookup", path, Err::<(), _>(error))),
            Ok(_) => drop(self.note("lookup", path, Err::<(), _>(found_absent()))),
        }
    }

    fn object(&mut self, path: &Path, listed: u64) {
        let full = self.root.join(path);
        let Some(stat) = self.note("lstat", path, fs::symlink_metadata(&full)) else {
            return;
        };
        if stat.ino() != listed {
            let error = io::Error::other(format!("listed as {listed}"));
            self.note("readdir", path, Err::<(), _>(error));
        }
        let mut object = described(path, &stat);
        let xattrs = xattrs(&full);
        object.xattrs = self.note("xattrs", path, xattrs).unwrap_or_default();
        match stat.mode() & libc::S_IFMT {
            libc::S_IFDIR if self.entered.insert(stat.ino()) => self.open.push(path.to_owned()),
            libc::S_IFLNK => {
                let target = self.note("readlink", path, fs::read_link(&full));
                object.target = target.map_or_else(Vec::new, |target| bytes_of(&target));
            }
            libc::S_IFREG => {
                let file = fs::OpenOptions::new()
                    .read(true)
                    .custom_flags(libc::O_NOFOLLOW)
                    .open(&full);
                if let Some(file) = self.note("open", path, file) {
                    object.pieces = self.pieces(path, &file, stat.size());
                }
            }
            _ => {}
        }
        self.found.objects.push(object);
    }

    /// Reads and maps what lies between the holes of a file.
    fn pieces(&mut self, path: &Path, file: &File, size: u64) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < size && pieces.len() < MAX_PIECES {
            let (start, end) = match next_piece(file, at) {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => {
                    self.note("lseek", path, Err::<(), _>(error));
                    break;
                }
            };
            let length = (end - start).min(MAX_BYTES);
            let hash = read_hash(file, start, length);
            let hash = self.note("read", path, hash).unwrap_or(0);
            for (flags, protection) in [
                (MAP_SHARED, PROT_READ),
                (MAP_PRIVATE, PROT_READ | PROT_WRITE),
            ] {
                let mapped = map_hash(file, start, length, protection, flags);
                if let Some(mapped) = self
                    .note("map", path, mapped)
                    .filter(|&mapped| mapped != hash)
                {
                    let error =
                        io::Error::other(format!("{mapped:#x} in the mapping, {hash:#x} by read"));
                    self.note("map", path, Err::<(), _>(error));
                }
            }
            pieces.push((start, end - start, hash));
            at = end;
        }
        pieces
    }
}

fn found_absent() -> io::Error {
    io::Error::other("a name that no image has is there")
}

fn described(path: &Path, stat: &fs::Metadata) -> Object {
    let device = stat.rdev();
    Object {
        path: bytes_of(path),
        ino: stat.ino(),
        mode: stat.mode(),
        owner: (stat.uid(), stat.gid()),
        links: stat.nlink(),
        size: stat.size(),
        mtime: (stat.mtime(), stat.mtime_nsec()),
        device: (libc::major(device), libc::minor(device)),
        xattrs: Vec::new(),
        target: Vec::new(),
        pieces: Vec::new(),
    }
}

/// Returns the next bytes between holes from `at` on, if there are any.
fn next_piece(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let at = i64::try_from(at).map_err(io::Error::other)?;
    let seek = |at, whence| {
        // SAFETY: The descriptor is open.
        sys::check(unsafe { libc::lseek(file.as_raw_fd(), at, whence) })
    };
    let start = match seek(at, libc::SEEK_DATA) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(None),
        result => result?,
    };
    let end = seek(start, libc::SEEK_HOLE)?;
    let unsigned = |offset: i64| u64::try_from(offset).map_err(io::Error::other);
    if end <= start || start < at {
        return Err(io::Error::other(format!(
            "data from {start} to {end}, after {at}"
        )));
    }
    Ok(Some((unsigned(start)?, unsigned(end)?)))
}

fn usize_of(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(io::Error::other)
}

fn read_hash(file: &File, start: u64, length: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize_of(length)?];
    file.read_exact_at(&mut bytes, start)?;
    Ok(hash(&bytes))
}

/// Maps a range, and hashes the bytes of the mapping. In a writable mapping one byte is changed and
/// changed back before.
fn map_hash(file: &File, start: u64, length: u64, protection: i32, flags: i32) -> io::Result<u64> {
    let first = start / PAGE * PAGE;
    let skip = usize_of(start - first)?;
    let length = usize_of(length)?;
    let whole = u64::try_from(skip + length).map_err(io::Error::other)?;
    let map = Map::new(file, first, whole, protection, flags).map_err(os_error)?;
    // Errors of the file system are numbers here, and signals when memory is touched.
    map.advise(libc::MADV_POPULATE_READ)?;
    if protection & PROT_WRITE != 0 {
        map.advise(libc::MADV_POPULATE_WRITE)?;
        let byte = map.touch(skip);
        map.write(skip, !byte);
        map.write(skip, byte);
    }
    Ok(hash(&map.copy(skip, length).map_err(os_error)?))
}

/// The operating system's error inside another.
fn os_error(error: anyhow::Error) -> io::Error {
    match error.downcast::<io::Error>() {
        Ok(error) => error,
        Err(error) => io::Error::other(format!("{error:#}")),
    }
}

/// The attributes of a path, sorted.
fn xattrs(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut all = Vec::new();
    for name in sys::xattr_names(&path, 65536)? {
        let mut value = vec![0_u8; 65536];
        // SAFETY: Path and name are C strings, the buffer is writable.
        let result = unsafe {
            libc::lgetxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        let length = sys::length(result).or_else(|error| {
            let is_judged = name.to_bytes() == JUDGED.as_bytes();
            let is_refused = error.raw_os_error() == Some(libc::EINVAL);
            (is_judged && is_refused).then_some(0).ok_or(error)
        });
        value.truncate(length?);
        all.push(attribute(name.to_bytes(), value));
    }
    all.sort();
    Ok(all)
}
