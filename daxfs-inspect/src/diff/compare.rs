// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two inodes that have one path.

use std::fmt::Display;

use daxfs_image::format::text::Digest;
use daxfs_image::format::{Error, FileData, FileType, Inode, InodeKind, Rdev, Symlink};

use super::content::Contents;
use super::sets::Sets;
use crate::console::Console;
use crate::human;
use crate::open::Inspected;
use daxfs_image::escape;

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name of the field.
    pub field: String,
    /// The old value, if there was one and it is short enough to be printed.
    pub old: Option<String>,
    /// The new value.
    pub new: Option<String>,
}

impl Change {
    fn new(field: impl Into<String>, old: impl Display, new: impl Display) -> Self {
        Self {
            field: field.into(),
            old: Some(old.to_string()),
            new: Some(new.to_string()),
        }
    }

    /// The change for people.
    #[must_use]
    pub fn text(&self) -> String {
        let field = &self.field;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{field} {old} -> {new}"),
            (Some(old), None) => format!("{field} {old} removed"),
            (None, Some(new)) => format!("{field} {new} added"),
            (None, None) => field.clone(),
        }
    }
}

/// Compares inodes of two images, and remembers what is expensive to compare again.
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

    /// What changed from one inode to the other. What cannot be read is reported, and counts as the same.
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
            let path = console.name(path);
            console.problem(format_args!("{path}: {error}"));
        }
        changes
    }

    fn kind(&mut self, a: &Inode, b: &Inode, changes: &mut Vec<Change>) -> Result<(), Error> {
        match (a.kind, b.kind) {
            (InodeKind::Symlink(old), InodeKind::Symlink(new)) => self.targets(&old, &new, changes),
            (InodeKind::CharDevice(old), InodeKind::CharDevice(new))
            | (InodeKind::BlockDevice(old), InodeKind::BlockDevice(new)) => {
                if old != new {
                    let text = |device: Rdev| format!("{}:{}", device.major, device.minor);
                    changes.push(Change::new("device", text(old), text(new)));
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
        let mut old = vec![0; usize::from(a.length())];
        let mut new = vec![0; usize::from(b.length())];
        self.a.read_link(a, &mut old)?;
        self.b.read_link(b, &mut new)?;
        if old != new {
            changes.push(Change::new(
                "target",
                escape::quoted(&old),
                escape::quoted(&new),
            ));
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
            changes.push(Change::new("size", a.size, b.size));
        } else if !self.contents.are_same((a, old), (b, new))? {
            let digest = |image: &Inspected, inode: &Inode| -> Result<Option<String>, Error> {
                let digest = inode
                    .content
                    .map(|content| image.digest(content))
                    .transpose()?;
                Ok(digest.flatten().map(|digest| Digest(&digest).to_string()))
            };
            let (old, new) = (digest(self.a, a)?, digest(self.b, b)?);
            changes.push(Change {
                field: "content".to_owned(),
                old,
                new,
            });
        }
        Ok(())
    }
}

/// The fields that all inodes have.
fn metadata(a: &Inode, b: &Inode, changes: &mut Vec<Change>) {
    let mut add = |field: &str, old: String, new: String| {
        if old != new {
            changes.push(Change::new(field, old, new));
        }
    };
    let type_name = |inode: &Inode| human::type_name(inode.file_type()).to_owned();
    add("type", type_name(a), type_name(b));
    let mode = |inode: &Inode| format!("{:04o}", inode.permissions());
    add("mode", mode(a), mode(b));
    add("uid", a.uid.to_string(), b.uid.to_string());
    add("gid", a.gid.to_string(), b.gid.to_string());
    add(
        "mtime",
        human::time_exact(a.mtime),
        human::time_exact(b.mtime),
    );
    // A directory's link count follows from the directories in it, which are compared themselves.
    let is_directory = |inode: &Inode| inode.file_type() == FileType::Directory;
    if !is_directory(a) && !is_directory(b) {
        add("links", a.link_count.to_string(), b.link_count.to_string());
    }
}
