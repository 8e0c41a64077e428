// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of a tree that `--path` selects.
//!
//! A selected path stands for everything below it. The directories above it belong to the selection
//! too, but none of their other entries.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{bail, ensure, Context, Result};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{FileData, FileType, Ino, Inode, InodeKind};
use daxfs_image::path::{self, LastLink, PathError, MAX_PATH};
use daxfs_image::walk::Walk;
use daxfs_image::{FileImage, InodeSet};
use globset::{GlobBuilder, GlobMatcher};

/// The part of a tree to extract.
#[derive(Debug)]
pub struct Selection {
    /// The directories on the way to selected paths, the root first.
    nodes: Vec<Node>,
    start: Scope,
}

/// A directory on the way.
#[derive(Debug, Default)]
struct Node {
    entries: HashMap<Box<[u8]>, Scope>,
}

/// The part of a file that is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// The directory, and entries of it that a [`Selection`] has by this number.
    Part(usize),
}

impl Selection {
    /// The whole tree.
    #[must_use]
    pub fn all() -> Self {
        Self {
            nodes: Vec::new(),
            start: Scope::Whole,
        }
    }

    /// The paths of an image that `patterns` name; all of it if there are none. A pattern is a path,
    /// or a glob if no such path exists.
    ///
    /// # Errors
    /// A pattern that names nothing, or an image that cannot be read.
    pub fn of(image: &FileImage, patterns: &[OsString]) -> Result<Self> {
        if patterns.is_empty() {
            return Ok(Self::all());
        }
        let mut selection = Self {
            nodes: vec![Node::default()],
            start: Scope::Part(0),
        };
        let mut globs = Vec::new();
        for pattern in patterns {
            match path::find(image, pattern.as_bytes(), LastLink::Keep) {
                Ok(found) => selection.insert(&found.path)?,
                Err(PathError::NotFound { .. }) if is_glob(pattern) => globs.push(pattern),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot select {}", text(pattern)))
                }
            }
        }
        selection.insert_globs(image, &globs)?;
        Ok(selection)
    }

    /// The part of the root directory that is selected.
    #[must_use]
    pub fn start(&self) -> Scope {
        self.start
    }

    /// The part of an entry that is selected, by the part of its directory.
    #[must_use]
    pub fn entry(&self, directory: Scope, name: &[u8]) -> Option<Scope> {
        match directory {
            Scope::Whole => Some(Scope::Whole),
            Scope::Part(node) => self.nodes.get(node)?.entries.get(name).copied(),
        }
    }

    /// Selects all below a path without symlinks and dots.
    fn insert(&mut self, path: &[u8]) -> Result<()> {
        ensure!(
            !path.starts_with(b"<"),
            "cannot select an inode by its number, or a path of more than {MAX_PATH} bytes"
        );
        let names: Vec<&[u8]> = path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
            .collect();
        let Some((last, directories)) = names.split_last() else {
            self.start = Scope::Whole;
            return Ok(());
        };
        let mut at = 0;
        for name in directories {
            let new = Scope::Part(self.nodes.len());
            match *self.nodes[at].entries.entry((*name).into()).or_insert(new) {
                Scope::Whole => return Ok(()),
                Scope::Part(node) => at = node,
            }
            if at == self.nodes.len() {
                self.nodes.push(Node::default());
            }
        }
        self.nodes[at].entries.insert((*last).into(), Scope::Whole);
        Ok(())
    }

    /// Selects all paths that match one of the globs, each of which must match one.
    fn insert_globs(&mut self, image: &FileImage, patterns: &[&OsString]) -> Result<()> {
        if patterns.is_empty() {
            return Ok(());
        }
        let globs = patterns.iter().map(|pattern| compile(pattern));
        let globs = globs.collect::<Result<Vec<_>>>()?;
        let mut matched = vec![false; globs.len()];
        let mut walk = Walk::new(image)?;
        while let Some(step) = walk.step() {
            step.entry?;
            // Longer paths would make the time quadratic in the depth of the tree.
            if step.path.len() > MAX_PATH {
                continue;
            }
            let path = OsStr::from_bytes(step.path);
            for (glob, matched) in globs.iter().zip(&mut matched) {
                if glob.is_match(path) {
                    *matched = true;
                    self.insert(step.path)?;
                }
            }
        }
        let mut unmatched = patterns.iter().zip(matched).filter(|(_, matched)| !matched);
        if let Some((pattern, _)) = unmatched.next() {
            bail!(
                "cannot select {}: no path of the image matches",
                text(pattern)
            );
        }
        Ok(())
    }
}

