// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying a batch of small files.

use std::ops::Range;

use daxfs_format::Sha256 as _;
use daxfs_image::hash::Sha256;

use super::{Job, Placing, Target};
use crate::contents::{self, Content, Digest, Place, SMALL};
use crate::error::Result;
use crate::num::{index, len64, round_up};
use crate::options::Keep;
use crate::pool::InOrder;
use crate::source::Reader;
use crate::tree::NodeId;

/// How many bytes of the image a batch is meant to take. They stay in a processor's own cache
/// between reading, hashing and writing.
const BATCH: u64 = 512 << 10;
/// The most files of a batch.
const FILES: usize = 512;

/// The first bytes of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// What a thread reads files into.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    hashes: Vec<Sha256>,
}

/// A file in the buffer.
struct Slot {
    start: usize,
    size: usize,
    digest: Digest,
    /// Where it is to be written, unless that is not to be done.
    place: Option<u64>,
}

impl Slot {
    fn contents(&self) -> Range<usize> {
        self.start..self.start + self.size
    }
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; index(BATCH + SMALL)],
            slots: Vec::with_capacity(FILES),
            hashes: Vec::with_capacity(FILES),
        }
    }

    /// All of it, for large files.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Hashes the files.
    fn hash(&mut self) {
        self.hashes.clear();
        self.hashes.resize_with(self.slots.len(), Sha256::new);
        let contents = self.slots.iter().map(|slot| &self.bytes[slot.contents()]);
        Sha256::update_all(self.hashes.iter_mut().zip(contents));
        for (slot, hash) in self.slots.iter_mut().zip(self.hashes.drain(..)) {
            slot.digest = hash.finish();
        }
    }
}

/// Cuts files into batches.
pub(super) fn cut(job: &Job<'_>, files: &[NodeId], packed: bool) -> Vec<Range<usize>> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, &file) in files.iter().enumerate() {
        let room = room(job, file, packed);
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

/// How many bytes of a buffer a file takes: packed contents follow each other as in the image.
fn room(job: &Job<'_>, file: NodeId, packed: bool) -> u64 {
    let size = job.tree.node(file).status.size;
    if packed {
        size
    } else {
        round_up(size, job.options.page.bytes())
    }
}

/// Some files that follow each other.
pub(super) struct Batch<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) files: &'a [NodeId],
    pub(super) packed: bool,
}

impl Batch<'_> {
    /// Reads and hashes the files, places them when it is `turn`, and writes those that are new.
    pub(super) fn copy(
        &self,
        reader: &mut Reader<'_>,
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

    fn read(&self, reader: &mut Reader<'_>, buffer: &mut Buffer) -> Result<()> {
        buffer.slots.clear();
        let mut start = 0;
        for &file in self.files {
            let size = index(self.job.tree.node(file).status.size);
            let end = start + index(room(self.job, file, self.packed));
            let bytes = &mut buffer.bytes[start..end];
            let (contents, tail) = bytes.split_at_mut(size);
            let open = reader.open(file)?;
            reader.read(file, &open, contents, 0)?;
            reader.verify(file, &open)?;
            tail.fill(0);
            buffer.slots.push(Slot {
                start,
                size,
                digest: Digest::default(),
                place: None,
            });
            start = end;
        }
        if contents::is_hashed(self.job.options) {
            buffer.hash();
        }
        Ok(())
    }

    /// Decides which files are new, and where they go.
    fn place(&self, buffer: &mut Buffer, placing: &mut Placing) {
        let bytes = &buffer.bytes;
        for (slot, &file) in buffer.slots.iter_mut().zip(self.files) {
            let content = &bytes[slot.contents()];
            // An ELF file stays without content, and is copied again with the direct ones.
            if !(self.packed && content.starts_with(ELF)) {
                let content = self.place_one(slot, placing);
                placing.contents.assign(file, content);
            }
        }
    }

    fn place_one(&self, slot: &mut Slot, placing: &mut Placing) -> u32 {
        let size = len64(slot.size);
        let Placing { contents, target } = placing;
        let mut make = || {
            let place = match target {
                Target::Packed(at) => {
                    let place = *at;
                    *at += size;
                    Place::Packed(place)
                }
                Target::Data(area) => Place::Direct(area.place(size)),
            };
            let (Place::Packed(at) | Place::Direct(at) | Place::Sparse(at)) = place;
            slot.place = Some(at);
            Content {
                digest: slot.digest,
                size,
                place,
            }
        };
        match self.job.options.sharing {
            Keep::Yes => contents.share(slot.digest, make),
            Keep::No => contents.add(make()),
        }
    }

    /// Writes the files that have places, as many at a time as follow each other.
    fn write(&self, buffer: &Buffer) -> Result<()> {
        let mut run: Option<(u64, Range<usize>)> = None;
        let mut bytes = 0;
        for (slot, &file) in buffer.slots.iter().zip(self.files) {
            bytes += len64(slot.size);
            let Some(place) = slot.place else {
                continue;
            };
            let end = slot.start + index(room(self.job, file, self.packed));
            run = match run {
                Some((at, range))
                    if range.end == slot.start && at + len64(range.len()) == place =>
                {
                    Some((at, range.start..end))
                }
                run => {
                    self.write_run(buffer, run)?;
                    Some((place, slot.start..end))
                }
            };
        }
        self.write_run(buffer, run)?;
        self.job.observer.advance(bytes);
        Ok(())
    }

    fn write_run(&self, buffer: &Buffer, run: Option<(u64, Range<usize>)>) -> Result<()> {
        match run {
            Some((place, range)) => self.job.output.write(&buffer.bytes[range], place),
            None => Ok(()),
        }
    }
}
