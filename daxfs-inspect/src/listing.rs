// SPDX-License-Identifier: MIT OR Apache-2.0
//! The entries of a directory, sorted by name, as far as they can be read.

use daxfs_image::format::{Directory, FileType, Image, Ino, Memory, NameBuf, Xxh64};

use crate::console::Console;

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

/// Lists a directory. Entries that cannot be read are reported, with the directory's `path`.
pub fn list<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    directory: &Directory,
    path: &[u8],
    console: &mut Console<'_>,
) -> Vec<Listed> {
    // Not reserved from the count, which an image chooses.
    let mut entries = Vec::new();
    let mut buffer = NameBuf::new();
    for index in 0..directory.len() {
        match entry(image, directory, index, &mut buffer) {
            Ok(Some(listed)) => entries.push(listed),
            Ok(None) => break,
            Err(error) => {
                let path = console.name(path);
                console.problem(format_args!("{path}: {error}"));
            }
        }
    }
    entries.sort_unstable_by(|a, b| (&a.name, a.ino).cmp(&(&b.name, b.ino)));
    entries
}

fn entry<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    directory: &Directory,
    index: u32,
    buffer: &mut NameBuf,
) -> Result<Option<Listed>, daxfs_image::format::Error> {
    let Some(entry) = image.entry(directory, index)? else {
        return Ok(None);
    };
    let name = image.name(directory, &entry, buffer)?;
    Ok(Some(Listed {
        name: name.into(),
        ino: entry.ino,
        file_type: entry.file_type,
    }))
}
