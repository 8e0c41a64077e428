// SPDX-License-Identifier: MIT OR Apache-2.0
//! An opened image: its memory, its superblock, its inodes.

use core::fmt;
use core::marker::PhantomData;

use crate::error::{Error, Finding, Object, Result};
use crate::hash::Xxh64;
use crate::ids::Ino;
use crate::inode::{Inode, RawInode, INODE_SIZE};
use crate::kinds::SectionKind;
use crate::memory::{read_struct, Memory};
use crate::rule::Rule;
use crate::superblock::{Superblock, SuperblockCopy};

/// An image in some memory, with the implementation of XXH64 to read it by.
pub struct Image<M, X> {
    pub(super) memory: M,
    pub(super) superblock: Superblock,
    inodes: u64,
    inode_count: u32,
    hash: PhantomData<fn() -> X>,
}

impl<M: Memory, X: Xxh64> Image<M, X> {
    /// Opens the image at the start of `memory`: copies the superblock into `copy` and validates it
    /// with the section table. No checksum but the superblock's is verified; see [`crate::check`].
    ///
    /// # Errors
    /// The first rule that superblock or section table break, or a fault of the memory.
    pub fn open(memory: M, copy: &mut SuperblockCopy) -> Result<Self> {
        copy.fill(&memory)?;
        let superblock = copy.validate::<X>(memory.size())?;
        Self::with_superblock(memory, superblock)
    }

    /// The image that `superblock` describes. The superblock was validated before and is not read
    /// again, so views of one image in several threads agree, whatever happens to the memory.
    ///
    /// # Errors
    /// [`Rule::ImageTruncated`] if the memory is shorter than the image.
    pub fn with_superblock(memory: M, superblock: Superblock) -> Result<Self> {
        let value = superblock.image_size();
        if memory.size() < value {
            return Err(Finding::new(Object::Superblock, 40, Rule::ImageTruncated, value).into());
        }
        let (inodes, length) = superblock.sections().range(SectionKind::Inodes);
        // Slot 0 holds no inode.
        let slots = length.checked_div(INODE_SIZE).unwrap_or_default();
        let inode_count = u32::try_from(slots.saturating_sub(1)).unwrap_or(crate::limits::MAX_INO);
        Ok(Self {
            memory,
            superblock,
            inodes,
            inode_count,
            hash: PhantomData,
        })
    }

    /// The memory that holds the image.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The superblock as it was when the image was opened.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The number of inodes. They are numbered from 1.
    pub fn inode_count(&self) -> u32 {
        self.inode_count
    }

    /// All inode numbers, in ascending order.
    pub fn inode_numbers(&self) -> impl Iterator<Item = Ino> {
        (1..=self.inode_count).filter_map(Ino::new)
    }

    /// The offset of an inode, in bytes from the start of the image.
    pub fn inode_offset(&self, ino: Ino) -> u64 {
        self.inodes
            .saturating_add(u64::from(ino.get()).saturating_mul(INODE_SIZE))
    }

    /// Copies out an inode as it lies in the image, without validation.
    ///
    /// # Errors
    /// [`Rule::InodeNumber`] for a number without inode, and a fault of the memory.
    pub fn raw_inode(&self, ino: Ino) -> Result<RawInode> {
        let at = self.inode_offset(ino);
        if ino.get() > self.inode_count {
            let object = Object::Inode(ino.get());
            let value = ino.get().into();
            return Err(Finding::new(object, at, Rule::InodeNumber, value).into());
        }
        read_struct(&self.memory, at).map_err(Error::from)
    }

    /// Copies out and validates an inode.
    ///
    /// # Errors
    /// The first rule that the inode breaks by itself, or a fault of the memory.
    pub fn inode(&self, ino: Ino) -> Result<Inode> {
        let raw = self.raw_inode(ino)?;
        Inode::validate(&raw, ino, self.inode_offset(ino), &self.superblock)
    }
}

impl<M, X> fmt::Debug for Image<M, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("superblock", &self.superblock)
            .finish_non_exhaustive()
    }
}
