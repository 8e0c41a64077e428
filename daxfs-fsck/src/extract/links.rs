// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes with several names.
//!
//! Such an inode is created in a directory of its own within the target, and each of its names is
//! linked to it there. The directory of the first name need not be found again, however deep it is.
//! Its last name is not linked, but moved there: so it never has more names than in the image.
//!
//! A target may allow fewer links than the image has. Then the inode that has as many as possible
//! is followed by a copy, to which the next names are linked. Where there are no links at all, each
//! name is a file of its own.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;

use anyhow::Result;
use daxfs_image::format::{Ino, Inode};
use rustix::fs::{linkat, renameat, renameat_with, statat, AtFlags, RenameFlags};
use rustix::io::Errno;

use super::objects::Maker;
use super::slot::{Refused, Slot};
use super::staging::Staging;
use super::summary::Loss;

/// The inodes with several names.
pub(super) struct Links<'a> {
    staging: Staging<'a>,
    files: HashMap<Ino, Staged>,
    /// False once the target has refused a hard link.
    linkable: bool,
}

/// An inode of which some names were created.
#[derive(Clone, Copy)]
struct Staged {
    /// The number of names that it still lacks.
    lacking: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It lies in the directory for such inodes.
    Present,
    /// It has been given away, or is still to be created.
    Absent,
    /// It could not be created.
    Impossible,
}

impl<'a> Links<'a> {
    /// No inode has a name yet.
    pub(super) fn new(staging: Staging<'a>) -> Self {
        Self {
            staging,
            files: HashMap::new(),
            linkable: true,
        }
    }

    /// Creates one more name of an inode.
    pub(super) fn link(
        &mut self,
        maker: &mut Maker<'_, '_>,
        slot: Slot<'_>,
        inode: &Inode,
        path: &[u8],
    ) -> Result<()> {
        let unseen = Staged {
            lacking: inode.link_count,
            state: State::Absent,
        };
        let mut staged = self.files.remove(&inode.ino).unwrap_or(unseen);
        if staged.state != State::Impossible {
            self.create(maker, slot, inode, path, &mut staged)?;
        }
        staged.lacking = staged.lacking.saturating_sub(1);
        if staged.lacking != 0 {
            self.files.insert(inode.ino, staged);
        }
        Ok(())
    }

    fn create(
        &mut self,
        maker: &mut Maker<'_, '_>,
        slot: Slot<'_>,
        inode: &Inode,
        path: &[u8],
        staged: &mut Staged,
    ) -> Result<()> {
        let is_copy = staged.state == State::Absent && staged.lacking != inode.link_count;
        if is_copy {
            let reason = "the target allows no more links; it is a copy";
            maker.lose(Loss::HardLink, path, "create the hard link", reason);
        }
        if !self.linkable {
            return maker.file(slot, inode, path).map(drop);
        }
        if staged.state == State::Absent && !self.stage(maker, inode, path, staged)? {
            return Ok(());
        }
        match self.name(maker, slot, inode.ino, staged) {
            Ok(()) => maker.count(),
            Err(Refused::Os(Errno::MLINK)) => match self.give(maker, slot, inode.ino, staged) {
                Ok(()) => maker.count(),
                Err(refused) => maker.refused(refused, path, "move the file")?,
            },
            Err(Refused::Os(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS)) => {
                self.linkable = false;
                staged.state = State::Absent;
                maker.file(slot, inode, path)?;
            }
            // A directory that is reused may be a mount point.
            Err(Refused::Os(error @ Errno::XDEV)) => {
                let what = "create the hard link, but only a copy";
                maker.problem(Loss::HardLink, path, what, error);
                maker.file(slot, inode, path)?;
            }
            Err(refused) => maker.refused(refused, path, "create the hard link")?,
        }
        Ok(())
    }

    /// Creates the inode in the directory for such inodes. Returns false if that is impossible.
    fn stage(
        &mut self,
        maker: &mut Maker<'_, '_>,
        inode: &Inode,
        path: &[u8],
        staged: &mut Staged,
    ) -> Result<bool> {
        let name = inode.ino.to_string();
        let slot = Slot {
            parent: self.staging.open()?,
            name: name.as_bytes(),
            listing: None,
        };
        let made = maker.stage(slot, inode, path)?;
        staged.state = if made {
            State::Present
        } else {
            State::Impossible
        };
        Ok(made)
    }

    /// Links a name to the inode, or moves it there if the name is its last one.
    fn name(
        &mut self,
        maker: &Maker<'_, '_>,
        slot: Slot<'_>,
        ino: Ino,
        staged: &mut Staged,
    ) -> Result<(), Refused> {
        if staged.lacking <= 1 {
            return self.give(maker, slot, ino, staged);
        }
        let directory = self.directory()?;
        let name = ino.to_string();
        let link = || {
            linkat(
                directory,
                name.as_str(),
                slot.parent,
                slot.name,
                AtFlags::empty(),
            )
        };
        slot.create(maker.existing, link)
    }

    /// Moves the inode to a name.
    fn give(
        &mut self,
        maker: &Maker<'_, '_>,
        slot: Slot<'_>,
        ino: Ino,
        staged: &mut Staged,
    ) -> Result<(), Refused> {
        let directory = self.directory()?;
        let name = ino.to_string();
        let give = || match renameat_with(
            directory,
            name.as_str(),
            slot.parent,
            slot.name,
            RenameFlags::NOREPLACE,
        ) {
            // Older file systems do not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                match statat(slot.parent, slot.name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST),
                    Err(_) => renameat(directory, name.as_str(), slot.parent, slot.name),
                }
            }
            given => given,
        };
        slot.create(maker.existing, give)?;
        staged.state = State::Absent;
        Ok(())
    }

    fn directory(&mut self) -> Result<BorrowedFd<'_>, Refused> {
        // It was made when the inode was created there.
        self.staging.open().map_err(|_| Refused::Os(Errno::NOENT))
    }

    /// Removes the directory and the files that are left in it. All files must have been closed:
    /// network file systems keep a file that is open under another name.
    pub(super) fn remove(&mut self) -> Result<()> {
        self.staging.remove()
    }
}
