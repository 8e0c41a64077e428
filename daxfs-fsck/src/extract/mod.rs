// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extraction: the tree of an image as files.
//!
//! Nothing outside of the target is ever touched, whatever the image states. Every call names one
//! entry relative to an open directory. A name is one that the format allows, so it has no slash
//! and is not `..`. No call follows a symlink, and paths are built for messages only. A file
//! receives its attributes through the descriptor with which it was created.
//!
//! Directories are entered in the order of the image and receive their attributes when they are
//! left: creating entries would change their times, and a default ACL would be inherited. On the
//! way back up, `..` must be the directory from which the extraction came. A tree of any depth
//! takes a bounded number of descriptors, and no stack.
//!
//! | module | owns |
//! |---|---|
//! | `target` | the directory that is extracted to |
//! | `levels` | the directories from the target down to the current one |
//! | `objects` | creating files of every type |
//! | `slot` | the name under which a file is created, and the file that already has it |
//! | `links` | inodes with several names |
//! | `staging` | a directory for files that have no name yet |
//! | `restore` | the properties that are restored |
//! | `attributes` | owners, extended attributes, modes and times |
//! | `writer` | contents, written by all threads |
//! | `summary` | counts of restored files, and losses |

mod attributes;
mod levels;
mod links;
mod objects;
mod restore;
mod slot;
mod staging;
mod summary;
mod target;
mod writer;

use std::os::fd::{AsFd, OwnedFd};
use std::panic::resume_unwind;
use std::sync::mpsc::{sync_channel, SyncSender};
use std::thread;

use anyhow::{anyhow, bail, Context, Result};
use daxfs_image::file;
use daxfs_image::format::{Cookie, Directory, Inode, InodeKind, ListBuf, Listed};
use daxfs_image::{FileImage, InodeSet};

use crate::select::{Scope, Selection};
use attributes::Handle;
use levels::{Level, Levels};
use links::Links;
use objects::Maker;
use staging::Staging;
use writer::{explain, Job, Pool, Writer};

pub use restore::{Modes, Owners, Restore, Xattrs};
pub use summary::Summary;
pub use target::{Existing, Target};
pub use writer::Progress;

/// The number of files that may wait for their contents. Each is open.
const QUEUE: usize = 16;

/// Writes the selected part of the tree of `image` to `target`, in `threads` threads.
///
/// # Errors
/// The error that ended the extraction. Properties of single files that could not be restored, such
/// as owners without privilege, are in the [`Summary`] instead.
pub fn extract(
    image: &FileImage,
    selection: &Selection,
    target: &Target,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Summary> {
    let (queue, jobs) = sync_channel(QUEUE);
    let pool = &Pool::new(jobs);
    // More threads would find no work.
    let views = (1..threads.min(QUEUE)).map(|_| file::share(image));
    let views = views.collect::<Result<Vec<_>, _>>()?;
    thread::scope(|scope| {
        let helpers = views.into_iter().map(|view| {
            let help = move || {
                let mut writer = Writer::new(&view, target.restore(), progress);
                pool.work(&mut writer).map(|()| writer.summary)
            };
            thread::Builder::new().spawn_scoped(scope, help)
        });
        let helpers = helpers.collect::<Result<Vec<_>, _>>();
        let helpers = helpers.context("cannot start a thread")?;
        let mut writer = Writer::new(image, target.restore(), progress);
        let (remains, mut done) = walk(image, selection, target, queue, pool, &mut writer);
        done = done.and(pool.work(&mut writer));
        for helper in helpers {
            let help = helper.join().unwrap_or_else(|panic| resume_unwind(panic));
            done = done.and(help.map(|summary| writer.summary.absorb(summary)));
        }
        let Some((mut links, root)) = remains else {
            return done.map(|()| writer.summary);
        };
        // Removal changes the time of the root directory.
        done.and(links.remove())?;
        if let Some((descriptor, inode)) = root {
            writer.finish(Handle::Open(descriptor.as_fd()), &inode, b"")?;
        }
        Ok(writer.summary)
    })
}

/// The work that is left after all contents: the directory for hard links is removed, and then the
/// root directory receives its attributes.
type Remains<'a> = (Links<'a>, Option<(OwnedFd, Inode)>);

