// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of everything in a tree: one line for each entry, with its metadata, its attributes and a
//! hash of its content. Two trees are equal if their lists are.

use std::fs::{self, File, Metadata};
use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use xxhash_rust::xxh64::Xxh64;

use crate::sys;

/// The maximal length in bytes of attribute names and values.
const ATTRIBUTE_ROOM: usize = 65536;

/// Prints the list of a tree.
pub(crate) fn print(root: &Path) -> Result<()> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    for line in lines(root)? {
        writeln!(output, "{line}")?;
    }
    Ok(output.flush()?)
}

/// The list of a tree, in the order of paths.
pub(crate) fn lines(root: &Path) -> Result<Vec<String>> {
    let mut paths = vec![root.to_owned()];
    let mut next = 0;
    while let Some(path) = paths.get(next).cloned() {
        if fs::symlink_metadata(&path)?.is_dir() {
            for entry in fs::read_dir(&path)? {
                paths.push(entry?.path());
            }
        }
        next += 1;
    }
    paths.sort();
    paths.iter().map(|path| line(root, path)).collect()
}

fn line(root: &Path, path: &Path) -> Result<String> {
    let entry = describe(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path
        .strip_prefix(root)?
        .as_os_str()
        .as_bytes()
        .escape_ascii();
    Ok(format!("{entry} /{name}"))
}

fn describe(path: &Path) -> Result<String> {
    let found = fs::symlink_metadata(path)?;
    // Each file system has its own sizes of directories.
    let size = if found.is_dir() { 0 } else { found.len() };
    Ok(format!(
        "{:o} {}:{} {} {size} {}.{:09} {:x} {:x} {:x}",
        found.mode(),
        found.uid(),
        found.gid(),
        found.nlink(),
        found.mtime(),
        found.mtime_nsec(),
        found.rdev(),
        attributes(path)?,
        content(path, &found)?
    ))
}

fn attributes(path: &Path) -> Result<u64> {
    let mut hash = Xxh64::new(0);
    let names = match sys::listxattr(path, ATTRIBUTE_ROOM) {
        Err(error) if sys::errno(&error) == libc::EOPNOTSUPP => Vec::new(),
        names => names?,
    };
    for name in names {
        hash.update(name.as_bytes());
        hash.update(&sys::getxattr(path, &name, ATTRIBUTE_ROOM)?);
    }
    Ok(hash.digest())
}

fn content(path: &Path, found: &Metadata) -> Result<u64> {
    let mut hash = Xxh64::new(0);
    if found.is_symlink() {
        hash.update(fs::read_link(path)?.as_os_str().as_bytes());
    } else if found.is_file() {
        let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 18]);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => hash.update(buffer.get(..length).unwrap_or_default()),
            }
        }
    }
    Ok(hash.digest())
}
