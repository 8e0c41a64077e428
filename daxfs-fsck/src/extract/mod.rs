// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree of an image as files.
//!
//! Nothing outside of the target is ever touched, whatever the image says. Every call names one
//! entry relative to an open directory; a name is one that the format allows, so it has no slash and
//! is not `..`; no call follows a symlink; and no path is ever put together but for messages. A file
//! is given its attributes through the descriptor with which it was made.
//!
//! Directories are entered in the order of the image and finished when they are left, so that
//! their times are not changed by what is made in them and a default ACL does not rub off. The way
//! back up is checked: `..` must be the directory that was come from. So a tree of any depth takes
//! a bounded number of descriptors, and no stack.
//!
//! | module | owns |
//! |---|---|
//! | [`target`] | the directory that is extracted to |
//! | [`levels`] | the directories from the target down to where the extraction is |
//! | [`objects`] | making files of every type |
//! | [`links`] | inodes with several names |
//! | [`attributes`] | owners, extended attributes, modes and times |
//! | [`summary`] | what was restored, and what could not be |

mod attributes;
mod levels;
mod links;
mod objects;
mod summary;
mod target;

use std::os::fd::OwnedFd;

use anyhow::{anyhow, bail, Context, Result};
use daxfs_image::format::{Cookie, Directory, Ino, Inode, InodeKind, NameBuf};
use daxfs_image::FileImage;

use crate::escape::escape;
use attributes::Handle;
use levels::{Level, Levels};
use links::Links;
use objects::Maker;

pub use objects::content_bytes;
pub use summary::Summary;
pub use target::Target;

/// Writes the tree of `image` to `target`. `progress` hears of content bytes as they are written.
///
/// # Errors
/// What kept the extraction from going on. What could not be restored of single files, as to an
/// ordinary user most owners cannot, is in the [`Summary`] instead.
pub fn extract(image: &FileImage, target: &Target, progress: &dyn Fn(u64)) -> Result<Summary> {
    let root = image
        .inode(image.superblock().root())
        .context("cannot read the root directory")?;
    let directory = target.open()?;
    let links = Links::new(image, &directory)?;
    let mut extraction = Extraction {
        image,
        maker: Maker::new(image, target.replaces(), progress),
        links,
        levels: Levels::default(),
        entered: Entered::new(image.inode_count()),
        path: Vec::new(),
    };
    extraction.enter(directory, &root)?;
    match extraction.run() {
        Ok(()) => Ok(extraction.maker.summary),
        Err(error) => {
            let error = error.context(format!("cannot extract /{}", escape(&extraction.path)));
            // What the operating system said, if it was the image that could not be read.
            Err(match image.memory().take_error() {
                Some(cause) => anyhow::Error::new(cause).context(format!("{error:#}")),
                None => error,
            })
        }
    }
}

/// An extraction under way.
struct Extraction<'a> {
    image: &'a FileImage,
    maker: Maker<'a>,
    links: Links,
    levels: Levels,
    entered: Entered,
    /// Of the entry at hand, from the root; for messages only.
    path: Vec<u8>,
}

impl Extraction<'_> {
    fn run(&mut self) -> Result<()> {
        let mut buffer = NameBuf::new();
        while let Some(level) = self.levels.last_mut() {
            self.path.truncate(level.path_length);
            let directory = level.directory;
            let Some((entry, _)) = self.image.next_entry(&directory, &mut level.position)? else {
                self.leave()?;
                continue;
            };
            let name = self.image.name(&directory, &entry, &mut buffer)?;
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let inode = self.image.child(&directory, &entry)?;
            self.entry(name, &inode)?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &[u8], inode: &Inode) -> Result<()> {
        let parent = self.levels.descriptor()?;
        match inode.kind {
            InodeKind::Directory(_) => {
                let directory = self.maker.directory(parent, name)?;
                self.enter(directory, inode)
            }
            _ if inode.link_count > 1 => {
                self.links
                    .link(&mut self.maker, parent, name, inode, &self.path)
            }
            _ => self.maker.file(parent, name, inode, &self.path),
        }
    }

    fn enter(&mut self, descriptor: OwnedFd, inode: &Inode) -> Result<()> {
        let InodeKind::Directory(directory) = inode.kind else {
            bail!("the root of the image is not a directory");
        };
        if !self.entered.insert(inode.ino) {
            return Err(changed(&directory));
        }
        let position = self.image.seek(&directory, Cookie::START)?;
        self.levels.push(Level::new(
            descriptor,
            *inode,
            directory,
            position,
            self.path.len(),
        )?);
        Ok(())
    }

    /// Finishes the directory at hand.
    fn leave(&mut self) -> Result<()> {
        let Some((descriptor, inode)) = self.levels.pop()? else {
            return Ok(());
        };
        if self.levels.is_empty() {
            // It would change the time of the root directory.
            self.links.remove()?;
        }
        self.maker
            .finish(Handle::Open(&descriptor), &inode, &self.path)
    }
}

/// Directories that have been entered: in an image that was checked, each is entered once.
struct Entered(Vec<u64>);

impl Entered {
    fn new(inodes: u32) -> Self {
        let words = usize::try_from(inodes / 64).unwrap_or(usize::MAX);
        Self(vec![0; words.saturating_add(1)])
    }

    /// Notes a directory; `false` if it was noted before.
    fn insert(&mut self, ino: Ino) -> bool {
        let word = usize::try_from(ino.get() / 64).ok();
        let bit = 1_u64 << (ino.get() % 64);
        let Some(word) = word.and_then(|word| self.0.get_mut(word)) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

fn changed(directory: &Directory) -> anyhow::Error {
    let ino = directory.ino();
    anyhow!("directory {ino} is entered a second time: the image has changed since it was checked")
}
