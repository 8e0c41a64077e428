// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree of an image as a tar archive.
//!
//! The archive is in pax format, with numeric owners, and depends on nothing but the image: entries
//! are in the order of the image, each directory before its entries. Of several names of an inode,
//! the first one has the contents and the others are hard links to it.
//!
//! | property | in the archive |
//! |---|---|
//! | times with nanoseconds or before 1970, large numbers, long or non-ASCII names | pax records |
//! | names that are not UTF-8 | the same, after `hdrcharset=BINARY` |
//! | extended attributes | records `SCHILY.xattr.NAME`; in names, `%` is `%25` and `=` is `%3D` |
//! | ACLs | `SCHILY.acl.access` and `SCHILY.acl.default`, with numeric IDs |
//! | holes | `GNU.sparse` 1.0 |
//! | sockets | none: tar has no type for them |
//!
//! | module | owns |
//! |---|---|
//! | `header` | blocks of headers and records |
//! | `sparse` | maps of files with holes |
//! | `output` | the file that is written |

mod header;
mod output;
mod sparse;

use std::collections::HashMap;
use std::io::Write;

use anyhow::{Context, Result};
use daxfs_image::acl;
use daxfs_image::attributes::{Attribute, Attributes};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{FileData, Ino, Inode, InodeKind, Memory, Namespace};
use daxfs_image::{path, FileImage};
use serde::Serialize;

use crate::extract::{Progress, Xattrs};
use crate::select::{Selected, Selection};
use header::{Entry, Kind, Records, BLOCK};
use sparse::Map;

pub use output::Archive;

/// The size of a copy in bytes.
const BUFFER: usize = 256 << 10;
/// The unit of the length of an archive: twenty blocks.
const RECORD: u64 = 20 * 512;

/// The result of writing an archive.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// The number of entries.
    pub entries: u64,
    /// The length of the archive in bytes.
    #[serde(rename = "size")]
    pub bytes: u64,
    /// The number of sockets, which are left out.
    pub sockets: u64,
}

/// Writes the selected part of an image to `out`.
///
/// # Errors
/// Those of reading the image and of writing, with the path of the file.
pub fn write(
    image: &FileImage,
    selection: &Selection,
    xattrs: Xattrs,
    out: &mut dyn Write,
    progress: &Progress<'_>,
) -> Result<Summary> {
    let mut writer = Writer {
        image,
        xattrs,
        out,
        progress,
        buffer: vec![0; BUFFER],
        first: HashMap::new(),
        summary: Summary::default(),
    };
    let root = image.inode(image.superblock().root())?;
    writer
        .entry(b"", &root)
        .context("cannot write the archive")?;
    let mut walk = Selected::new(image, selection)?;
    while let Some((path, inode)) = walk.step()? {
        writer
            .entry(path, &inode)
            .map_err(|error| explain(error, path, image))?;
    }
    writer.finish().context("cannot write the archive")?;
    Ok(writer.summary)
}

/// Adds the file to an error, and the cause from the operating system if the image could not be
/// read.
fn explain(error: anyhow::Error, path: &[u8], image: &FileImage) -> anyhow::Error {
    let error = match image.memory().take_error() {
        Some(cause) => error.context(cause),
        None => error,
    };
    error.context(format!("cannot archive /{}", shown(path, Charset::Utf8)))
}

struct Writer<'a> {
    image: &'a FileImage,
    xattrs: Xattrs,
    out: &'a mut dyn Write,
    progress: &'a Progress<'a>,
    buffer: Vec<u8>,
    /// The first path of each inode with several names, and the number of names that it lacks.
    first: HashMap<Ino, (Vec<u8>, u32)>,
    summary: Summary,
}

