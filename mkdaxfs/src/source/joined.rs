// SPDX-License-Identifier: MIT OR Apache-2.0
//! A source made of others, each of which has a path of its own in the image.
//!
//! Sources are scanned in the order of their paths, so that one below another finds its parent
//! there. Parents that no source has are made. A path that two sources have is refused.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use daxfs_format::directory::is_valid_name;
use daxfs_format::Timestamp;

use super::{OpenFile, Reader, Source};
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::tree::builder::{Child, NewKind, NewNode, TreeBuilder};
use crate::tree::limits::Limit;
use crate::tree::node::{NodeId, Status};
use crate::tree::xattrs::EncodedSet;
use crate::tree::Tree;

/// Several sources as one.
#[derive(Default)]
pub(crate) struct Joined {
    parts: Vec<Part>,
}

/// A source, and its path in the image.
struct Part {
    source: Box<dyn Source>,
    /// The path of the source, for messages.
    path: PathBuf,
    prefix: Vec<u8>,
    /// The nodes that the source has added.
    nodes: Range<usize>,
}

impl Joined {
    /// Adds a source that has the path `prefix` in the image.
    ///
    /// # Errors
    /// When the prefix is not a path that an image can have.
    pub(crate) fn push(
        &mut self,
        path: &Path,
        prefix: &[u8],
        source: Box<dyn Source>,
    ) -> Result<()> {
        let part = Part {
            source,
            path: path.to_owned(),
            prefix: prefix.to_vec(),
            nodes: 0..0,
        };
        if !part.names().all(is_valid_name) {
            let reason = "its names have 1 to 255 bytes, and none is '.' or '..'";
            return Err(part.refused(&part.prefix, reason));
        }
        self.parts.push(part);
        Ok(())
    }

    /// The part that has added a node, or `None` for a parent that no source has.
    fn part_of(&self, node: NodeId) -> Option<&Part> {
        let index = node.index();
        let after = self.parts.partition_point(|part| part.nodes.end <= index);
        let part = self.parts.get(after)?;
        part.nodes.contains(&index).then_some(part)
    }
}

impl Source for Joined {
    fn scan(&mut self, tree: &mut TreeBuilder, observer: &dyn Observer) -> Result<NodeId> {
        let path = |part: &Part| part.names().map(<[u8]>::to_vec).collect::<Vec<_>>();
        self.parts.sort_by_cached_key(path);
        let mut root = None;
        for part in &mut self.parts {
            if root.is_none() && !part.prefix.is_empty() {
                root = Some(part.made(add_parent(tree))?);
            }
            let node = part.scan(tree, observer)?;
            match root {
                None => root = Some(node),
                Some(root) => part.attach(tree, root, node)?,
            }
        }
        match root {
            Some(root) => Ok(root),
            None => add_parent(tree).map_err(|limit| limit.at(PathBuf::new())),
        }
    }

    fn reader<'a>(&'a self, tree: &'a Tree) -> Box<dyn Reader<'a> + 'a> {
        let readers = self.parts.iter().map(|part| part.source.reader(tree));
        Box::new(JoinedReader {
            joined: self,
            readers: readers.collect(),
        })
    }

    fn recheck(&self, tree: &Tree, order: &[NodeId], observer: &dyn Observer) -> Result<()> {
        for part in &self.parts {
            part.source.recheck(tree, &part.nodes_in(order), observer)?;
        }
        Ok(())
    }

    fn unreadable(&self, tree: &Tree, order: &[NodeId]) -> Vec<Error> {
        let parts = self.parts.iter();
        parts
            .flat_map(|part| part.source.unreadable(tree, &part.nodes_in(order)))
            .collect()
    }

    fn path(&self, tree: &Tree, node: NodeId) -> PathBuf {
        match self.part_of(node) {
            Some(part) => part.source.path(tree, node),
            None => path_of(&tree.path(NodeId::ROOT, node)),
        }
    }
}

impl Part {
    /// The names of the prefix.
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.prefix.split(|&byte| byte == b'/');
        names.filter(|_| !self.prefix.is_empty())
    }

    /// The nodes of the source, in the same order.
    fn nodes_in(&self, order: &[NodeId]) -> Vec<NodeId> {
        let own = order
            .iter()
            .filter(|node| self.nodes.contains(&node.index()));
        own.copied().collect()
    }

    /// Scans the source. A source adds its nodes one after the other.
    fn scan(&mut self, tree: &mut TreeBuilder, observer: &dyn Observer) -> Result<NodeId> {
        let start = tree.node_count();
        let node = self.source.scan(tree, observer)?;
        self.nodes = start..tree.node_count();
        Ok(node)
    }

    /// Gives the root of the source its path below `root`.
    fn attach(&self, tree: &mut TreeBuilder, root: NodeId, node: NodeId) -> Result<()> {
        let names: Vec<&[u8]> = self.names().collect();
        let Some((last, parents)) = names.split_last() else {
            return Err(self.refused(b"", "an earlier source is the root of the image"));
        };
        let mut at = root;
        for (depth, name) in (1..).zip(parents) {
            at = self.enter(tree, at, name, &names[..depth])?;
        }
        if tree.child(at, last).is_some() {
            return Err(self.refused(&self.prefix, "another source has this path"));
        }
        self.insert(tree, at, last, node)
    }

    /// The directory `name` in another one, which is made if no source has it.
    fn enter(
        &self,
        tree: &mut TreeBuilder,
        directory: NodeId,
        name: &[u8],
        path: &[&[u8]],
    ) -> Result<NodeId> {
        match tree.child(directory, name) {
            Some(child) if tree.is_directory(child) => Ok(child),
            Some(_) => Err(self.refused(
                &path.join(&b'/'),
                "another source has a file there that is not a directory",
            )),
            None => {
                let made = self.made(add_parent(tree))?;
                self.insert(tree, directory, name, made)?;
                Ok(made)
            }
        }
    }

    fn insert(
        &self,
        tree: &mut TreeBuilder,
        directory: NodeId,
        name: &[u8],
        node: NodeId,
    ) -> Result<()> {
        self.made(tree.insert_child(directory, Child { name, node }))
    }

    /// A result of the tree builder, whose error is one of the source.
    fn made<T>(&self, result: std::result::Result<T, Limit>) -> Result<T> {
        result.map_err(|limit| limit.at(self.path.clone()))
    }

    /// The error for a path in the image that the source cannot have, or pass through.
    fn refused(&self, at: &[u8], reason: &'static str) -> Error {
        Error::Prefix {
            source_path: self.path.clone(),
            prefix: path_of(at),
            reason,
        }
    }
}

/// Adds a directory that no source has.
fn add_parent(tree: &mut TreeBuilder) -> std::result::Result<NodeId, Limit> {
    let status = Status {
        mode: 0o040_755,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: Timestamp {
            seconds: 0,
            nanoseconds: 0,
        },
        ctime: 0,
    };
    tree.add(NewNode {
        status,
        xattrs: EncodedSet::default(),
        kind: NewKind::Directory,
    })
}

/// Opens files of several sources.
struct JoinedReader<'a> {
    joined: &'a Joined,
    readers: Vec<Box<dyn Reader<'a> + 'a>>,
}

impl<'a> Reader<'a> for JoinedReader<'a> {
    fn open(&mut self, file: NodeId) -> Result<Box<dyn OpenFile + 'a>> {
        let index = file.index();
        let parts = &self.joined.parts;
        let at = parts.partition_point(|part| part.nodes.end <= index);
        // Only sources have regular files, and each node of a source is in its range.
        self.readers[at].open(file)
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}
