// SPDX-License-Identifier: GPL-2.0-only
//! An image that is mounted.
//!
//! Superblock and section table are always verified. [The rest](super::check) is verified after the
//! first mount, and by every mount that gives `identity=` or `validate`.

use core::fmt::Arguments;

use daxfs_format::Identity;
use kernel::prelude::*;

use super::check::Opened;
use super::error::{self, refused};
use super::open::{open, require_size, superblock_copy};
use super::options::Options;
use crate::memory::backing::{Backing, SharedBacking};
use crate::sys::background::BackgroundWork;
use crate::sys::errno;
use crate::sys::hash::{Sha256, Xxh64};
use crate::sys::log::Log;

/// An image in a backing.
pub(crate) type Image = daxfs_format::Image<SharedBacking, Xxh64>;

/// An image that is mounted. The memory is released when all fields are dropped.
pub(crate) struct Mounted {
    image: Image,
    opened: BackgroundWork<Opened>,
    options: Options,
}

impl Mounted {
    /// Opens the image at `phys` and checks it as far as `options` ask. Errors go to `log`.
    pub(crate) fn open(phys: u64, options: &Options, log: Log<'_>) -> Result<Self> {
        let mut copy = superblock_copy()?;
        let backing = SharedBacking::new(open(phys, options, &mut copy, log)?)?;
        let image = Image::open(backing, &mut copy).map_err(|error| refused(error, log))?;
        let opened = BackgroundWork::new(Opened::new(&image, copy))?;
        let mounted = Self { image, opened, options: *options };
        mounted.require_identity(options, log)?;
        if options.verify() {
            mounted.opened.get().verify(options, log)?;
        }
        Ok(mounted)
    }

    /// Has a worker thread verify the checksums, unless the mount did.
    pub(crate) fn verify_later(&self) {
        if !self.options.verify() {
            self.opened.start();
        }
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

    /// Computes the identity of the image.
    pub(crate) fn identity(&self) -> Identity {
        self.opened.get().copy().identity::<Sha256>()
    }

    /// Returns the generation of all inodes. Other images have other numbers: the checksum of the
    /// superblock covers UUID, table of sections, and their digests.
    pub(crate) fn generation(&self) -> u32 {
        let [a, b, c, d, ..] = self.opened.get().copy().raw().xxh64.get().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Fails if checksums were found to be wrong since the mount.
    #[inline]
    pub(crate) fn require_sound(&self) -> Result {
        match self.opened.get().is_damaged() {
            true => Err(errno::corrupt()),
            false => Ok(()),
        }
    }

    /// Checks the image for another mount. After the first one the checksums are verified; they are
    /// verified again only where `options` ask for more, since containers mount one image many
    /// times.
    pub(crate) fn check_again(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        require_size(self.options.phys, self.image.superblock().image_size(), options, log)?;
        if options.verify() {
            self.opened.get().verify(options, log)?;
        }
        self.require_sound().inspect_err(|_| {
            log.error(format_args!("corrupt image: checksums were wrong when it was mounted"));
        })
    }

    fn require_identity(&self, options: &Options, log: Log<'_>) -> Result {
        let Some(wanted) = options.identity else { return Ok(()) };
        let found = self.identity();
        if wanted == found {
            return Ok(());
        }
        log.error(format_args!("the image in memory has the identity {found}"));
        Err(errno::identity())
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
