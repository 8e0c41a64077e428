// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image together with the copy of its superblock that it was opened with.
//!
//! The copy holds the section table, hence the hashes that a check compares, and names the image by
//! its identity. Both are taken from one read, so that they agree whatever becomes of the memory.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use daxfs_format::check::{self, Outcome, Scratch, Sink};
use daxfs_format::superblock::{RawSuperblock, SuperblockCopy};
use daxfs_format::{Error, Identity, Image, Memory};

use crate::hash::{Sha256, Xxh64};

/// An image in some memory, with the copy of its superblock.
pub struct Opened<M> {
    image: Image<M, Xxh64>,
    copy: Arc<SuperblockCopy>,
}

impl<M: Memory> Opened<M> {
    /// Opens the image at the start of `memory`. Superblock and section table are verified, nothing
    /// else.
    ///
    /// # Errors
    /// The first rule that superblock or section table break, or a fault of the memory.
    pub fn open(memory: M) -> Result<Self, Error> {
        let mut copy = Box::new(SuperblockCopy::zeroed());
        copy.fill(&memory)?;
        Self::with_copy(memory, copy)
    }

    /// Opens the image in `memory` whose superblock is `copy`.
    ///
    /// # Errors
    /// The first rule that superblock or section table break.
    pub(crate) fn with_copy(
        memory: M,
        copy: impl Into<Arc<SuperblockCopy>>,
    ) -> Result<Self, Error> {
        let copy = copy.into();
        let superblock = copy.validate::<Xxh64>(memory.size())?;
        let image = Image::with_superblock(memory, superblock)?;
        Ok(Self { image, copy })
    }

    /// The same image, read through another memory. The superblock is not read again, so views of
    /// an image in several threads agree.
    ///
    /// # Errors
    /// [`Rule::ImageTruncated`](daxfs_format::Rule::ImageTruncated) if the memory is shorter than
    /// the image.
    pub fn over<N: Memory>(&self, memory: N) -> Result<Opened<N>, Error> {
        let image = Image::with_superblock(memory, self.image.superblock().clone())?;
        let copy = Arc::clone(&self.copy);
        Ok(Opened { image, copy })
    }

    /// The superblock as it lies in the image.
    #[must_use]
    pub fn raw_superblock(&self) -> &RawSuperblock {
        self.copy.raw()
    }

    /// The identity of the image.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.copy.identity::<Sha256>()
    }

    /// Compares the XXH64 of every section that states one. See [`check::verify_checksums`].
    ///
    /// # Errors
    /// [`check::Stop`] if the check could not be completed.
    pub fn verify_checksums(&self, buffer: &mut [u8], sink: &mut Sink<'_>) -> Outcome {
        check::verify_checksums(&self.image, &self.copy, buffer, sink)
    }

    /// Compares the SHA-256 of every section that states one. See
    /// [`check::verify_section_digests`].
    ///
    /// # Errors
    /// [`check::Stop`] if the check could not be completed.
    pub fn verify_section_digests(&self, buffer: &mut [u8], sink: &mut Sink<'_>) -> Outcome {
        check::verify_section_digests::<Sha256, _, _>(&self.image, &self.copy, buffer, sink)
    }

    /// Checks every rule about metadata. See [`check::check_rules`].
    ///
    /// # Errors
    /// [`check::Stop`] if the check could not be completed.
    pub fn check_rules(&self, scratch: &mut Scratch<'_>, sink: &mut Sink<'_>) -> Outcome {
        check::check_rules(&self.image, &self.copy, scratch, sink)
    }
}

impl<M> Deref for Opened<M> {
    type Target = Image<M, Xxh64>;

    fn deref(&self) -> &Self::Target {
        &self.image
    }
}

impl<M> fmt::Debug for Opened<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}
