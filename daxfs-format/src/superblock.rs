// SPDX-License-Identifier: MIT OR Apache-2.0
//! The superblock: the first 4 KiB of an image, with the section table in it.
//!
//! ```text
//! 0    magic [u8; 8]          8   version_major u16   10  version_minor u16   12  section_count u32
//! 16   compatible u64         24  read_only_compatible u64
//! 32   incompatible u64       40  image_size u64
//! 48   uuid [u8; 16]
//! 64   label [u8; 64]
//! 128  page_shift u8          129 reserved [u8; 3]    132 root u32
//! 136  reserved [u8; 56]
//! 192  sections [RawSection; 60]
//! 4032 reserved [u8; 56]      4088 xxh64 u64, of the 4088 bytes before it
//! ```

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromZeros, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Error, Finding, Object, Result};
use crate::hash::{Sha256, Xxh64};
use crate::ids::Ino;
use crate::kinds::SectionKind;
use crate::limits::{MAX_IMAGE_SIZE, PAGE_SHIFTS};
use crate::memory::{read_struct, Memory};
use crate::num::{from_usize, offsets_from, round_up};
use crate::rule::Rule;
use crate::section::{RawSection, SectionTable, Sections};
use crate::text::Identity;

/// The length of the superblock in bytes.
pub const SUPERBLOCK_SIZE: usize = 4096;

/// The first bytes of an image. The byte above 127, the line ends and the end-of-file character
/// between them show a transfer that was not binary, as in the PNG signature (RFC 2083, 12.11).
pub const MAGIC: [u8; 8] = [0xda, b'D', b'A', b'X', b'\r', b'\n', 0x1a, b'\n'];

/// The major version: readers refuse all others.
pub const VERSION_MAJOR: u16 = 1;

/// The minor version: readers accept all others.
pub const VERSION_MINOR: u16 = 0;

/// The incompatible features that this crate knows, of which there are none yet.
pub const KNOWN_INCOMPATIBLE: u64 = 0;

/// The number of entries of the section table.
pub const MAX_SECTIONS: usize = 60;

const HEADER_SIZE: usize = 192;
const CHECKSUM_OFFSET: usize = 4088;

/// The superblock as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawSuperblock {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION_MAJOR`].
    pub version_major: U16,
    /// [`VERSION_MINOR`] of the writer.
    pub version_minor: U16,
    /// How many entries of `sections` are used.
    pub section_count: U32,
    /// Features that any reader may ignore.
    pub compatible: U64,
    /// Features that a reader may ignore and a writer may not.
    pub read_only_compatible: U64,
    /// Features that nobody may ignore.
    pub incompatible: U64,
    /// The length of the image in bytes.
    pub image_size: U64,
    /// The UUID, in the byte order of RFC 9562.
    pub uuid: [u8; 16],
    /// The label, padded with zeros.
    pub label: [u8; 64],
    /// The page that data is aligned to, as a power of two.
    pub page_shift: u8,
    /// Zero.
    pub reserved_129: [u8; 3],
    /// The inode number of the root directory.
    pub root: U32,
    /// Zero.
    pub reserved_136: [u8; 56],
    /// The section table.
    pub sections: [RawSection; MAX_SECTIONS],
    /// Zero.
    pub reserved_4032: [u8; 56],
    /// XXH64 of all bytes before this field.
    pub xxh64: U64,
}

const _: () = {
    assert!(size_of::<RawSuperblock>() == SUPERBLOCK_SIZE);
    assert!(offset_of!(RawSuperblock, version_major) == 8);
    assert!(offset_of!(RawSuperblock, section_count) == 12);
    assert!(offset_of!(RawSuperblock, compatible) == 16);
    assert!(offset_of!(RawSuperblock, image_size) == 40);
    assert!(offset_of!(RawSuperblock, uuid) == 48);
    assert!(offset_of!(RawSuperblock, label) == 64);
    assert!(offset_of!(RawSuperblock, page_shift) == 128);
    assert!(offset_of!(RawSuperblock, root) == 132);
    assert!(offset_of!(RawSuperblock, sections) == HEADER_SIZE);
    assert!(offset_of!(RawSuperblock, xxh64) == CHECKSUM_OFFSET);
};

impl RawSuperblock {
    /// The checksum that the other bytes call for.
    #[must_use]
    pub fn checksum<X: Xxh64>(&self) -> u64 {
        X::oneshot(self.as_bytes().get(..CHECKSUM_OFFSET).unwrap_or_default())
    }
}

/// A copy of an image's superblock, and the place where it is validated.
///
/// It is separate from [`Superblock`] because 4 KiB are too much for a kernel stack: the caller
/// decides where they live.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct SuperblockCopy(RawSuperblock);

impl SuperblockCopy {
    /// Room for a superblock.
    #[must_use]
    pub fn zeroed() -> Self {
        Self(RawSuperblock::new_zeroed())
    }

    /// The copy, which nothing has validated.
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
    /// When the memory is shorter than a superblock, [`Rule::SuperblockMagic`] if it begins with another
    /// magic, and else [`Rule::ImageTruncated`]; and the memory's own.
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

    /// What must hold before any other field means anything.
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

/// Where the entry `index` of the section table lies in the image.
fn entry_offset(index: u32) -> u64 {
    let distance = u64::from(index).saturating_mul(from_usize(size_of::<RawSection>()));
    from_usize(HEADER_SIZE).saturating_add(distance)
}

/// An entry beyond the used ones is zero.
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
    Finding {
        object: Object::Superblock,
        offset,
        rule,
        value,
    }
}

/// A validated superblock.
///
/// # Invariants
/// Its sections lie in ascending order, without overlap, within `image_size` bytes, which the memory
/// has; the page shift is within [`PAGE_SHIFTS`].
#[derive(Clone, Debug)]
pub struct Superblock {
    version_minor: u16,
    image_size: u64,
    uuid: [u8; 16],
    label: [u8; 64],
    page_shift: u32,
    root: Ino,
    sections: Sections,
}

impl Superblock {
    /// The minor version of the image's writer.
    #[must_use]
    pub fn version_minor(&self) -> u16 {
        self.version_minor
    }

    /// The length of the image in bytes.
    #[must_use]
    pub fn image_size(&self) -> u64 {
        self.image_size
    }

    /// The UUID, in the byte order of RFC 9562.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// The label without its padding: 0 to 64 bytes of any value but zero.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        self.label
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }

    /// The page that data is aligned to, as a power of two.
    #[must_use]
    pub fn page_shift(&self) -> u32 {
        self.page_shift
    }

    /// The page that data is aligned to, in bytes.
    #[must_use]
    pub fn page_size(&self) -> u64 {
        1_u64.checked_shl(self.page_shift).unwrap_or_default()
    }

    /// The inode number of the root directory.
    #[must_use]
    pub fn root(&self) -> Ino {
        self.root
    }

    /// The sections of known kinds.
    #[must_use]
    pub fn sections(&self) -> &Sections {
        &self.sections
    }
}