/// Returns true if a text has the special characters of a glob.
fn is_glob(pattern: &OsStr) -> bool {
    pattern.as_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

fn compile(pattern: &OsStr) -> Result<GlobMatcher> {
    let cannot = || format!("cannot select {}", text(pattern));
    let glob = pattern
        .to_str()
        .context("a glob is UTF-8")
        .with_context(cannot)?;
    let glob = glob.trim_start_matches("./").trim_matches('/');
    let mut builder = GlobBuilder::new(glob);
    let glob = builder
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    Ok(glob.with_context(cannot)?.compile_matcher())
}

fn text(pattern: &OsStr) -> String {
    shown(pattern.as_bytes(), Charset::Utf8)
}

/// A walk over the selected part of a tree, each directory before its entries.
pub struct Selected<'a> {
    walk: Walk<'a, daxfs_image::FileMemory, daxfs_image::hash::Xxh64>,
    selection: &'a Selection,
    /// The part of each directory that has been entered.
    scopes: HashMap<Ino, Scope>,
    path: Vec<u8>,
}

impl<'a> Selected<'a> {
    /// A walk from the root, which is not passed itself.
    ///
    /// # Errors
    /// A rule that the root's inode breaks, or a fault of the memory.
    pub fn new(image: &'a FileImage, selection: &'a Selection) -> Result<Self> {
        let root = image.superblock().root();
        Ok(Self {
            walk: Walk::new(image)?,
            selection,
            scopes: HashMap::from([(root, selection.start())]),
            path: Vec::new(),
        })
    }

    /// The path and inode of the next entry that is selected, or `None` at the end.
    ///
    /// # Errors
    /// Those of reading the image.
    pub fn step(&mut self) -> Result<Option<(&[u8], Inode)>> {
        while let Some(step) = self.walk.step() {
            let name = step.path.rsplit(|&byte| byte == b'/').next();
            let scope = self.scopes.get(&step.parent);
            let scope = scope
                .zip(name)
                .and_then(|(&directory, name)| self.selection.entry(directory, name));
            let Some(scope) = scope else {
                continue;
            };
            let (entry, inode) = (step.entry?, step.inode?);
            self.path.clear();
            self.path.extend_from_slice(step.path);
            if entry.file_type == FileType::Directory {
                self.scopes.insert(entry.ino, scope);
            }
            return Ok(Some((&self.path, inode)));
        }
        Ok(None)
    }
}

/// The number of content bytes of the selected part of an image. Inodes that cannot be read are left
/// out.
#[must_use]
pub fn content_bytes(image: &FileImage, selection: &Selection) -> u64 {
    let Ok(mut walk) = Selected::new(image, selection) else {
        return 0;
    };
    let (mut seen, mut sum) = (InodeSet::new(image), 0_u64);
    while let Ok(Some((_, inode))) = walk.step() {
        if seen.insert(inode.ino) {
            sum = sum.saturating_add(stored_bytes(image, &inode));
        }
    }
    sum
}

/// The number of bytes of the content of an inode, without holes.
fn stored_bytes(image: &FileImage, inode: &Inode) -> u64 {
    match inode.kind {
        InodeKind::Regular(FileData::Sparse(list)) => (0..list.count())
            .filter_map(|index| image.extent(&list, index).ok().flatten())
            .fold(0, |sum, extent| sum.saturating_add(extent.length)),
        InodeKind::Regular(_) => inode.size,
        _ => 0,
    }
}
