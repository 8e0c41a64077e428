// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two inodes with the same path.

use daxfs_image::format::{Error, FileData, FileType, Inode, InodeKind, Symlink};
use daxfs_image::path;

use super::change::{Change, Value};
use super::content::Contents;
use super::sets::Sets;
use crate::console::Console;
use crate::open::Inspected;

/// A comparison of inodes of two images, which keeps results that are expensive to compute again.
pub struct Comparison<'a> {
    a: &'a Inspected,
    b: &'a Inspected,
    contents: Contents<'a>,
    sets: Sets<'a>,
}

impl<'a> Comparison<'a> {
    /// A comparison of inodes of `a` with inodes of `b`.
    #[must_use]
    pub fn new(a: &'a Inspected, b: &'a Inspected) -> Self {
        Self {
            a,
            b,
            contents: Contents::new(a, b),
            sets: Sets::new(a, b),
        }
    }

    /// The changes from one inode to the other. Objects that cannot be read are reported, and count
    /// as equal.
    pub fn changes(
        &mut self,
        path: &[u8],
        a: &Inode,
        b: &Inode,
        console: &mut Console<'_>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        metadata(a, b, &mut changes);
        let xattrs = self.sets.changes(a.xattrs, b.xattrs);
        let results = [
            xattrs.map(|xattrs| changes.extend(xattrs)),
            self.kind(a, b, &mut changes),
        ];
        for error in results.into_iter().filter_map(Result::err) {
            console.problem_at(path, error);
        }
        changes
    }

    fn kind(&mut self, a: &Inode, b: &Inode, changes: &mut Vec<Change>) -> Result<(), Error> {
        match (a.kind, b.kind) {
            (InodeKind::Symlink(old), InodeKind::Symlink(new)) => self.targets(&old, &new, changes),
            (InodeKind::CharDevice(old), InodeKind::CharDevice(new))
            | (InodeKind::BlockDevice(old), InodeKind::BlockDevice(new)) => {
                if old != new {
                    let value = Value::Device;
                    changes.push(Change::new("device", value(old), value(new)));
                }
                Ok(())
            }
            (InodeKind::Regular(old), InodeKind::Regular(new)) => {
                self.contents((a, &old), (b, &new), changes)
            }
            _ => Ok(()),
        }
    }

    fn targets(&self, a: &Symlink, b: &Symlink, changes: &mut Vec<Change>) -> Result<(), Error> {
        let old = path::target(self.a, a)?;
        let new = path::target(self.b, b)?;
        if old != new {
            let value = Value::Bytes;
            changes.push(Change::new("target", value(old), value(new)));
        }
        Ok(())
    }

    fn contents(
        &mut self,
        (a, old): (&Inode, &FileData),
        (b, new): (&Inode, &FileData),
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        if a.size != b.size {
            let value = Value::Number;
            changes.push(Change::new("size", value(a.size), value(b.size)));
        } else if !self.contents.are_same((a, old), (b, new))? {
            let digest = |image: &Inspected, inode: &Inode| -> Result<Option<Value>, Error> {
                let digest = inode
                    .content
                    .map(|content| image.digest(content))
                    .transpose()?;
                Ok(digest.flatten().map(Value::Digest))
            };
            let (old, new) = (digest(self.a, a)?, digest(self.b, b)?);
            changes.push(Change {
                field: "data",
                name: None,
                old,
                new,
            });
        }
        Ok(())
    }
}

/// Compares the fields that all inodes have.
fn metadata(a: &Inode, b: &Inode, changes: &mut Vec<Change>) {
    let mut compare = |field, value: fn(&Inode) -> Value| {
        let (old, new) = (value(a), value(b));
        if old != new {
            changes.push(Change::new(field, old, new));
        }
    };
    compare("type", |inode| Value::Type(inode.file_type()));
    compare("mode", |inode| Value::Mode(inode.permissions()));
    compare("uid", |inode| Value::Number(inode.uid.into()));
    compare("gid", |inode| Value::Number(inode.gid.into()));
    compare("mtime", |inode| Value::Time(inode.mtime));
    // A directory's link count follows from the directories in it, which are compared themselves.
    let is_directory = |inode: &Inode| inode.file_type() == FileType::Directory;
    if !is_directory(a) && !is_directory(b) {
        compare("links", |inode| Value::Number(inode.link_count.into()));
    }
}