impl Writer<'_> {
    fn entry(&mut self, path: &[u8], inode: &Inode) -> Result<()> {
        let Some(kind) = kind(&inode.kind) else {
            self.summary.sockets += 1;
            return Ok(());
        };
        self.summary.entries += 1;
        if kind == Kind::Directory {
            let path = if path.is_empty() { b"." } else { path };
            return self.whole(&[path, b"/"].concat(), kind, inode);
        }
        if inode.link_count <= 1 {
            return self.whole(path, kind, inode);
        }
        match self.first.remove(&inode.ino) {
            Some((first, lacking)) => {
                self.link(path, &first, inode)?;
                if lacking > 1 {
                    self.first.insert(inode.ino, (first, lacking - 1));
                }
                Ok(())
            }
            None => {
                let first = (path.to_vec(), inode.link_count - 1);
                self.first.insert(inode.ino, first);
                self.whole(path, kind, inode)
            }
        }
    }

    /// Writes a further name of a file.
    fn link(&mut self, path: &[u8], first: &[u8], inode: &Inode) -> Result<()> {
        let entry = Entry {
            link: first,
            ..entry(path, Kind::HardLink, inode)
        };
        self.put(&entry.blocks())
    }

    /// Writes a file with its attributes and contents.
    fn whole(&mut self, path: &[u8], kind: Kind, inode: &Inode) -> Result<()> {
        let mut entry = entry(path, kind, inode);
        self.add_xattrs(inode, &mut entry.records)?;
        match &inode.kind {
            InodeKind::Regular(data @ FileData::Sparse(_)) => self.sparse(entry, data, inode),
            InodeKind::Regular(data) => {
                entry.size = inode.size;
                self.put(&entry.blocks())?;
                self.copy(data, inode.size, (0, inode.size))?;
                self.pad()
            }
            InodeKind::Symlink(link) => {
                let target = path::target(self.image, link)?;
                entry.link = &target;
                self.put(&entry.blocks())
            }
            InodeKind::CharDevice(rdev) | InodeKind::BlockDevice(rdev) => {
                entry.device = (rdev.major, rdev.minor);
                self.put(&entry.blocks())
            }
            _ => self.put(&entry.blocks()),
        }
    }

    fn sparse(&mut self, mut entry: Entry<'_>, data: &FileData, inode: &Inode) -> Result<()> {
        let map = Map::of(self.image, data, inode)?;
        let path = sparse::stand_in(entry.path);
        let mut records = sparse::records(entry.path, inode.size);
        records.append(&entry.records);
        entry.records = records;
        let entry = Entry {
            path: &path,
            size: map.size(),
            ..entry
        };
        self.put(&entry.blocks())?;
        self.put(&map.text)?;
        for &part in &map.parts {
            self.copy(data, inode.size, part)?;
        }
        self.pad()
    }

    /// Adds the extended attributes of a file to the records of its header.
    fn add_xattrs(&self, inode: &Inode, records: &mut Records) -> Result<()> {
        let set = inode.xattrs.filter(|_| self.xattrs == Xattrs::Keep);
        let Some(set) = set else {
            return Ok(());
        };
        for attribute in Attributes::new(self.image, set)? {
            let Attribute { name, value } = attribute?;
            if name == Namespace::AclAccess.prefix().as_bytes() {
                records.push(b"SCHILY.acl.access", acl::text(&value).as_bytes());
            } else if name == Namespace::AclDefault.prefix().as_bytes() {
                records.push(b"SCHILY.acl.default", acl::text(&value).as_bytes());
            } else {
                records.push(&xattr_key(&name), &value);
            }
        }
        Ok(())
    }

    /// Writes the bytes of a file from `start` to `end`. Holes are zeros.
    fn copy(&mut self, data: &FileData, size: u64, (start, end): (u64, u64)) -> Result<()> {
        let mut at = start;
        let mut walk = self.image.segments(data, size, start)?;
        while at < end {
            let segment = self.image.next_segment(&mut walk)?;
            let segment = segment.context("the file has changed while it was read")?;
            let offset = segment.data;
            self.copy_segment(offset, segment.end.min(end) - at)?;
            at = segment.end;
        }
        Ok(())
    }

    /// Writes `length` bytes of a segment, from `offset` in the image.
    fn copy_segment(&mut self, mut offset: Option<u64>, mut length: u64) -> Result<()> {
        while length != 0 {
            let most = usize::try_from(length).unwrap_or(usize::MAX);
            let count = most.min(self.buffer.len());
            let part = &mut self.buffer[..count];
            match offset {
                Some(offset) => self.image.memory().read(offset, part)?,
                None => part.fill(0),
            }
            self.out.write_all(part).context("cannot write")?;
            let count = u64::try_from(count)?;
            self.summary.bytes += count;
            (self.progress)(count);
            offset = offset.map(|offset| offset + count);
            length -= count;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).context("cannot write")?;
        self.summary.bytes += u64::try_from(bytes.len())?;
        Ok(())
    }

    /// Fills the last block.
    fn pad(&mut self) -> Result<()> {
        let block = u64::try_from(BLOCK)?;
        let rest = self.summary.bytes.next_multiple_of(block) - self.summary.bytes;
        self.put(&[0; BLOCK][..usize::try_from(rest)?])
    }

    /// Writes the end of the archive: two blocks of zeros, and more to fill a record.
    fn finish(&mut self) -> Result<()> {
        let end = self.summary.bytes + 2 * u64::try_from(BLOCK)?;
        while self.summary.bytes < end.next_multiple_of(RECORD) {
            self.put(&[0; BLOCK])?;
        }
        self.out.flush().context("cannot write")
    }
}

/// The type of an entry. Sockets have none.
fn kind(kind: &InodeKind) -> Option<Kind> {
    Some(match kind {
        InodeKind::Regular(_) => Kind::Regular,
        InodeKind::Directory(_) => Kind::Directory,
        InodeKind::Symlink(_) => Kind::Symlink,
        InodeKind::CharDevice(_) => Kind::CharDevice,
        InodeKind::BlockDevice(_) => Kind::BlockDevice,
        InodeKind::Fifo => Kind::Fifo,
        InodeKind::Socket => return None,
    })
}

/// An entry without contents.
fn entry<'a>(path: &'a [u8], kind: Kind, inode: &Inode) -> Entry<'a> {
    Entry {
        path,
        kind,
        link: b"",
        mode: inode.permissions(),
        uid: inode.uid,
        gid: inode.gid,
        size: 0,
        mtime: inode.mtime,
        device: (0, 0),
        records: Records::default(),
    }
}

/// The key of the record of an attribute. A key ends at the first `=`.
fn xattr_key(name: &[u8]) -> Vec<u8> {
    let mut key = b"SCHILY.xattr.".to_vec();
    for &byte in name {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            _ => key.push(byte),
        }
    }
    key
}
