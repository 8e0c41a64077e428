// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sections as a whole: checksums, digests, and the bytes between and in them that nothing owns.

use core::mem::size_of;

use super::{check_zero, report, Outcome, Sink};
use crate::digest::{RawDigestHeader, ALGORITHM_SHA256, BLOCK_WHOLE, DIGEST_SIZE};
use crate::error::{Finding, Object};
use crate::hash::{Sha256, Xxh64};
use crate::image::Image;
use crate::memory::{for_each_chunk, read_struct, Memory};
use crate::num::{from_usize, to_usize};
use crate::rule::Rule;
use crate::section::{RawSection, SectionKind};
use crate::superblock::{MAX_SECTIONS, SUPERBLOCK_SIZE};

/// Compares the XXH64 of every metadata section with the section table, reading through `buffer`.
///
/// # Errors
/// [`Stop`](super::Stop) when the check could not be completed.
pub fn verify_checksums<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    for section in image.superblock().sections().iter() {
        let Some(hashes) = section.hashes else {
            continue;
        };
        let mut hash = X::new();
        for_each_chunk(
            image.memory(),
            section.offset,
            section.length,
            buffer,
            |chunk| {
                hash.update(chunk);
            },
        )?;
        let value = hash.finish();
        if value != hashes.xxh64 {
            let (object, offset) = (Object::Section(section.kind), section.offset);
            report(
                sink,
                Finding {
                    object,
                    offset,
                    rule: Rule::SectionChecksum,
                    value,
                },
            )?;
        }
    }
    Ok(())
}

/// Compares the SHA-256 of every metadata section with the section table, reading through `buffer`.
/// A finding's value is the first eight bytes of the digest that was found, as a big-endian number.
///
/// # Errors
/// [`Stop`](super::Stop) when the check could not be completed.
pub fn verify_section_digests<S: Sha256, M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    for section in image.superblock().sections().iter() {
        let Some(hashes) = section.hashes else {
            continue;
        };
        let mut hash = S::new();
        for_each_chunk(
            image.memory(),
            section.offset,
            section.length,
            buffer,
            |chunk| {
                hash.update(chunk);
            },
        )?;
        let digest = hash.finish();
        if digest != hashes.sha256 {
            let (object, offset) = (Object::Section(section.kind), section.offset);
            let value = digest
                .first_chunk()
                .map_or(0, |first| u64::from_be_bytes(*first));
            report(
                sink,
                Finding {
                    object,
                    offset,
                    rule: Rule::SectionDigest,
                    value,
                },
            )?;
        }
    }
    Ok(())
}

/// The bytes between sections, and after the last one, are zero.
pub(super) fn check_gaps<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let gap = (Object::Gap, Rule::Padding);
    let mut end = from_usize(SUPERBLOCK_SIZE);
    let table = SUPERBLOCK_SIZE
        .saturating_sub(64)
        .saturating_sub(MAX_SECTIONS.saturating_mul(64));
    let entries = (from_usize(table)..)
        .step_by(size_of::<RawSection>())
        .take(MAX_SECTIONS);
    for at in entries {
        // The table is read again because sections of unknown kinds count too. It was validated when
        // the image was opened; if it has changed since, some other bytes are looked at.
        let raw: RawSection = read_struct(image.memory(), at)?;
        if raw.is_zero() {
            break;
        }
        check_zero(image, (end, raw.offset.get()), gap, buffer, sink)?;
        end = raw.offset.get().saturating_add(raw.length.get());
    }
    check_zero(
        image,
        (end, image.superblock().image_size()),
        gap,
        buffer,
        sink,
    )
}

/// There is a digest for each of the `contents`, and nothing else in the section.
pub(super) fn check_digests<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    contents: u32,
    sink: &mut Sink<'_>,
) -> Outcome {
    let object = Object::Section(SectionKind::Digests);
    let (offset, length) = image.superblock().sections().range(SectionKind::Digests);
    if length == 0 {
        return Ok(());
    }
    let header: RawDigestHeader = read_struct(image.memory(), offset)?;
    let (algorithm, block) = (header.algorithm.get(), header.block_size.get());
    let known = algorithm == ALGORITHM_SHA256 && block == BLOCK_WHOLE;
    if !known || header.reserved_8 != [0; 24] {
        let (rule, value) = (Rule::DigestHeader, algorithm.into());
        report(
            sink,
            Finding {
                object,
                offset,
                rule,
                value,
            },
        )?;
    }
    let value = length
        .checked_div(DIGEST_SIZE)
        .unwrap_or_default()
        .saturating_sub(1);
    if value != u64::from(contents) {
        report(
            sink,
            Finding {
                object,
                offset,
                rule: Rule::DigestCount,
                value,
            },
        )?;
    }
    Ok(())
}

/// The pages of the data section that hold no content are zero. `pages` is the map that
/// [`check_structure`](super::check_structure) has left in its scratch memory.
///
/// # Errors
/// [`Stop`](super::Stop) when the check could not be completed.
pub fn check_data_padding<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    pages: &[u64],
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let (data, length) = image.superblock().sections().range(SectionKind::Data);
    let shift = image.superblock().page_shift();
    let count = length.checked_shr(shift).unwrap_or_default();
    let is_used = |page: u64| {
        let word = pages.get(to_usize(page >> 6)).copied().unwrap_or(u64::MAX);
        word.wrapping_shr(u32::try_from(page & 63).unwrap_or_default()) & 1 == 1
    };
    let offset_of = |page: u64| data.saturating_add(page.checked_shl(shift).unwrap_or_default());
    for page in (0..count).filter(|&page| !is_used(page)) {
        let range = (offset_of(page), offset_of(page.saturating_add(1)));
        check_zero(image, range, (Object::Gap, Rule::Padding), buffer, sink)?;
    }
    Ok(())
}