/// Creates the tree.
fn walk<'a>(
    image: &'a FileImage,
    selection: &'a Selection,
    target: &Target,
    queue: SyncSender<Job>,
    pool: &Pool,
    writer: &mut Writer<'a>,
) -> (Option<Remains<'a>>, Result<()>) {
    let maker = Maker::new(image, queue, writer, target.existing());
    let mut extraction = match Extraction::new(image, selection, target, maker) {
        Ok(extraction) => extraction,
        Err(error) => {
            pool.fail();
            return (None, Err(error));
        }
    };
    let done = extraction.run(pool).map_err(|error| {
        pool.fail();
        explain(error, &extraction.path, image)
    });
    (Some((extraction.links, extraction.root)), done)
}

/// The state of an extraction.
struct Extraction<'a, 'w> {
    image: &'a FileImage,
    selection: &'a Selection,
    maker: Maker<'a, 'w>,
    links: Links<'a>,
    levels: Levels,
    entered: InodeSet,
    /// The root directory, once it was left: it receives its attributes after all contents.
    root: Option<(OwnedFd, Inode)>,
    /// The path of the current entry from the root, for messages only.
    path: Vec<u8>,
}

impl<'a, 'w> Extraction<'a, 'w> {
    /// Opens the target and enters it.
    fn new(
        image: &'a FileImage,
        selection: &'a Selection,
        target: &Target,
        maker: Maker<'a, 'w>,
    ) -> Result<Self> {
        let root = image
            .inode(image.superblock().root())
            .context("cannot read the root directory")?;
        let directory = target.open(&mut maker.writer.summary)?;
        let mut extraction = Self {
            image,
            selection,
            maker,
            links: Links::new(Staging::new(image, &directory)?),
            levels: Levels::default(),
            entered: InodeSet::new(image),
            root: None,
            path: Vec::new(),
        };
        extraction.enter(directory, &root, selection.start())?;
        Ok(extraction)
    }

    /// Creates all entries, or those before another thread fails.
    fn run(&mut self, pool: &Pool) -> Result<()> {
        let mut buffer = ListBuf::new();
        while let Some(level) = self.levels.last_mut().filter(|_| !pool.has_failed()) {
            self.path.truncate(level.path_length);
            let (directory, scope) = (level.directory, level.scope);
            let position = &mut level.position;
            let Some(listed) = self.image.next_entry(&directory, position, &mut buffer)? else {
                self.leave()?;
                continue;
            };
            let Listed { entry, name, .. } = listed;
            let Some(scope) = self.selection.entry(scope, name) else {
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let inode = self.image.child(&directory, &entry)?;
            self.entry(name, &inode, scope)?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &[u8], inode: &Inode, scope: Scope) -> Result<()> {
        let slot = self.levels.slot(self.image, name)?;
        match inode.kind {
            InodeKind::Directory(_) => match self.maker.directory(slot, &self.path)? {
                Some(directory) => self.enter(directory, inode, scope),
                None => Ok(()),
            },
            _ if inode.link_count > 1 => self.links.link(&mut self.maker, slot, inode, &self.path),
            _ => self.maker.file(slot, inode, &self.path).map(drop),
        }
    }

    fn enter(&mut self, descriptor: OwnedFd, inode: &Inode, scope: Scope) -> Result<()> {
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
            scope,
        )?);
        Ok(())
    }

    /// Leaves the current directory, which receives its attributes.
    fn leave(&mut self) -> Result<()> {
        let Some((descriptor, inode)) = self.levels.pop()? else {
            return Ok(());
        };
        if self.levels.is_empty() {
            self.root = Some((descriptor, inode));
            return Ok(());
        }
        let handle = Handle::Open(descriptor.as_fd());
        self.maker.writer.finish(handle, &inode, &self.path)
    }
}

fn changed(directory: &Directory) -> anyhow::Error {
    let ino = directory.ino();
    anyhow!("directory {ino} is entered a second time: the image has changed since it was checked")
}
