// SPDX-License-Identifier: MIT OR Apache-2.0
//! The destination of an image, where it appears when it is complete.
//!
//! If the file system can, the file has no name at all while it is written (`O_TMPFILE`), so
//! that nothing can be left behind. Elsewhere it has a random one, which is removed with [`Output`],
//! and by [`remove_leftovers`](temporary::remove_leftovers) when a signal ends the process.
//!
//! | module | owns |
//! |---|---|
//! | `destination` | the file that IMAGE names, and the early check of it |
//! | `spool` | images for streams and block devices |
//! | `file` | the file, and the steps that give it its name |
//! | `temporary` | random names, and their removal |
//! | `behind` | writing to the disk while more bytes come |

mod behind;
mod destination;
mod file;
mod spool;
pub(super) mod temporary;

use self::destination::Destination;
use self::file::ImageFile;
use self::spool::Spool;
use crate::error::Result;
use crate::options::{Mode, Options};
use crate::own::{FileKey, OwnDirectory};
use crate::plan::offset::ImageOffset;

/// The destination of an image.
#[derive(Debug)]
pub(crate) enum Output {
    /// None: a dry run.
    Discard,
    File(ImageFile),
    Spool(Spool),
}

impl Output {
    /// Early check that the image may be written. [`Self::publish`] decides atomically.
    ///
    /// # Errors
    /// When it exists and may not be replaced.
    pub(crate) fn check(options: &Options) -> Result<()> {
        match options.mode {
            Mode::Write => Destination::of(&options.image, options.existing).map(drop),
            Mode::DryRun => Ok(()),
        }
    }

    /// Opens the file that becomes the image. If it has a temporary name, states its directory in
    /// `own`.
    ///
    /// # Errors
    /// When its directory cannot be written to.
    pub(crate) fn open(options: &Options, own: &OwnDirectory) -> Result<Self> {
        if options.mode == Mode::DryRun {
            return Ok(Self::Discard);
        }
        let image = &options.image;
        let output = match Destination::of(image, options.existing)? {
            Destination::File(path) => {
                Self::File(ImageFile::create(image, path, options.existing)?)
            }
            Destination::Stream(stream) => Self::Spool(Spool::create(image, stream)?),
        };
        if let Some(changed) = output.changed_directory() {
            own.set(changed);
        }
        Ok(output)
    }

    /// The directory in which the image has, or had, a temporary name.
    fn changed_directory(&self) -> Option<FileKey> {
        match self {
            Self::Discard => None,
            Self::File(file) => file.changed_directory(),
            Self::Spool(spool) => spool.changed_directory(),
        }
    }

    /// Writes bytes at an offset of the image.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&self, bytes: &[u8], offset: ImageOffset) -> Result<()> {
        match self {
            Self::Discard => Ok(()),
            Self::File(file) => file.write(bytes, offset),
            Self::Spool(spool) => spool.write(bytes, offset),
        }
    }

    /// Does `work` while another thread has the system write to the disk, so that there is less to
    /// wait for at the end.
    pub(crate) fn while_syncing<T>(&self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Discard | Self::Spool(_) => work(),
            Self::File(file) => file.while_syncing(work),
        }
    }

    /// Gives the image its length, makes it durable, and gives it its name.
    ///
    /// # Errors
    /// When one of these fails, or an image has appeared that may not be replaced.
    pub(crate) fn publish(self, length: u64) -> Result<()> {
        match self {
            Self::Discard => Ok(()),
            Self::File(file) => file.publish(length),
            Self::Spool(spool) => spool.publish(length),
        }
    }
}
