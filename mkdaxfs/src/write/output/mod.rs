// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image file: without a name until it is complete.
//!
//! If the file system can, the file has no name at all while it is written (`O_TMPFILE`), so
//! that nothing can be left behind. Elsewhere it has a random one, which is removed with [`Output`],
//! and by [`remove_leftovers`](temporary::remove_leftovers) when a signal ends the process.
//!
//! | module | owns |
//! |---|---|
//! | `existing` | the early check of an image that exists |
//! | `file` | the file, and the steps that give it its name |
//! | `temporary` | random names, and their removal |
//! | `behind` | writing to the disk while more bytes come |

mod behind;
mod existing;
mod file;
pub(super) mod temporary;

use self::file::ImageFile;
use crate::error::Result;
use crate::options::{Mode, Options};
use crate::own::OwnDirectory;
use crate::plan::offset::ImageOffset;

/// The destination of an image.
#[derive(Debug)]
pub(crate) enum Output {
    /// None: a dry run.
    Discard,
    File(ImageFile),
}

impl Output {
    /// Early check that the image may be written. [`Self::publish`] decides atomically.
    ///
    /// # Errors
    /// When it exists and may not be replaced.
    pub(crate) fn check(options: &Options) -> Result<()> {
        match options.mode {
            Mode::Write => existing::check(&options.image, options.existing),
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
        let file = ImageFile::create(&options.image, options.existing)?;
        if let Some(changed) = file.changed_directory() {
            own.set(changed);
        }
        Ok(Self::File(file))
    }

    /// Writes bytes at an offset of the image.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&self, bytes: &[u8], offset: ImageOffset) -> Result<()> {
        match self {
            Self::Discard => Ok(()),
            Self::File(file) => file.write(bytes, offset),
        }
    }

    /// Does `work` while another thread has the system write to the disk, so that there is less to
    /// wait for at the end.
    pub(crate) fn while_syncing<T>(&self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Discard => work(),
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
        }
    }
}
