// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying a batch of small files.

use std::ops::Range;

use super::buffer::{Buffer, Slot, BATCH, FILES};
use super::target::{Packing, Placing};
use crate::error::Result;
use crate::num::len64;
use crate::options::Keep;
use crate::plan::classes::SMALL;
use crate::plan::contents::{Content, ContentIndex};
use crate::plan::offset::ImageOffset;
use crate::pool::InOrder;
use crate::source::Reader;
use crate::tree::node::NodeId;
use crate::write::job::Job;

/// The first bytes of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// Cuts files into batches.
pub(super) fn cut(job: Job<'_>, files: &[NodeId], packing: Packing) -> Vec<Range<usize>> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, &file) in files.iter().enumerate() {
        let room = packing.room(job.inputs.tree.size(file));
        if at - start == FILES || bytes + room > BATCH + SMALL || bytes >= BATCH {
            batches.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += room;
    }
    if start != files.len() {
        batches.push(start..files.len());
    }
    batches
}

/// Some files that follow each other.
pub(super) struct Batch<'a> {
    pub(super) job: Job<'a>,
    pub(super) files: &'a [NodeId],
    pub(super) packing: Packing,
}

/// Bytes of the buffer that go to one range of the image.
struct Run {
    offset: ImageOffset,
    range: Range<usize>,
}

impl Run {
    /// Appends a file if it follows in both the buffer and the image, and returns true if it does.
    fn extend(&mut self, offset: ImageOffset, range: &Range<usize>) -> bool {
        let follows =
            self.range.end == range.start && self.offset.after(len64(self.range.len())) == offset;
        if follows {
            self.range.end = range.end;
        }
        follows
    }
}

impl Batch<'_> {
    /// Reads and hashes the files, places them when it is `turn`, and writes those that are new.
    pub(super) fn copy(
        &self,
        reader: &mut dyn Reader<'_>,
        buffer: &mut Buffer,
        placing: &InOrder<Placing>,
        turn: usize,
    ) -> Result<()> {
        self.read(reader, buffer)?;
        let placed = placing.take(turn, |placing| self.place(buffer, placing));
        if placed.is_some() {
            self.write(buffer)?;
        }
        Ok(())
    }

    fn read(&self, reader: &mut dyn Reader<'_>, buffer: &mut Buffer) -> Result<()> {
        buffer.clear();
        for &file in self.files {
            let size = self.job.inputs.tree.size(file);
            let open = reader.open(file)?;
            buffer.read(open.as_ref(), size, self.packing.room(size))?;
            open.verify()?;
        }
        if self.job.hashes() {
            buffer.hash();
        }
        Ok(())
    }

    /// Finds the files that are new, and places them.
    fn place(&self, buffer: &mut Buffer, placing: &mut Placing) {
        let (slots, bytes) = buffer.slots_and_bytes();
        for (slot, &file) in slots.iter_mut().zip(self.files) {
            // An ELF file stays without content, and is copied again with the direct ones.
            let is_elf = bytes[slot.contents()].starts_with(ELF);
            if self.packing != Packing::Bytes || !is_elf {
                let content = self.place_one(slot, placing);
                placing.contents.assign(file, Some(content));
            }
        }
    }

    fn place_one(&self, slot: &mut Slot, placing: &mut Placing) -> ContentIndex {
        let Placing { contents, target } = placing;
        let (digest, size) = (slot.digest, slot.size());
        let mut make = || {
            let location = target.place(size);
            slot.offset = Some(location.offset());
            Content {
                digest,
                size,
                location,
            }
        };
        match self.job.inputs.options.sharing {
            Keep::Yes => contents.share(digest, make),
            Keep::No => contents.add(make()),
        }
    }

    /// Writes the files that have offsets, as many at a time as follow each other.
    fn write(&self, buffer: &Buffer) -> Result<()> {
        let mut run: Option<Run> = None;
        for slot in &buffer.slots {
            let (Some(offset), range) = (slot.offset, slot.padded()) else {
                continue;
            };
            if !run.as_mut().is_some_and(|run| run.extend(offset, &range)) {
                self.write_run(buffer, run.replace(Run { offset, range }))?;
            }
        }
        self.write_run(buffer, run)?;
        let bytes = buffer.slots.iter().map(Slot::size).sum();
        self.job.inputs.observer.advance(bytes);
        Ok(())
    }

    fn write_run(&self, buffer: &Buffer, run: Option<Run>) -> Result<()> {
        run.map_or(Ok(()), |run| {
            self.job.output.write(buffer.range(run.range), run.offset)
        })
    }
}
