// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hashes of sections, and the superblock, which states them and is written last.

use daxfs_format::limits::MAX_IMAGE_SIZE;
use daxfs_format::superblock::{
    RawSuperblock, SuperblockCopy, MAGIC, VERSION_MAJOR, VERSION_MINOR,
};
use daxfs_format::{Identity, SectionKind, Sha256 as _, Xxh64 as _};
use daxfs_image::hash::{Sha256, Xxh64};
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::error::Result;
use crate::plan::inputs::Inputs;
use crate::plan::offset::ImageOffset;
use crate::plan::sections::Sections;
use crate::tree::node::NodeId;

/// The inode number of the root.
const ROOT: u32 = 1;

/// The offset of the superblock.
pub(super) const SUPERBLOCK_OFFSET: ImageOffset = ImageOffset(0);

/// States the hashes of a section.
pub(super) fn hash(sections: &mut Sections, kind: SectionKind, bytes: &[u8]) {
    if let Some(raw) = sections.raw_mut(kind) {
        raw.xxh64.set(Xxh64::oneshot(bytes));
        raw.sha256 = sha256(bytes);
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.finish()
}

/// The superblock, sealed.
///
/// # Errors
/// When the image is larger than the format allows.
pub(super) fn superblock(sections: &Sections, inputs: Inputs<'_>) -> Result<Sealed> {
    if sections.image_size() > MAX_IMAGE_SIZE {
        let limit = "an image may have 2^48 bytes".to_owned();
        return Err(inputs.limit(NodeId::ROOT, limit));
    }
    let mut raw = RawSuperblock::new_zeroed();
    raw.magic = MAGIC;
    raw.version_major.set(VERSION_MAJOR);
    raw.version_minor.set(VERSION_MINOR);
    raw.section_count
        .set(u32::try_from(sections.len()).unwrap_or(u32::MAX));
    raw.image_size.set(sections.image_size());
    raw.label = inputs.options.label;
    raw.page_shift = sections.page().shift();
    raw.root.set(ROOT);
    for (to, section) in raw.sections.iter_mut().zip(sections.iter()) {
        *to = *section;
    }
    raw.uuid = inputs.options.uuid.unwrap_or_else(|| derived_uuid(&raw));
    raw.xxh64.set(raw.checksum::<Xxh64>());
    Ok(Sealed(raw))
}

/// A UUID of version 8 (RFC 9562) that depends on all contents and nothing else.
fn derived_uuid(raw: &RawSuperblock) -> [u8; 16] {
    let digest = sha256(raw.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .into_bytes()
}

/// A complete superblock.
pub(crate) struct Sealed(RawSuperblock);

impl Sealed {
    /// Its bytes in the image.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The UUID of the image.
    pub(crate) fn uuid(&self) -> [u8; 16] {
        self.0.uuid
    }

    /// The identity of the image.
    pub(crate) fn identity(&self) -> Identity {
        let mut copy = SuperblockCopy::zeroed();
        copy.as_mut_bytes().copy_from_slice(self.as_bytes());
        copy.identity::<Sha256>()
    }
}
