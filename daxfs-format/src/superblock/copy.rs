// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of an image's superblock, and its validation.

use core::mem::size_of;

use zerocopy::{FromZeros, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::raw::{
    RawSuperblock, HEADER_SIZE, KNOWN_INCOMPATIBLE, MAGIC, MAX_SECTIONS, SUPERBLOCK_SIZE,
    VERSION_MAJOR,
};
use super::validated::Superblock;
use crate::error::{Error, Finding, Object, Result};
use crate::hash::{Sha256, Xxh64};
use crate::ids::Ino;
use crate::kinds::SectionKind;
use crate::limits::{MAX_IMAGE_SIZE, PAGE_SHIFTS};
use crate::memory::{read_struct, Memory};
use crate::num::{from_usize, offsets_from, round_up};
use crate::rule::Rule;
use crate::section::{RawSection, SectionTable};
use crate::text::Identity;

/// A copy of an image's superblock, from which it is validated.
///
/// It is separate from [`Superblock`] because 4 KiB are too much for a kernel stack: the caller
/// provides the memory.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct SuperblockCopy(RawSuperblock);

impl SuperblockCopy {
    /// A buffer for a superblock.
    #[must_use]
    pub fn zeroed() -> Self {
        Self(RawSuperblock::new_zeroed())
    }

    /// The copy, without validation.
    #[must_use]
    pub fn raw(&self) -> &RawSuperblock {
        &self.0
    }

    /// The used entries of the section table, each with the offset of its bytes in the image.
    pub fn sections(&self) -> impl Iterator<Item = (u64, &RawSection)> {
        let used = usize::try_from(self.0.section_count.get()).unwrap_or(usize::MAX);
        let offsets = (0..=u32::MAX).map(entry_offset);
        offsets.zip(&self.0.sections).take(used)
    }

    /// Copies the superblock out of `memory`.
    ///
    /// # Errors
    /// If the memory is shorter than a superblock, [`Rule::SuperblockMagic`] if it begins with
    /// another magic, else [`Rule::ImageTruncated`]; and a fault of the memory.
    pub fn fill<M: Memory + ?Sized>(&mut self, memory: &M) -> Result<()> {
        let size = memory.size();
        if size < from_usize(SUPERBLOCK_SIZE) {
            if size >= from_usize(MAGIC.len()) {
                check_magic(read_struct(memory, 0)?)?;
            }
            return Err(fail(Rule::ImageTruncated, size, size).into());
        }
        memory.read(0, self.0.as_mut_bytes()).map_err(Error::from)
    }

    /// The identity of the image: SHA-256 of the superblock. It covers the section table, hence the
    /// digest of every metadata section, hence the digests of all contents.
    #[must_use]
    pub fn identity<S: Sha256>(&self) -> Identity {
        let mut hash = S::new();
        hash.update(self.0.as_bytes());
        Identity::new(hash.finish())
    }

    /// Validates the copy for an image that lies in `memory_size` bytes.
    ///
    /// # Errors
    /// The first rule of the superblock or section table that the copy breaks.
    pub fn validate<X: Xxh64>(&self, memory_size: u64) -> Result<Superblock> {
        let raw = &self.0;
        self.check_envelope::<X>()?;
        self.check_header()?;
        let image_size = raw.image_size.get();
        if image_size > memory_size {
            return Err(fail(Rule::ImageTruncated, 40, image_size).into());
        }
        let page_shift = u32::from(raw.page_shift);
        let table = self.check_sections(page_shift, image_size)?;
        if round_up(table.end(), page_shift) != Some(image_size) {
            return Err(fail(Rule::ImageSize, 40, image_size).into());
        }
        let sections = table.into_sections();
        if sections.get(SectionKind::Inodes).is_none() {
            return Err(fail(Rule::SectionMissing, 12, raw.section_count.get().into()).into());
        }
        let root =
            Ino::new(raw.root.get()).ok_or(fail(Rule::InodeNumber, 132, raw.root.get().into()))?;
        Ok(Superblock {
            version_minor: raw.version_minor.get(),
            image_size,
            uuid: raw.uuid,
            label: raw.label,
            page_shift,
            root,
            sections,
        })
    }

    /// Checks the fields without which no other field means anything.
    fn check_envelope<X: Xxh64>(&self) -> Result<()> {
        let raw = &self.0;
        check_magic(raw.magic)?;
        if raw.version_major.get() != VERSION_MAJOR {
            return Err(fail(Rule::SuperblockVersion, 8, raw.version_major.get().into()).into());
        }
        if raw.xxh64.get() != raw.checksum::<X>() {
            return Err(fail(Rule::SuperblockChecksum, 4088, raw.xxh64.get()).into());
        }
        Ok(())
    }

    fn check_header(&self) -> Result<()> {
        let raw = &self.0;
        let unknown = raw.incompatible.get() & !KNOWN_INCOMPATIBLE;
        if unknown != 0 {
            return Err(fail(Rule::IncompatibleFeature, 32, raw.incompatible.get()).into());
        }
        if !PAGE_SHIFTS.contains(&raw.page_shift) {
            return Err(fail(Rule::PageShift, 128, raw.page_shift.into()).into());
        }
        if raw.image_size.get() > MAX_IMAGE_SIZE {
            return Err(fail(Rule::ImageSize, 40, raw.image_size.get()).into());
        }
        let padding = offsets_from(64)
            .zip(&raw.label)
            .skip_while(|&(_, &byte)| byte != 0);
        if let Some((at, &byte)) = padding.into_iter().find(|&(_, &byte)| byte != 0) {
            return Err(fail(Rule::Label, at, byte.into()).into());
        }
        check_zero(129, &raw.reserved_129)?;
        check_zero(136, &raw.reserved_136)?;
        check_zero(4032, &raw.reserved_4032)
    }

    fn check_sections(&self, page_shift: u32, image_size: u64) -> Result<SectionTable> {
        let raw = &self.0;
        let used = raw.section_count.get();
        if used == 0 || usize::try_from(used).map_or(true, |used| used > MAX_SECTIONS) {
            return Err(fail(Rule::SectionCount, 12, used.into()).into());
        }
        let mut table = SectionTable::new(from_usize(SUPERBLOCK_SIZE), page_shift, image_size);
        for (index, section) in (0..=u32::MAX).zip(&raw.sections) {
            let at = entry_offset(index);
            if index < used {
                table.push(index, at, section)?;
            } else {
                check_unused(index, at, section)?;
            }
        }
        Ok(table)
    }
}

/// The offset of entry `index` of the section table in the image.
fn entry_offset(index: u32) -> u64 {
    let distance = u64::from(index).saturating_mul(from_usize(size_of::<RawSection>()));
    from_usize(HEADER_SIZE).saturating_add(distance)
}

/// Checks that an entry after the used ones is zero.
fn check_unused(index: u32, at: u64, section: &RawSection) -> Result<()> {
    let object = Object::SectionEntry(index);
    Finding::require_zero(object, Rule::SectionUnused, at, section.as_bytes())?;
    Ok(())
}

fn check_magic(magic: [u8; 8]) -> Result<()> {
    if magic == MAGIC {
        return Ok(());
    }
    Err(fail(Rule::SuperblockMagic, 0, u64::from_le_bytes(magic)).into())
}

fn check_zero(at: u64, bytes: &[u8]) -> Result<()> {
    Finding::require_zero(Object::Superblock, Rule::SuperblockReserved, at, bytes)?;
    Ok(())
}

fn fail(rule: Rule, offset: u64, value: u64) -> Finding {
    Finding::new(Object::Superblock, offset, rule, value)
}
