// SPDX-License-Identifier: MIT OR Apache-2.0
//! A walk over a mount that uses each object in every way, and a list of the objects that the image
//! states, made in this process without the mount. The two must be equal.
//!
//! The walk continues after errors, and is bounded in every direction, since the image may be
//! hostile and unchecked.
//!
//! | module | owns |
//! |---|---|
//! | [`stated`](mod@stated) | the list of an image |
//! | [`walk`](mod@walk) | the walk over a mount |

mod stated;
mod walk;

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use daxfs_format::Xxh64;

pub(crate) use stated::stated;
pub(crate) use walk::walk;

/// One object, as `stat` and its relatives show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    path: Vec<u8>,
    ino: u64,
    mode: u32,
    owner: (u32, u32),
    links: u64,
    size: u64,
    mtime: (i64, i64),
    device: (u32, u32),
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    target: Vec<u8>,
    pieces: Vec<Piece>,
}

/// Bytes of a file between holes: offset, length, hash.
type Piece = (u64, u64, u64);

/// The result of a walk.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The objects, in the order of their paths.
    pub(crate) objects: Vec<Object>,
    /// The operations that failed, with their paths and errors.
    pub(crate) errors: Vec<(String, io::Error)>,
}

/// Bounds of a walk: more than any image in use has.
const MAX_OBJECTS: usize = 2000;

const MAX_PIECES: usize = 100;

const MAX_BYTES: u64 = 1 << 20;

fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn hash(bytes: &[u8]) -> u64 {
    daxfs_image::hash::Xxh64::oneshot(bytes)
}

/// The attribute whose value the kernel parses itself: it hides those that it does not understand.
const JUDGED: &str = "security.capability";

/// An attribute as it is compared.
fn attribute(name: &[u8], mut value: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    if name == JUDGED.as_bytes() {
        value.clear();
    } else if name.starts_with(b"system.posix_acl_") {
        forget_unused_ids(&mut value);
    }
    (name.to_vec(), value)
}

/// Normalizes the IDs of ACL entries that name no user or group: the kernel shows its own there.
fn forget_unused_ids(acl: &mut [u8]) {
    const HEADER: usize = 4;
    const USER: u8 = 2;
    const GROUP: u8 = 8;
    for entry in acl
        .get_mut(HEADER..)
        .into_iter()
        .flat_map(|all| all.chunks_exact_mut(8))
    {
        if let [tag, _, _, _, id @ ..] = entry {
            if !matches!(*tag, USER | GROUP) {
                id.fill(0xff);
            }
        }
    }
}
