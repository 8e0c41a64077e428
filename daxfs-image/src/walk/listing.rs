// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of directories, sorted by name, as far as they can be read.

use daxfs_format::{DirEntry, Directory, Error, FileType, Image, Ino, Memory, NameBuf, Xxh64};

use super::problems::{shared_unit, Problems};
use crate::ranges::Ranges;

/// An entry of a directory.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The name.
    pub name: Box<[u8]>,
    /// The inode that it names.
    pub ino: Ino,
    /// The type of that inode, as the entry states it.
    pub file_type: FileType,
}

/// A list of directories of an image. Directories whose units overlap one that was listed before
/// are refused: a thousand directories that share a unit of a thousand entries would have a
/// million.
#[derive(Debug)]
pub struct Listings<'a, M, X> {
    image: &'a Image<M, X>,
    units: Ranges,
}

impl<'a, M: Memory, X: Xxh64> Listings<'a, M, X> {
    /// Listings before the first one.
    #[must_use]
    pub fn new(image: &'a Image<M, X>) -> Self {
        let units = Ranges::default();
        Self { image, units }
    }

    /// Lists a directory. Entries that cannot be read are reported, with the directory's `path`.
    pub fn list(
        &mut self,
        directory: &Directory,
        path: &[u8],
        problems: &mut dyn Problems,
    ) -> Vec<Listed> {
        // Not reserved from the count, which an image chooses.
        let mut entries = Vec::new();
        self.read(directory, |entry| match entry {
            Ok((entry, name)) => entries.push(Listed {
                name: name.into(),
                ino: entry.ino,
                file_type: entry.file_type,
            }),
            Err(error) => problems.at(path, &error),
        });
        entries.sort_unstable_by(|a, b| (&a.name, a.ino).cmp(&(&b.name, b.ino)));
        entries
    }

    /// Passes the entries of a directory to `take`, in the order of the image, or the errors for
    /// which they cannot be read.
    pub fn read(
        &mut self,
        directory: &Directory,
        mut take: impl FnMut(Result<(DirEntry, &[u8]), Error>),
    ) {
        if !self
            .units
            .insert(directory.offset(), directory.unit_length())
        {
            return take(Err(shared_unit(directory).into()));
        }
        let mut buffer = NameBuf::new();
        for index in 0..directory.len() {
            match self.image.entry(directory, index) {
                Ok(Some(entry)) => {
                    let name = self.image.name(directory, &entry, &mut buffer);
                    take(name.map(|name| (entry, name)));
                }
                Ok(None) => return,
                Err(error) => take(Err(error)),
            }
        }
    }
}
