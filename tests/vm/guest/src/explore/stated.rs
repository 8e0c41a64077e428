// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list of the objects that an image states.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, Context, Result};
use daxfs_format::{FileData, Image, Inode, InodeKind, Memory, Xxh64};
use daxfs_image::walk::Walk;

use super::{attribute, bytes_of, hash, Object, Piece, MAX_BYTES, MAX_PIECES};

/// Returns the objects that an image states, without its root, in the order of their paths.
pub(crate) fn stated<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Result<Vec<Object>> {
    let mut walk = Walk::new(image)?;
    let mut all = Vec::new();
    while let Some(step) = walk.step() {
        let inode = step.inode?;
        let path = PathBuf::from(OsStr::from_bytes(step.path));
        all.push(
            stated_object(image, &path, &inode).with_context(|| format!("{}", path.display()))?,
        );
    }
    all.sort();
    Ok(all)
}

fn stated_object<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    path: &Path,
    inode: &Inode,
) -> Result<Object> {
    let mut object = Object {
        path: bytes_of(path),
        ino: inode.ino.get().into(),
        mode: inode.mode.into(),
        owner: (inode.uid, inode.gid),
        links: inode.link_count.into(),
        size: inode.size,
        mtime: (inode.mtime.seconds, inode.mtime.nanoseconds.into()),
        device: (0, 0),
        xattrs: stated_xattrs(image, inode)?,
        target: Vec::new(),
        pieces: Vec::new(),
    };
    match &inode.kind {
        InodeKind::Symlink(link) => {
            let mut buffer = [0; 4096];
            object.target = image.read_link(link, &mut buffer)?.to_vec();
        }
        InodeKind::CharDevice(rdev) | InodeKind::BlockDevice(rdev) => {
            object.device = (rdev.major, rdev.minor);
        }
        InodeKind::Regular(data) => object.pieces = stated_pieces(image, data, inode.size)?,
        _ => {}
    }
    Ok(object)
}

fn stated_xattrs<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    inode: &Inode,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = Vec::new();
    let Some(id) = inode.xattrs else {
        return Ok(all);
    };
    let mut walk = image.xattrs(id)?.walk();
    while let Some(xattr) = image.next_xattr(&mut walk)? {
        let mut buffer = [0; 255];
        let mut name = xattr.namespace.prefix().as_bytes().to_vec();
        name.extend(image.xattr_name(&xattr, &mut buffer)?);
        let mut value = vec![0; 65536];
        let length = image.xattr_value(&xattr, &mut value)?.len();
        value.truncate(length);
        all.push(attribute(&name, value));
    }
    all.sort();
    Ok(all)
}

fn stated_pieces<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    data: &FileData,
    size: u64,
) -> Result<Vec<Piece>> {
    let mut places: Vec<(u64, u64)> = Vec::new();
    let mut at = 0;
    while at < size {
        let segment = image.segment(data, size, at)?;
        let segment = segment.ok_or_else(|| anyhow!("no segment at {at}"))?;
        if segment.data.is_some() {
            match places.last_mut() {
                Some((_, end)) if *end == at => *end = segment.end,
                _ => places.push((at, segment.end)),
            }
        }
        at = segment.end;
    }
    let piece = |(start, end): (u64, u64)| {
        let mut bytes = vec![0; usize::try_from((end - start).min(MAX_BYTES))?];
        image.read(data, size, start, &mut bytes)?;
        Ok((start, end - start, hash(&bytes)))
    };
    places.into_iter().take(MAX_PIECES).map(piece).collect()
}
