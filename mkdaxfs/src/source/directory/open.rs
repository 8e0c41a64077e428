// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening directories at any depth, and the status of files as images state it.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use daxfs_format::Timestamp;
use rustix::io::Errno;

use super::calls::{Answer, Answered, Calls};
use crate::error::{Change, Error};
use crate::tree::node::{NodeId, Status};

/// Length in bytes of the longest path that is opened in one step.
const MAX_STEP: usize = 4000;

/// The most names that are opened in one step.
const MAX_NAMES: usize = 64;

/// The most directories that are kept open on the way to others.
const MAX_KEPT: usize = 8;

/// Bytes as a string of the system.
pub(super) fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The path of a file in the directory at `parent`, both below the source.
pub(super) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if parent.is_empty() { b"" } else { b"/" };
    [parent, separator, name].concat()
}

/// Opens directories. It keeps a directory open every few dozen levels on the way to the last one,
/// from which the next one is opened: walking from the source each time would take the square of
/// the depth.
#[derive(Default)]
pub(super) struct Opener {
    kept: Vec<(NodeId, OwnedFd)>,
}

impl Opener {
    /// Opens a directory below `root`. `ancestry` has the nodes and names of the directory, its
    /// parent, and so on, without the root.
    pub(super) fn open<'n>(
        &mut self,
        calls: &dyn Calls,
        root: BorrowedFd<'_>,
        ancestry: impl Iterator<Item = (NodeId, &'n [u8])>,
    ) -> Answered<OwnedFd> {
        let (mut names, mut from) = (Vec::new(), None);
        for (node, name) in ancestry {
            from = self.kept.iter().position(|&(kept, _)| kept == node);
            if from.is_some() {
                break;
            }
            names.push((node, name));
        }
        names.reverse();
        let mut at = None::<(NodeId, OwnedFd)>;
        let mut rest = names.as_slice();
        loop {
            let (step, behind) = rest.split_at(step(rest));
            let last = match (&at, from) {
                (Some((_, open)), _) => open.as_fd(),
                (None, Some(kept)) => self.kept[kept].1.as_fd(),
                (None, None) => root,
            };
            let open = calls.open_directory(last, &path_of(step))?;
            if let Some(passed) = at.take() {
                self.keep(passed);
            }
            let Some(&(node, _)) = step.last().filter(|_| !behind.is_empty()) else {
                return Ok(open);
            };
            at = Some((node, open));
            rest = behind;
        }
    }

    fn keep(&mut self, passed: (NodeId, OwnedFd)) {
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        self.kept.push(passed);
    }
}

/// The number of names that are opened in the next step.
fn step(names: &[(NodeId, &[u8])]) -> usize {
    let mut length = 0;
    let fits = names.iter().take(MAX_NAMES).take_while(|(_, name)| {
        length += name.len() + 1;
        length <= MAX_STEP
    });
    fits.count()
}

fn path_of(names: &[(NodeId, &[u8])]) -> Vec<u8> {
    if names.is_empty() {
        return b".".to_vec();
    }
    let names: Vec<&[u8]> = names.iter().map(|&(_, name)| name).collect();
    names.join(&b'/')
}

/// The part of a status that an image states, or that shows that a file has changed. Values that no
/// image can hold become others that none can hold.
pub(super) fn status_of(answer: &Answer) -> Status {
    let nanoseconds = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let ctime = answer.ctime.0.wrapping_mul(1_000_000_000);
    Status {
        mode: u16::try_from(answer.mode).unwrap_or(0),
        uid: answer.uid,
        gid: answer.gid,
        size: answer.size.cast_unsigned(),
        mtime: Timestamp {
            seconds: answer.mtime.0,
            nanoseconds: nanoseconds(answer.mtime.1),
        },
        ctime: ctime.wrapping_add(answer.ctime.1),
    }
}

/// The error for a file that was listed: if it does not exist any more, it has vanished.
pub(super) fn gone_or(action: &'static str, path: PathBuf, errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Error::Changed {
            path,
            change: Change::Vanished,
        },
        errno => Error::io(action, path)(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::directory::calls::System;
    use std::fs::File;

    /// The levels of a directory below others.
    fn ancestry(depth: u32) -> impl Iterator<Item = (NodeId, &'static [u8])> {
        (1..=depth)
            .rev()
            .map(|level| (NodeId::test(level), &b"d"[..]))
    }

    #[test]
    fn directories_are_opened_at_any_depth_and_few_stay_open() {
        let dir = tempfile::tempdir().unwrap();
        let root = File::open(dir.path()).unwrap();
        let mut opener = Opener::default();
        let mut at = opener.open(&System, root.as_fd(), ancestry(0)).unwrap();
        for depth in 1..=1500 {
            rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::RWXU).unwrap();
            let open = opener.open(&System, root.as_fd(), ancestry(depth)).unwrap();
            let expected = rustix::fs::openat(
                &at,
                "d",
                rustix::fs::OFlags::DIRECTORY,
                rustix::fs::Mode::empty(),
            );
            let inode = |file: &OwnedFd| rustix::fs::fstat(file).unwrap().st_ino;
            assert_eq!(inode(&open), inode(&expected.unwrap()));
            assert!(opener.kept.len() <= MAX_KEPT);
            at = open;
        }
        // The way up again.
        for depth in (0..1500).rev().step_by(97) {
            opener.open(&System, root.as_fd(), ancestry(depth)).unwrap();
            assert!(opener.kept.len() <= MAX_KEPT);
        }
    }
}
