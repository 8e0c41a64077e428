// SPDX-License-Identifier: MIT OR Apache-2.0
//! A faithful copy of a tree, created in a chosen order.
//!
//! Two copies made in opposite orders are the same tree, but list their directories in different
//! orders, which must not change a reproducible build.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{self as unix, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{
    mknodat, AtFlags, FileType, Mode, Timespec, Timestamps, XattrFlags, CWD, UTIME_OMIT,
};

use crate::record::{Kind, Record};

/// The order in which the entries of the copy are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Byte order of the paths.
    Forward,
    /// The reverse; a directory still comes before its entries.
    Reverse,
}

/// Copies the tree at `source`, of which `records` is the recording, to the new directory `target`.
///
/// # Errors
/// When an entry cannot be read or created; root is needed for owners and devices.
pub fn copy(source: &Path, records: &[Record], target: &Path, order: Order) -> Result<()> {
    make(records, target, order, &|record, to| {
        let from = File::open(source.join(&record.path))?;
        let mut buffer = vec![0; 1024 * 1024];
        for &(start, end) in &record.data {
            copy_range(&from, to, start..end, &mut buffer)?;
        }
        Ok(())
    })
}

/// Writes zeros to the holes of a copy, and returns the number of files that had some.
///
/// # Errors
/// When a file cannot be written.
pub fn fill_holes(records: &[Record], copy: &Path) -> Result<usize> {
    let mut count = 0;
    for record in records {
        let data: u64 = record.data.iter().map(|(start, end)| end - start).sum();
        if record.kind != Kind::Regular || data == record.size || record.first_link != record.path {
            continue;
        }
        let path = copy.join(&record.path);
        let file = File::options().write(true).open(&path)?;
        let ends = record.data.iter().map(|&(_, end)| end);
        let starts = record.data.iter().map(|&(start, _)| start);
        let holes = std::iter::once(0).chain(ends);
        for (start, end) in holes.zip(starts.chain([record.size])) {
            file.write_all_at(&vec![0; usize::try_from(end - start)?], start)?;
        }
        set_mtime(&path, record.mtime)?;
        count += 1;
    }
    Ok(count)
}

/// Writes the data of a regular file, which exists already and has its size.
pub type Fill<'a> = &'a dyn Fn(&Record, &File) -> Result<()>;

/// Makes the tree that `records` describes in the new directory `target`, with contents from
/// `fill`.
///
/// # Errors
/// When an entry cannot be created; root is needed for owners and devices.
pub fn make(records: &[Record], target: &Path, order: Order, fill: Fill<'_>) -> Result<()> {
    let mut copy = Copy {
        fill,
        target,
        made: HashMap::new(),
    };
    for record in records
        .iter()
        .filter(|record| record.kind == Kind::Directory)
    {
        fs::create_dir(target.join(&record.path))
            .with_context(|| format!("cannot create {}", copy.path(record).display()))?;
    }
    copy.all(
        records,
        order,
        |record| record.kind != Kind::Directory,
        Copy::create,
    )?;
    // Metadata last, deepest first: creating an entry changes the times of its directory.
    copy.all(records, Order::Reverse, |_| true, Copy::metadata)
}

struct Copy<'a> {
    fill: Fill<'a>,
    target: &'a Path,
    /// The path of the first name of each hard-linked inode.
    made: HashMap<&'a Path, PathBuf>,
}

impl<'a> Copy<'a> {
    fn path(&self, record: &Record) -> PathBuf {
        // Joining an empty path would add a slash.
        match record.path.as_os_str().is_empty() {
            true => self.target.to_owned(),
            false => self.target.join(&record.path),
        }
    }

    fn all(
        &mut self,
        records: &'a [Record],
        order: Order,
        which: impl Fn(&Record) -> bool,
        step: impl Fn(&mut Self, &'a Record) -> Result<()>,
    ) -> Result<()> {
        let mut chosen: Vec<&Record> = records.iter().filter(|record| which(record)).collect();
        if order == Order::Reverse {
            chosen.reverse();
        }
        for record in chosen {
            let context = || format!("cannot copy {}", record.path.display());
            step(self, record).with_context(context)?;
        }
        Ok(())
    }

    fn create(&mut self, record: &'a Record) -> Result<()> {
        let path = self.path(record);
        if let Some(first) = self.made.get(record.first_link.as_path()) {
            return Ok(fs::hard_link(first, path)?);
        }
        match record.kind {
            Kind::Regular => self.regular(record, &path)?,
            Kind::Symlink => unix::symlink(OsStr::from_bytes(&record.target), &path)?,
            _ => mknodat(
                CWD,
                &path,
                node_type(record.kind),
                Mode::empty(),
                record.rdev,
            )?,
        }
        if record.nlink > 1 {
            self.made.insert(&record.first_link, path);
        }
        Ok(())
    }

    fn regular(&self, record: &Record, path: &Path) -> Result<()> {
        let to = File::create_new(path)?;
        to.set_len(record.size)?;
        (self.fill)(record, &to)
    }

    fn metadata(&mut self, record: &'a Record) -> Result<()> {
        let path = self.path(record);
        unix::lchown(&path, Some(record.owner.0), Some(record.owner.1))?;
        // The mode after the owner: chown clears the set-user-ID bit. The attributes after both:
        // chown drops capabilities.
        if record.kind != Kind::Symlink {
            fs::set_permissions(&path, Permissions::from_mode(record.mode))?;
        }
        for (name, value) in &record.xattrs {
            rustix::fs::lsetxattr(&path, OsStr::from_bytes(name), value, XattrFlags::empty())
                .with_context(|| format!("cannot set {}", name.escape_ascii()))?;
        }
        set_mtime(&path, record.mtime)
    }
}

fn node_type(kind: Kind) -> FileType {
    match kind {
        Kind::Regular => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
    }
}

fn copy_range(
    from: &File,
    to: &File,
    range: std::ops::Range<u64>,
    buffer: &mut [u8],
) -> Result<()> {
    let mut position = range.start;
    while position < range.end {
        let rest = usize::try_from(range.end - position)?.min(buffer.len());
        let Some(chunk) = buffer.get_mut(..rest) else {
            break;
        };
        from.read_exact_at(chunk, position)?;
        to.write_all_at(chunk, position)?;
        position += u64::try_from(rest)?;
    }
    Ok(())
}

/// Sets the modification time of the entry itself: a symbolic link is not followed.
pub fn set_mtime(path: &Path, (seconds, nanoseconds): (i64, i64)) -> Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds,
        },
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("cannot set the time of {}", path.display()))
}
