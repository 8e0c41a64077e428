// SPDX-License-Identifier: MIT OR Apache-2.0
//! The paths of the objects that findings are about.
//!
//! An inode does not hold its name. So the names of all requested inodes are searched together, in
//! one pass over all directories and one over their ancestors.

use std::collections::{HashMap, HashSet};

use daxfs_format::directory::ENTRY_SIZE;
use daxfs_format::{
    Cookie, Directory, Error, Finding, Image, Ino, InodeKind, ListBuf, Listed, Memory, Object,
    SectionKind, XattrSetId, Xxh64,
};

use super::structure::Structure;

/// The longest path that is built, in bytes.
const MAX_PATH: usize = 64 << 10;

/// The paths of some inodes, as far as the image has names for them.
#[derive(Debug, Default)]
pub struct Paths {
    names: HashMap<Ino, (Ino, Vec<u8>)>,
    sets: HashMap<XattrSetId, Ino>,
    root: Option<Ino>,
    /// The number of entries that may still be read. If directories overlap, not all of them are.
    budget: u64,
}

impl Paths {
    /// Searches the names of the objects of `findings`. Objects that cannot be read have no path.
    #[must_use]
    pub fn find<M: Memory, X: Xxh64>(
        image: &Image<M, X>,
        structure: Option<&Structure>,
        findings: &[Finding],
    ) -> Self {
        let units = image.superblock().sections().get(SectionKind::Directories);
        let entries = units.map_or(0, |units| units.length / ENTRY_SIZE);
        let mut paths = Self {
            root: Some(image.superblock().root()),
            // For each of the two passes as many entries as there can be.
            budget: entries.saturating_mul(2),
            ..Self::default()
        };
        let objects = || findings.iter().map(|finding| finding.object);
        paths.find_sets(image, objects());
        let mut wanted: HashSet<Ino> = objects()
            .filter_map(|object| paths.inode_of(structure, object))
            .collect();
        if wanted.is_empty() {
            return paths;
        }
        for ino in image.inode_numbers() {
            if let Some(directory) = directory(image, ino) {
                paths.take_names(image, &directory, &wanted);
            }
        }
        wanted.extend(paths.names.values().map(|(parent, _)| *parent));
        paths.find_ancestors(image, wanted);
        paths
    }

    /// The inode of an object: the object itself, or the inode that it belongs to.
    #[must_use]
    pub fn inode_of(&self, structure: Option<&Structure>, object: Object) -> Option<Ino> {
        match object {
            Object::Inode(ino) => Ino::new(ino),
            Object::Entry { directory, .. } => Some(directory),
            Object::Extent { file, .. } => Some(file),
            Object::Content(content) => structure?.owner(content),
            Object::XattrSet(set) => self.sets.get(&set).copied(),
            Object::Superblock | Object::SectionEntry(_) | Object::Section(_) | Object::Gap => None,
        }
    }

    /// The path of an inode from the root, with a slash before each name. A path whose beginning is
    /// unknown begins without a slash.
    #[must_use]
    pub fn path(&self, ino: Ino) -> Option<Vec<u8>> {
        if self.root == Some(ino) {
            return Some(b"/".to_vec());
        }
        let (mut names, mut length, mut at) = (Vec::new(), 0, ino);
        while let Some((parent, name)) = self.names.get(&at).filter(|_| length < MAX_PATH) {
            length += name.len() + 1;
            names.push(name.as_slice());
            at = *parent;
        }
        names.reverse();
        let path = names.join(&b'/');
        match (path.is_empty(), self.root == Some(at)) {
            (true, _) => None,
            (false, true) => Some([b"/", path.as_slice()].concat()),
            (false, false) => Some(path),
        }
    }

    /// Finds the first inode that has each of the attribute sets.
    fn find_sets<M: Memory, X: Xxh64>(
        &mut self,
        image: &Image<M, X>,
        objects: impl Iterator<Item = Object>,
    ) {
        let sets: HashSet<XattrSetId> = objects
            .filter_map(|object| match object {
                Object::XattrSet(set) => Some(set),
                _ => None,
            })
            .collect();
        if sets.is_empty() {
            return;
        }
        for ino in image.inode_numbers() {
            let set = image.raw_inode(ino).ok().map(|raw| raw.xattrs.get());
            let set = set.and_then(XattrSetId::new);
            if let Some(set) = set.filter(|set| sets.contains(set)) {
                self.sets.entry(set).or_insert(ino);
            }
        }
    }

    /// Remembers the names that a directory has for the inodes in `wanted`.
    fn take_names<M: Memory, X: Xxh64>(
        &mut self,
        image: &Image<M, X>,
        directory: &Directory,
        wanted: &HashSet<Ino>,
    ) {
        let left = self.budget.checked_sub(directory.len().into());
        let (Some(left), Ok(mut position)) = (left, image.seek(directory, Cookie::START)) else {
            return;
        };
        self.budget = left;
        let mut buffer = ListBuf::new();
        loop {
            let Listed { entry, name, .. } =
                match image.next_entry(directory, &mut position, &mut buffer) {
                    Ok(Some(listed)) => listed,
                    Ok(None) | Err(Error::Memory(_)) => return,
                    // The entries after a broken one may be intact.
                    Err(Error::Corrupt(_) | Error::Unsupported(_)) => continue,
                };
            if wanted.contains(&entry.ino) && !self.names.contains_key(&entry.ino) {
                self.names
                    .insert(entry.ino, (directory.ino(), name.to_vec()));
            }
        }
    }

    /// Follows the directories in `wanted` up to the root, and remembers their names. A parent has
    /// a lower number than what it holds, so this ends.
    fn find_ancestors<M: Memory, X: Xxh64>(&mut self, image: &Image<M, X>, wanted: HashSet<Ino>) {
        let mut children: HashMap<Ino, HashSet<Ino>> = HashMap::new();
        for mut ino in wanted {
            while let Some(child) = directory(image, ino) {
                let parent = child.parent();
                if parent >= ino || !children.entry(parent).or_default().insert(ino) {
                    break;
                }
                ino = parent;
            }
        }
        for (parent, children) in children {
            if let Some(parent) = directory(image, parent) {
                self.take_names(image, &parent, &children);
            }
        }
    }
}

/// The directory with this number, if it is one.
fn directory<M: Memory, X: Xxh64>(image: &Image<M, X>, ino: Ino) -> Option<Directory> {
    match image.inode(ino).ok()?.kind {
        InodeKind::Directory(directory) => Some(directory),
        _ => None,
    }
}
