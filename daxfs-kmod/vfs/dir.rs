// SPDX-License-Identifier: GPL-2.0-only
//! Directories.
//!
//! The position of a reader is the format's cookie, which names an entry by hash and rank;
//! positions 0 and 1 are `.` and `..`. A position is looked up on each call, so that nothing is
//! kept between two.

use daxfs_format::{Cookie, Directory, ListBuf, Listed, Position};
use kernel::prelude::*;

use super::inode::{Daxfs, Inode, InodeRef};
use crate::image::mounted::Mounted;
use crate::sys::errno;
use crate::sys::fs::dir::{DirContext, Directories};
use crate::sys::task::reschedule_or_stop;

impl Directories for Daxfs {
    #[inline]
    fn lookup(directory: &Inode, name: &[u8]) -> Result<Option<InodeRef>> {
        let mount = directory.mount()?;
        let from = directory.info().directory()?;
        if name.len() > daxfs_format::limits::MAX_NAME {
            return Err(errno::name_too_long());
        }
        let image = mount.image();
        let Some(entry) = image.lookup(from, name).map_err(|error| mount.report(error))? else {
            return Ok(None);
        };
        let found = directory.superblock().inode(entry.ino.get().into())?;
        let child = image.check_child(from, &entry, &found.info().kind);
        child.map_err(|error| mount.report(error))?;
        Ok(Some(found))
    }

    #[inline]
    fn iterate(directory: &Inode, reader: &mut DirContext) -> Result {
        let mount = directory.mount()?;
        let directory = directory.info().directory()?;
        let start = Cookie::from_offset(reader.position());
        let position = mount.image().seek(directory, start).map_err(|error| mount.report(error))?;
        if position.is_at_end(directory) {
            return Ok(());
        }
        emit_from(mount, directory, position, reader)
    }
}

/// Number of entries that are emitted before the task looks at signals and lets others run: readers
/// in the kernel, such as overlayfs, take a whole directory.
const ENTRIES: u32 = 1024;

/// Emits entries from a position on, until the reader takes no more.
#[inline]
fn emit_from(
    mount: &Mounted,
    directory: &Directory,
    mut position: Position,
    reader: &mut DirContext,
) -> Result {
    let mut buffer = ListBuf::new();
    let mut count = 0;
    loop {
        // The position if the directory ends or is damaged here. An entry that follows has its own.
        let behind = position.cookie();
        let next = mount.image().next_entry(directory, &mut position, &mut buffer);
        let Ok(Some(listed)) = next else {
            reader.set_position(behind.to_offset());
            return next.map(drop).map_err(|error| mount.report(error));
        };
        reader.set_position(listed.cookie.to_offset());
        if !emit(reader, &listed) {
            return Ok(());
        }
        count += 1;
        if count == ENTRIES {
            count = 0;
            reader.set_position(position.cookie().to_offset());
            reschedule_or_stop()?;
        }
    }
}

/// Emits one entry. Returns false if the reader takes no more.
#[inline]
fn emit(reader: &mut DirContext, listed: &Listed<'_>) -> bool {
    let entry = &listed.entry;
    reader.emit(listed.name, entry.ino.get().into(), entry.file_type.to_entry().into())
}
