// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hashes behind a finding about a hash, stated and computed.
//!
//! A finding has room for eight bytes of the stated one. A report wants all of both.

use daxfs_format::content::content_digest;
use daxfs_format::section::RawSection;
use daxfs_format::{ContentId, Finding, InodeKind, Memory, Object, Rule, Sha256 as _, Xxh64 as _};

use super::structure::Structure;
use crate::file::FileImage;
use crate::hash::{Sha256, Xxh64};

/// The size of a read in bytes.
const BUFFER: usize = 128 << 10;

/// Two hashes of the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// The hash that the image states.
    pub stated: Vec<u8>,
    /// The hash of the bytes as they are.
    pub computed: Vec<u8>,
}

/// The hashes of a finding about one. The bytes are read again. `None` for other findings, for
/// bytes that cannot be read, and if they have changed and agree now.
#[must_use]
pub fn hashes(
    image: &FileImage,
    structure: Option<&Structure>,
    finding: &Finding,
) -> Option<Hashes> {
    let hashes = match (finding.rule, finding.object) {
        (Rule::SectionChecksum, _) => of_checksum(image, section_at(image, finding.offset)?),
        (Rule::SectionDigest, _) => of_digest(image, section_at(image, finding.offset)?),
        (Rule::ContentDigest, Object::Content(content)) => of_content(image, structure?, content),
        _ => None,
    };
    hashes.filter(|hashes| hashes.stated != hashes.computed)
}

/// The entry of the section table for the section at an offset.
fn section_at(image: &FileImage, offset: u64) -> Option<&RawSection> {
    let sections = image.raw_superblock().sections.iter();
    let mut hashed = sections.filter(|raw| raw.flags.get() & RawSection::HASHED != 0);
    hashed.find(|raw| raw.offset.get() == offset)
}

fn of_checksum(image: &FileImage, raw: &RawSection) -> Option<Hashes> {
    let mut hash = Xxh64::new();
    read(image, raw, |bytes| hash.update(bytes))?;
    Some(Hashes {
        stated: raw.xxh64.get().to_be_bytes().to_vec(),
        computed: hash.finish().to_be_bytes().to_vec(),
    })
}

fn of_digest(image: &FileImage, raw: &RawSection) -> Option<Hashes> {
    let mut hash = Sha256::new();
    read(image, raw, |bytes| hash.update(bytes))?;
    Some(Hashes {
        stated: raw.sha256.to_vec(),
        computed: hash.finish().to_vec(),
    })
}

fn of_content(image: &FileImage, structure: &Structure, content: ContentId) -> Option<Hashes> {
    let inode = image.inode(structure.owner(content)?).ok()?;
    let InodeKind::Regular(data) = inode.kind else {
        return None;
    };
    let computed = content_digest::<Sha256, _, _>(image, &data, inode.size, &mut vec![0; BUFFER]);
    Some(Hashes {
        stated: image.digest(content).ok()??.to_vec(),
        computed: computed.ok()?.to_vec(),
    })
}

/// Passes all bytes of a section to `take`.
fn read(image: &FileImage, raw: &RawSection, mut take: impl FnMut(&[u8])) -> Option<()> {
    let (mut at, end) = (
        raw.offset.get(),
        raw.offset.get().checked_add(raw.length.get())?,
    );
    let mut buffer = vec![0; BUFFER];
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(usize::MAX).min(BUFFER);
        let part = &mut buffer[..count];
        image.memory().read(at, part).ok()?;
        take(part);
        at += u64::try_from(count).ok()?;
    }
    Some(())
}
