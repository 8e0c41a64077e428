// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names: walking, looking up, listing, links.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

use super::{at, Case};
use crate::image::MOUNT;
use crate::sample::{entries, many_name, Entry, Kind, IMAGE_SIZE, MANY};
use crate::stream::Stream;
use crate::{pattern, sys};

pub(super) const CASES: &[Case] = &[
    ("walk-finds-what-was-packed", walk),
    ("absent-names", absent),
    ("listing-a-large-directory", list_many),
    ("positions-in-a-directory", positions),
    ("two-readers-of-a-directory", two_readers),
    ("hard-links", hard_links),
    ("symlinks", symlinks),
];

/// Every entry is there with its metadata and content, and there is nothing else.
fn walk() -> Result<()> {
    let wanted = entries();
    for entry in &wanted {
        compare(entry).with_context(|| format!("{}", entry.path.display()))?;
    }
    let wanted: BTreeSet<PathBuf> = wanted.iter().map(|entry| at_path(&entry.path)).collect();
    let found = all_below(Path::new(MOUNT))?;
    let extra: Vec<_> = found.difference(&wanted).collect();
    ensure!(extra.is_empty(), "not in the tree: {extra:?}");
    ensure!(
        found.len() == wanted.len(),
        "{} of {} entries listed",
        found.len(),
        wanted.len()
    );
    Ok(())
}

fn at_path(path: &Path) -> PathBuf {
    Path::new(MOUNT).join(path)
}

fn all_below(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let (mut found, mut left) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    Ok(found)
}

fn compare(entry: &Entry) -> Result<()> {
    let path = at_path(&entry.path);
    let found = fs::symlink_metadata(&path)?;
    let permissions = found.mode() & 0o7777;
    if !matches!(entry.kind, Kind::Symlink(_) | Kind::Link(_)) {
        ensure!(
            permissions == entry.mode,
            "mode {permissions:o}, not {:o}",
            entry.mode
        );
    }
    ensure!(
        (found.uid(), found.gid()) == entry.owner,
        "owner {}:{}",
        found.uid(),
        found.gid()
    );
    let time = (found.mtime(), found.mtime_nsec());
    ensure!(time == entry.mtime, "time {time:?}");
    compare_kind(entry, &path, &found)
}

fn compare_kind(entry: &Entry, path: &Path, found: &fs::Metadata) -> Result<()> {
    let kind = found.file_type();
    match &entry.kind {
        Kind::Directory => ensure!(kind.is_dir(), "no directory"),
        Kind::File { seed, pieces, size } => {
            ensure!(found.len() == *size, "size {}", found.len());
            for &(offset, length) in pieces {
                let bytes = super::reading::read_at(path, offset, usize::try_from(length)?)?;
                ensure!(
                    u64::try_from(bytes.len())? == length,
                    "short: {}",
                    bytes.len()
                );
                pattern::expect(&bytes, *seed, offset)?;
            }
        }
        Kind::Text(text) => ensure!(&fs::read(path)? == text, "content differs"),
        Kind::Program => ensure!(fs::read(path)? == fs::read("/init")?, "content differs"),
        Kind::Image => ensure!(found.len() == IMAGE_SIZE, "size {}", found.len()),
        Kind::Symlink(target) => {
            ensure!(
                fs::read_link(path)?.as_os_str().as_bytes() == target,
                "target differs"
            );
        }
        Kind::Node(bits, device) => {
            ensure!(
                found.mode() & libc::S_IFMT == *bits,
                "type {:o}",
                found.mode()
            );
            ensure!(found.rdev() == *device, "device {:#x}", found.rdev());
            ensure!(!kind.is_block_device() || *bits == libc::S_IFBLK, "type");
        }
        Kind::Link(other) => {
            ensure!(
                found.ino() == fs::metadata(at(other))?.ino(),
                "another inode"
            );
        }
    }
    Ok(())
}

fn absent() -> Result<()> {
    let stat = |path: PathBuf| fs::symlink_metadata(path).map_err(anyhow::Error::from);
    for name in [
        "nothing",
        "many/entry",
        "many/entry-00001",
        "void/x",
        "deep/deepe",
    ] {
        sys::expect_errno(name, stat(at(name)), libc::ENOENT)?;
        sys::expect_errno(name, stat(at(name)), libc::ENOENT)?;
    }
    sys::expect_errno(
        "a long name",
        stat(at(&"n".repeat(256))),
        libc::ENAMETOOLONG,
    )?;
    sys::expect_errno("below a file", stat(at("small/x")), libc::ENOTDIR)?;
    let name = OsString::from_vec(vec![b'n'; 254]);
    sys::expect_errno("a prefix", stat(Path::new(MOUNT).join(name)), libc::ENOENT)
}

fn list_many() -> Result<()> {
    let found: BTreeSet<OsString> = fs::read_dir(at("many"))?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    let wanted: BTreeSet<OsString> = (0..MANY).map(|i| many_name(i).into()).collect();
    ensure!(
        found == wanted,
        "{} names, {} wanted",
        found.len(),
        wanted.len()
    );
    Ok(())
}

/// From every position the rest of the directory can be read, in any order, also by another stream.
fn positions() -> Result<()> {
    let mut stream = Stream::open(&at("many"))?;
    let mut all = vec![(stream.position(), None)];
    while let Some(name) = stream.next()? {
        all.push((stream.position(), Some(name)));
    }
    ensure!(all.len() == MANY + 3, "{} entries", all.len());
    let mut other = Stream::open(&at("many"))?;
    for index in (0..all.len() - 1).rev().step_by(37) {
        other.seek(all[index].0);
        ensure!(
            other.next()? == all[index + 1].1,
            "another entry at position {index}"
        );
    }
    other.seek(all[all.len() - 1].0);
    ensure!(other.next()?.is_none(), "an entry behind the end");
    Ok(())
}

fn two_readers() -> Result<()> {
    let (mut one, mut two) = (Stream::open(&at("many"))?, Stream::open(&at("many"))?);
    let (first, all, rest) = (one.upto(1000)?, two.upto(MANY + 2)?, one.upto(MANY)?);
    ensure!([first, rest].concat() == all, "two streams differ");
    Ok(())
}

fn hard_links() -> Result<()> {
    let (one, two) = (fs::metadata(at("hard1"))?, fs::metadata(at("hard2"))?);
    ensure!(
        one.ino() == two.ino() && one.nlink() == 2,
        "link count {}",
        one.nlink()
    );
    let dir = fs::metadata(at("deep"))?;
    ensure!(
        dir.nlink() == 3,
        "a directory with one child has {} links",
        dir.nlink()
    );
    ensure!(
        fs::metadata(at("deep/.."))?.ino() == fs::metadata(MOUNT)?.ino(),
        "another parent"
    );
    Ok(())
}

fn symlinks() -> Result<()> {
    ensure!(
        fs::metadata(at("link"))?.len() == 100,
        "the link leads elsewhere"
    );
    let gone = fs::metadata(at("dangling")).map_err(anyhow::Error::from);
    sys::expect_errno("a dangling link", gone, libc::ENOENT)?;
    let long = fs::read_link(at("long-link"))?;
    ensure!(
        long.as_os_str().len() == 4000,
        "{} bytes",
        long.as_os_str().len()
    );
    for _ in 0..100 {
        ensure!(
            fs::read_link(at("link"))? == Path::new("small"),
            "the target changed"
        );
    }
    Ok(())
}
