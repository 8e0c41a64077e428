// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sections as a whole: checksums, digests, and the bytes between and in them that belong to
//! nothing.

use super::report::{check_zero, report, Outcome, Sink};
use crate::digest::{RawDigestHeader, DIGEST_SIZE};
use crate::error::{digest_value, Error, Finding, Object};
use crate::hash::{Sha256, Xxh64};
use crate::image::Image;
use crate::kinds::SectionKind;
use crate::memory::{for_each_chunk, read_struct, Memory};
use crate::num::{from_usize, to_usize};
use crate::rule::Rule;
use crate::section::RawSection;
use crate::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};

/// Compares the XXH64 of every section that states one, also of unknown kinds, with the section
/// table in `superblock`, which is the copy that the image was opened with. Reads through `buffer`.
///
/// # Errors
/// [`Stop`](super::Stop) if the check could not be completed.
pub fn verify_checksums<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    for hashed in hashed_sections(superblock) {
        let mut hash = X::new();
        hashed.read(image.memory(), buffer, |chunk| hash.update(chunk))?;
        let stated = hashed.raw.xxh64.get();
        if hash.finish() != stated {
            report(sink, hashed.finding(Rule::SectionChecksum, stated))?;
        }
    }
    Ok(())
}

/// Compares the SHA-256 of every section that states one, as [`verify_checksums`] does.
///
/// # Errors
/// [`Stop`](super::Stop) if the check could not be completed.
pub fn verify_section_digests<S: Sha256, M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    for hashed in hashed_sections(superblock) {
        let mut hash = S::new();
        hashed.read(image.memory(), buffer, |chunk| hash.update(chunk))?;
        let stated = &hashed.raw.sha256;
        if hash.finish() != *stated {
            let value = digest_value(stated);
            report(sink, hashed.finding(Rule::SectionDigest, value))?;
        }
    }
    Ok(())
}

/// A section whose hashes the table states.
struct HashedSection<'a> {
    index: u32,
    raw: &'a RawSection,
    offset: u64,
    length: u64,
}

impl HashedSection<'_> {
    /// Passes all of its bytes to `take`, through `buffer`.
    fn read<M: Memory>(&self, memory: &M, buffer: &mut [u8], take: impl FnMut(&[u8])) -> Outcome {
        Ok(for_each_chunk(
            memory,
            self.offset,
            self.length,
            buffer,
            take,
        )?)
    }

    fn finding(&self, rule: Rule, value: u64) -> Finding {
        let kind = SectionKind::from_number(self.raw.kind.get());
        let object = kind.map_or(Object::SectionEntry(self.index), Object::Section);
        Finding::new(object, self.offset, rule, value)
    }
}

fn hashed_sections(superblock: &SuperblockCopy) -> impl Iterator<Item = HashedSection<'_>> {
    let entries = (0..=u32::MAX).zip(superblock.sections());
    entries
        .filter(|(_, (_, raw))| raw.flags.get() & RawSection::HASHED != 0)
        .map(|(index, (_, raw))| {
            let (offset, length) = (raw.offset.get(), raw.length.get());
            HashedSection {
                index,
                raw,
                offset,
                length,
            }
        })
}

/// Checks that the bytes between sections, and after the last one, are zero.
pub(super) fn check_gaps<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let gap = (Object::Gap, Rule::Padding);
    let mut end = from_usize(SUPERBLOCK_SIZE);
    for (_, raw) in superblock.sections() {
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

/// Checks that the section holds a digest for each of the `contents`, and nothing else.
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
    if let Err(Error::Corrupt(finding) | Error::Unsupported(finding)) = header.validate(offset) {
        report(sink, finding)?;
    }
    let slots = length.checked_div(DIGEST_SIZE).unwrap_or_default();
    if slots.saturating_sub(1) != u64::from(contents) {
        report(
            sink,
            Finding::new(object, offset, Rule::DigestCount, length),
        )?;
    }
    Ok(())
}

/// Checks that the pages of the data section that hold no content are zero. `pages` is the map that
/// [`check_rules`](super::check_rules) has left in its scratch memory.
///
/// # Errors
/// [`Stop`](super::Stop) if the check could not be completed.
pub fn check_data_padding<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    pages: &[u64],
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let (data, length) = image.superblock().sections().range(SectionKind::Data);
    let shift = image.superblock().page_shift();
    let count = length.checked_shr(shift).unwrap_or_default();
    // A page that the map lacks counts as used.
    let used = |index: u64| pages.get(to_usize(index)).copied().unwrap_or(u64::MAX);
    let unused = |index: u64| !used(index);
    let offset_of = |page: u64| data.saturating_add(page.checked_shl(shift).unwrap_or_default());
    let mut page = 0;
    while page < count {
        let free = first_set(unused, page, count);
        page = first_set(used, free, count);
        let range = (offset_of(free), offset_of(page));
        check_zero(image, range, (Object::Gap, Rule::Padding), buffer, sink)?;
    }
    Ok(())
}

/// The first bit from `start` on, before `end`, that is set in words of 64 bits; `end` if none is.
/// Asks for each word once. It reads no memory, so it needs no point at which a caller could
/// reschedule.
fn first_set(mut word: impl FnMut(u64) -> u64, start: u64, end: u64) -> u64 {
    let mut at = start;
    while at < end {
        let ahead = word(at >> 6).wrapping_shr(u32::try_from(at & 63).unwrap_or_default());
        if ahead != 0 {
            return at.saturating_add(ahead.trailing_zeros().into()).min(end);
        }
        at = (at | 63).saturating_add(1);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::first_set;

    /// Maps of a few runs: the bit is the one that a look at each finds, and no word is read twice.
    #[test]
    fn the_first_bit_that_is_set_is_found_a_word_at_a_time() {
        for (first, last) in [
            (0, 0),
            (0, 63),
            (1, 64),
            (63, 65),
            (64, 127),
            (130, 190),
            (191, 191),
        ] {
            let is_set = |bit: u64| (first..=last).contains(&bit);
            let word = |index: u64| {
                (0..64).fold(0, |word, bit| {
                    word | u64::from(is_set(index * 64 + bit)) << bit
                })
            };
            for start in 0..192 {
                for end in [start, start + 1, 64, 100, 128, 192] {
                    let mut words = 0;
                    let found = first_set(
                        |index| {
                            words += 1;
                            word(index)
                        },
                        start,
                        end,
                    );
                    let one_by_one = (start..end).find(|&bit| is_set(bit)).unwrap_or(end);
                    assert_eq!(found, one_by_one, "{first}..={last} from {start} to {end}");
                    let reached = found.max(start).min(end.saturating_sub(1)) / 64;
                    assert!(
                        words <= reached.saturating_sub(start / 64) + 1,
                        "{words} words"
                    );
                }
            }
        }
    }
}
