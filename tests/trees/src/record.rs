// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything observable about each entry of a tree.
//!
//! Of the three times only the modification time is recorded: reading changes the access time,
//! and no call can set the change time.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use rayon::prelude::*;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::stored;

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// Everything recorded about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Path from the tree's root; empty for the root.
    pub path: PathBuf,
    /// Its type.
    pub kind: Kind,
    /// Permission bits with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Modification time: seconds and nanoseconds.
    pub mtime: (i64, i64),
    /// Device number; 0 for all but devices.
    pub rdev: u64,
    /// Size in bytes; 0 for all but regular files and symbolic links.
    pub size: u64,
    /// The first path, in byte order, of the same inode.
    pub first_link: PathBuf,
    /// Number of names; 1 for directories, where it says nothing about the content.
    pub nlink: u64,
    /// Extended attributes by name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Target of a symbolic link.
    pub target: Vec<u8>,
    /// SHA-256 of a regular file's content.
    pub content: Option<[u8; 32]>,
    /// Byte ranges of a regular file that are not holes: start and end.
    pub data: Vec<(u64, u64)>,
    /// Byte ranges of a regular file that an image stores, whatever the file's storage.
    pub stored: Vec<(u64, u64)>,
}

/// Records every entry of the tree at `root`, the root included, in byte order of the paths.
///
/// # Errors
/// When something in the tree cannot be read.
pub fn read(root: &Path) -> Result<Vec<Record>> {
    let paths = list(root)?;
    let mut records = paths
        .into_par_iter()
        .map(|path| {
            let full = root.join(&path);
            entry(path, &full).with_context(|| format!("cannot record {}", full.display()))
        })
        .collect::<Result<Vec<_>>>()?;
    records.par_sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    Ok(resolve_links(records))
}

/// The paths of all entries from `root`, the root included as an empty path, in no order.
pub fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![PathBuf::new()];
    let mut pending = vec![PathBuf::new()];
    while let Some(dir) = pending.pop() {
        let full = root.join(&dir);
        let entries =
            fs::read_dir(&full).with_context(|| format!("cannot list {}", full.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = dir.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                pending.push(path.clone());
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Device and inode number, equal for two names of one file.
type Identity = (u64, u64);

fn entry(path: PathBuf, full: &Path) -> Result<(Record, Identity)> {
    let metadata = fs::symlink_metadata(full)?;
    let kind = kind(&metadata)?;
    let (content, data, stored) = match kind {
        Kind::Regular => {
            let (file, size) = (File::open(full)?, metadata.len());
            let content = Some(digest(&file)?);
            let data = data_ranges(&file, size)?;
            (content, data, stored::ranges(&file, size)?)
        }
        _ => (None, Vec::new(), Vec::new()),
    };
    let record = Record {
        kind,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        rdev: match kind {
            Kind::CharDevice | Kind::BlockDevice => metadata.rdev(),
            _ => 0,
        },
        size: match kind {
            Kind::Regular | Kind::Symlink => metadata.len(),
            _ => 0,
        },
        first_link: path.clone(),
        nlink: if kind == Kind::Directory {
            1
        } else {
            metadata.nlink()
        },
        xattrs: xattrs(full)?,
        target: match kind {
            Kind::Symlink => fs::read_link(full)?.into_os_string().into_vec(),
            _ => Vec::new(),
        },
        content,
        data,
        stored,
        path,
    };
    Ok((record, (metadata.dev(), metadata.ino())))
}

fn kind(metadata: &Metadata) -> Result<Kind> {
    let file_type = metadata.file_type();
    Ok(match () {
        () if file_type.is_file() => Kind::Regular,
        () if file_type.is_dir() => Kind::Directory,
        () if file_type.is_symlink() => Kind::Symlink,
        () if file_type.is_char_device() => Kind::CharDevice,
        () if file_type.is_block_device() => Kind::BlockDevice,
        () if file_type.is_fifo() => Kind::Fifo,
        () if file_type.is_socket() => Kind::Socket,
        () => bail!("unknown file type in mode {:o}", metadata.mode()),
    })
}

/// The SHA-256 of a file from its position on.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(mut file: &File) -> Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// The byte ranges of `file` that hold data, found by `SEEK_DATA` and `SEEK_HOLE`.
pub fn data_ranges(file: &File, size: u64) -> Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut position = 0;
    while position < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
        ranges.push((start, end));
        position = end;
    }
    Ok(ranges)
}

/// The extended attributes of the entry itself: a symbolic link is not followed.
pub fn xattrs(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = vec![0; rustix::fs::llistxattr_query(path)?];
    let length = rustix::fs::llistxattr(path, names.as_mut_slice())?;
    names.truncate(length);
    let mut attributes = BTreeMap::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        attributes.insert(name.to_vec(), xattr(path, OsStr::from_bytes(name))?);
    }
    Ok(attributes)
}

fn xattr(path: &Path, name: &OsStr) -> Result<Vec<u8>> {
    let mut value = vec![0; rustix::fs::lgetxattr_query(path, name)?];
    if !value.is_empty() {
        let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice())?;
        value.truncate(length);
    }
    Ok(value)
}

/// Gives every record of a hard-linked inode the first of its paths. Expects sorted records.
fn resolve_links(records: Vec<(Record, Identity)>) -> Vec<Record> {
    let mut first: HashMap<Identity, PathBuf> = HashMap::new();
    let mut resolved = Vec::with_capacity(records.len());
    for (mut record, identity) in records {
        if record.nlink > 1 {
            let path = first.entry(identity).or_insert_with(|| record.path.clone());
            record.first_link.clone_from(path);
        }
        resolved.push(record);
    }
    resolved
}
