// SPDX-License-Identifier: MIT OR Apache-2.0
//! The records of attribute sets and digests.

use std::io;

use daxfs_image::format::digest::{RawDigestHeader, DIGEST_SIZE};
use daxfs_image::format::xattr::{
    RawXattr, RawXattrHeader, RawXattrSet, HEADER_SIZE, SET_SIZE, XATTR_SIZE,
};
use daxfs_image::format::{Error, Image, Memory, SectionKind, Xxh64};

use super::inodes::{read_raw, Interrupted};
use super::record::Dump;

/// Writes all attribute sets. Faults of the memory go to `faults`.
///
/// # Errors
/// Those of the output.
pub fn dump_xattrs<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    dump: &mut Dump<'_>,
    faults: &mut Vec<Error>,
) -> io::Result<()> {
    let Some(section) = image.superblock().sections().get(SectionKind::Xattrs) else {
        return Ok(());
    };
    let mut xattrs = Xattrs {
        memory: image.memory(),
        start: section.offset,
        length: section.length,
        dump,
        end: 0,
    };
    keep_fault(xattrs.write(), faults)
}

/// Writes all digests. Faults of the memory go to `faults`.
///
/// # Errors
/// Those of the output.
pub fn dump_digests<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    dump: &mut Dump<'_>,
    faults: &mut Vec<Error>,
) -> io::Result<()> {
    let Some(section) = image.superblock().sections().get(SectionKind::Digests) else {
        return Ok(());
    };
    keep_fault(
        write_digests(image.memory(), (section.offset, section.length), dump),
        faults,
    )
}

fn keep_fault(result: Result<(), Interrupted>, faults: &mut Vec<Error>) -> io::Result<()> {
    if let Err(error) = result {
        faults.push(error.into_fault()?);
    }
    Ok(())
}

fn write_digests<M: Memory>(
    memory: &M,
    (start, length): (u64, u64),
    dump: &mut Dump<'_>,
) -> Result<(), Interrupted> {
    let header: RawDigestHeader = read_raw(memory, start)?;
    let record = dump
        .record("digests")
        .number("algorithm", header.algorithm.get())
        .number("block_size", header.block_size.get())
        .nonzero_bytes("reserved_8", &header.reserved_8);
    dump.write(record)?;
    for content in 1..length / DIGEST_SIZE {
        let at = start.saturating_add(content.saturating_mul(DIGEST_SIZE));
        let digest: [u8; 32] = read_raw(memory, at)?;
        let record = dump
            .record("digest")
            .number("content", content)
            .hex("digest", &digest);
        dump.write(record)?;
    }
    Ok(())
}

struct Xattrs<'a, 'd, M> {
    memory: &'a M,
    /// The offset of the section in the image, and its length.
    start: u64,
    length: u64,
    dump: &'a mut Dump<'d>,
    /// The end of the last set, in bytes from the start of the section. Sets that begin before it
    /// are not printed: overlapping ones could make the dump quadratic in the image.
    end: u64,
}

impl<M: Memory> Xattrs<'_, '_, M> {
    fn write(&mut self) -> Result<(), Interrupted> {
        if self.length < HEADER_SIZE {
            return Ok(());
        }
        let header: RawXattrHeader = read_raw(self.memory, self.start)?;
        let record = self
            .dump
            .record("xattrs")
            .number("count", header.count.get());
        self.dump
            .write(record.nonzero_bytes("reserved_4", &header.reserved_4))?;
        let room = (self.length - HEADER_SIZE) / SET_SIZE;
        for number in 1..=u64::from(header.count.get()).min(room) {
            self.set(number)?;
        }
        Ok(())
    }

    fn at(&self, offset: u64) -> u64 {
        self.start.saturating_add(offset)
    }

    fn set(&mut self, number: u64) -> Result<(), Interrupted> {
        let slot = HEADER_SIZE.saturating_add((number - 1).saturating_mul(SET_SIZE));
        let raw: RawXattrSet = read_raw(self.memory, self.at(slot))?;
        let (offset, length) = (u64::from(raw.offset.get()), u64::from(raw.length.get()));
        let record = self.dump.record("xattr_set");
        let record = record.number("set", number).number("offset", offset);
        self.dump.write(record.number("length", length))?;
        let end = offset.saturating_add(length);
        if offset < self.end || end > self.length {
            return Ok(());
        }
        self.end = end;
        let mut at = offset;
        while let Some(next) = self.attribute(number, at, end)? {
            at = next;
        }
        Ok(())
    }

    /// Writes the attribute at `at` of a set that ends at `end`, and returns the offset of the next
    /// one.
    fn attribute(&mut self, set: u64, at: u64, end: u64) -> Result<Option<u64>, Interrupted> {
        let name_at = at.saturating_add(XATTR_SIZE);
        if name_at > end {
            return Ok(None);
        }
        let raw: RawXattr = read_raw(self.memory, self.at(at))?;
        let record = self.dump.record("xattr").number("set", set);
        let record = record
            .number("namespace", raw.namespace)
            .nonzero("reserved_6", raw.reserved_6.get());
        let (name_length, value_length) = (raw.name_length, raw.value_length.get());
        let value_at = name_at.saturating_add(name_length.into());
        let value_end = value_at.saturating_add(value_length.into());
        if value_end > end {
            let record = record.number("name_length", name_length);
            self.dump
                .write(record.number("value_length", value_length))?;
            return Ok(None);
        }
        let mut name = vec![0; usize::from(name_length)];
        self.memory.read(self.at(name_at), &mut name)?;
        let mut value = vec![0; usize::try_from(value_length).unwrap_or(0)];
        self.memory.read(self.at(value_at), &mut value)?;
        self.dump
            .write(record.bytes("name", &name).bytes("value", &value))?;
        Ok(Some(value_end.next_multiple_of(8)))
    }
}
