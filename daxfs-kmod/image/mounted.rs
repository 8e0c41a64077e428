// SPDX-License-Identifier: GPL-2.0-only
//! An image that is mounted.
//!
//! Superblock and section table are always verified. [The rest](super::check) is verified by the
//! first mount, and by every mount that gives `identity=` or `validate`.

use core::fmt::Arguments;

use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::Identity;
use kernel::prelude::*;

use super::check::verify;
use super::error::{self, refused};
use super::open::{open, require_size, superblock_copy};
use super::options::Options;
use crate::memory::backing::Backing;
use crate::sys::errno;
use crate::sys::hash::{Sha256, Xxh64};
use crate::sys::log::Log;

/// An image in a backing.
pub(crate) type Image = daxfs_format::Image<Backing, Xxh64>;

/// An image that is mounted.
pub(crate) struct Mounted {
    image: Image,
    /// The copy from which the image was opened: the table against which sections are checked.
    superblock: KBox<SuperblockCopy>,
    identity: Identity,
    options: Options,
}

impl Mounted {
    /// Opens the image at `phys` and checks it as far as `options` ask. Errors go to `log`.
    pub(crate) fn open(phys: u64, options: &Options, log: Log<'_>) -> Result<Self> {
        let mut copy = superblock_copy()?;
        let backing = open(phys, options, &mut copy, log)?;
        let image = Image::open(backing, &mut copy).map_err(|error| refused(error, log))?;
        let identity = copy.identity::<Sha256>();
        let mounted = Self { image, superblock: copy, identity, options: *options };
        mounted.check(options, log)?;
        Ok(mounted)
    }

    /// Returns the image.
    #[inline]
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Returns the memory of the image.
    #[inline]
    pub(crate) fn backing(&self) -> &Backing {
        self.image.memory()
    }

    /// Returns the options of the first mount.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the identity of the image.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the generation of all inodes. Other images have other numbers.
    pub(crate) fn generation(&self) -> u32 {
        let [a, b, c, d, ..] = *self.identity.as_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Checks the image for its first mount.
    fn check(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        verify(&self.image, &self.superblock, options, log)
    }

    /// Checks the image for another mount. The first one verified the checksums; they are verified
    /// again only where `options` ask for more, since containers mount one image many times.
    pub(crate) fn check_again(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        require_size(self.options.phys, self.image.superblock().image_size(), options, log)?;
        if options.validate || options.identity.is_some() {
            verify(&self.image, &self.superblock, options, log)?;
        }
        Ok(())
    }

    fn require_identity(&self, options: &Options, log: Log<'_>) -> Result {
        match options.identity {
            Some(wanted) if wanted != self.identity => {
                let found = self.identity;
                log.error(format_args!("the image in memory has the identity {found}"));
                Err(errno::identity())
            }
            _ => Ok(()),
        }
    }

    /// Reports an error of the image in use to the kernel log, and returns its number.
    #[cold]
    pub(crate) fn report(&self, error: daxfs_format::Error) -> Error {
        error::report(self.backing(), format_args!("{error}"));
        error::number(&error)
    }

    /// Reports an error to the context that makes the mount, and returns its number.
    pub(crate) fn refuse(&self, error: daxfs_format::Error, log: Log<'_>) -> Error {
        refused(error, log)
    }

    /// Reports damage that the format crate does not name to the kernel log, and returns its
    /// number.
    #[cold]
    pub(crate) fn report_corrupt(&self, message: Arguments<'_>) -> Error {
        error::report(self.backing(), format_args!("corrupt image: {message}"));
        errno::corrupt()
    }
}
