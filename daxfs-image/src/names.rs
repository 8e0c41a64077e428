// SPDX-License-Identifier: MIT OR Apache-2.0
//! One path for each inode, found without a walk: a name and a parent for each.

use daxfs_format::{Directory, Image, Ino, InodeKind, Memory, Xxh64};

use crate::path::current::{self, MAX_PATH};
use crate::walk::{Listings, Problems};

/// A name for each inode, at a cost of a few bytes more than the name.
#[derive(Debug)]
pub struct Names {
    root: Ino,
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    parent: Option<Ino>,
    start: usize,
    length: u8,
}

impl Names {
    /// Reads all directories. Of several names of an inode, the one that is stored first is kept.
    /// Entries that cannot be read are left out and reported.
    pub fn read<M: Memory, X: Xxh64>(image: &Image<M, X>, problems: &mut dyn Problems) -> Self {
        let slots = usize::try_from(image.inode_count())
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let root = image.superblock().root();
        let mut names = Self {
            root,
            slots: vec![Slot::default(); slots],
            bytes: Vec::new(),
        };
        let mut listings = Listings::new(image);
        for ino in image.inode_numbers() {
            // Inodes that cannot be read are reported by the code that examines inodes.
            if let Ok(inode) = image.inode(ino) {
                if let InodeKind::Directory(directory) = inode.kind {
                    names.read_directory(&mut listings, &directory, problems);
                }
            }
        }
        names
    }

    fn read_directory<M: Memory, X: Xxh64>(
        &mut self,
        listings: &mut Listings<'_, M, X>,
        directory: &Directory,
        problems: &mut dyn Problems,
    ) {
        listings.read(directory, |entry| match entry {
            Ok((entry, name)) => self.insert(entry.ino, directory.ino(), name),
            Err(error) => problems.of_image(&error),
        });
    }

    fn insert(&mut self, ino: Ino, parent: Ino, name: &[u8]) {
        let slot = usize::try_from(ino.get())
            .ok()
            .and_then(|slot| self.slots.get_mut(slot));
        let Some(slot) = slot.filter(|slot| slot.parent.is_none()) else {
            return;
        };
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        *slot = Slot {
            parent: Some(parent),
            start: self.bytes.len(),
            length,
        };
        self.bytes.extend_from_slice(name);
    }

    /// The path of an inode. `<N>` stands for an inode without a name, and for the upper part of a
    /// path that is too long to print.
    #[must_use]
    pub fn path(&self, ino: Ino) -> Vec<u8> {
        let mut names = Vec::new();
        let mut length = 0;
        let mut at = ino;
        let mut path = loop {
            if at == self.root {
                break b"/".to_vec();
            }
            match self
                .slot(at)
                .filter(|(_, name)| length + name.len() < MAX_PATH)
            {
                Some((parent, name)) => {
                    names.push(name);
                    length += name.len() + 1;
                    at = parent;
                }
                None => break current::by_number(at),
            }
        };
        for name in names.into_iter().rev() {
            current::append(&mut path, name);
        }
        path
    }

    fn slot(&self, ino: Ino) -> Option<(Ino, &[u8])> {
        let slot = self.slots.get(usize::try_from(ino.get()).ok()?)?;
        let name = self
            .bytes
            .get(slot.start..)?
            .get(..usize::from(slot.length))?;
        Some((slot.parent?, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[(u32, u32, &str)]) -> Names {
        let root = Ino::new(1).unwrap();
        let mut names = Names {
            root,
            slots: vec![Slot::default(); 10],
            bytes: Vec::new(),
        };
        for &(ino, parent, name) in entries {
            names.insert(
                Ino::new(ino).unwrap(),
                Ino::new(parent).unwrap(),
                name.as_bytes(),
            );
        }
        names
    }

    #[test]
    fn paths_lead_from_the_root_or_from_what_has_no_name() {
        let names = names(&[(2, 1, "usr"), (3, 2, "bin"), (3, 1, "bin"), (5, 4, "lost")]);
        let path = |ino| String::from_utf8(names.path(Ino::new(ino).unwrap())).unwrap();
        assert_eq!(path(1), "/");
        assert_eq!(path(3), "/usr/bin", "the first name counts");
        assert_eq!(path(5), "<4>/lost");
        assert_eq!(path(9), "<9>");
        assert_eq!(path(1000), "<1000>");
    }

    #[test]
    fn a_cycle_ends_where_the_path_is_too_long() {
        let names = names(&[(2, 3, "a"), (3, 2, "b")]);
        let path = names.path(Ino::new(2).unwrap());
        assert!(path.len() <= MAX_PATH + 16, "{}", path.len());
        assert!(path.starts_with(b"<"));
    }
}
