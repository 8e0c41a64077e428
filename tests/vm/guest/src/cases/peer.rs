// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hostile peer: a kernel that writes over an image while another one has it mounted.
//!
//! It needs no module: it stores through the BAR of the device. Where it stores and what is chosen
//! at random, but not evenly: mostly into metadata, often at the beginning of a section, and mostly
//! values that are near what a reader expects.

use std::mem::{offset_of, size_of};
use std::time::Instant;

use anyhow::{Context, Result};
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::{RawInode, SectionKind};
use daxfs_test_random::Random;
use daxfs_vm_protocol::words::{hostile_peer, IMAGE_BAR};

use super::Case;
use crate::control::{Command, Control};
use crate::image::MOUNT;
use crate::shared::Bar;
use crate::sys::{self, Map};

pub(super) const CASES: &[Case] = &[("scribbling", scribble)];

/// Returns the word that fills the memory behind the image, which no reader may ever see. This
/// program is in the image, so it holds the complement only.
pub(super) fn canary() -> u64 {
    !std::hint::black_box(0x6b1d_c0de_5afe_0f1e)
}

/// The length in bytes of the beginning of a section that is changed often.
const HOT: u64 = 4096;

/// The offsets in bytes of two fields of an inode: size and data offset of its file.
const WORDS: [usize; 2] = [offset_of!(RawInode, size), offset_of!(RawInode, offset)];

/// The maximal number of times that a word is changed and changed back.
const FLICKERS: u64 = 600;

fn scribble() -> Result<()> {
    // This guest only writes to the image.
    sys::unmount(MOUNT, 0)?;
    let control = Control::open()?;
    let seed = u64::from(std::process::id()) ^ crate::settings::seed();
    let mut peer = Peer::new(Bar::nth(IMAGE_BAR)?.map()?, seed)?;
    control.step(hostile_peer::BEGIN)?;
    let start = Instant::now();
    let mut command = Command::Restore;
    while command != Command::End {
        if let Some((word, new)) = control.news() {
            if matches!(new, Command::Restore | Command::End) {
                peer.restore();
            }
            command = new;
            control.answer(word);
        }
        match command {
            Command::Flicker => peer.flicker(),
            Command::Damage => peer.damage(),
            Command::Restore | Command::End => std::thread::yield_now(),
        }
    }
    println!(
        "{} words changed for good, {} words changed and changed back {} times, {} restores in {} s, seed {seed}",
        peer.damaged,
        peer.flickered,
        peer.flickers,
        peer.restores,
        start.elapsed().as_secs()
    );
    control.step(hostile_peer::END)
}

/// A part of the image.
#[derive(Clone, Copy)]
struct Part {
    start: u64,
    length: u64,
}

/// A word of the image.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    width: usize,
}

struct Peer {
    memory: Map,
    image: Vec<u8>,
    metadata: Vec<Part>,
    contents: Vec<Part>,
    inodes: Part,
    interesting: Vec<u64>,
    random: Random,
    damaged: u64,
    flickered: u64,
    flickers: u64,
    restores: u64,
    /// Words outside the metadata that are not what they were.
    touched: Vec<Place>,
}

impl Peer {
    fn new(memory: Map, seed: u64) -> Result<Self> {
        let mut superblock = SuperblockCopy::zeroed();
        superblock
            .fill(&memory.copy(0, 4096)?[..])
            .context("no superblock")?;
        let size = superblock.raw().image_size.get();
        let image = memory.copy(0, usize::try_from(size)?)?;
        let mut metadata = vec![Part {
            start: 0,
            length: 192,
        }];
        let (mut contents, mut inodes) = (Vec::new(), None);
        for (entry, section) in superblock.sections() {
            let part = Part {
                start: section.offset.get(),
                length: section.length.get(),
            };
            if section.kind.get() == SectionKind::Inodes.number() {
                inodes = Some(part);
            }
            if section.kind.get() < 256 {
                metadata.push(part);
            } else {
                contents.push(part);
            }
            // The entry of the table is metadata too.
            metadata.push(Part {
                start: entry,
                length: 64,
            });
        }
        let mut peer = Self {
            interesting: interesting(size, &metadata, &contents),
            memory,
            image,
            metadata,
            contents,
            inodes: inodes.context("no inodes")?,
            random: Random::new(seed),
            damaged: 0,
            flickered: 0,
            flickers: 0,
            restores: 0,
            touched: Vec::new(),
        };
        peer.fill_rest();
        Ok(peer)
    }

    /// Puts canaries behind the image.
    fn fill_rest(&mut self) {
        let end = self.memory.length();
        for offset in (self.image.len().next_multiple_of(8)..end).step_by(8) {
            self.store(Place { offset, width: 8 }, canary());
        }
    }

    fn restore(&mut self) {
        let metadata = self.metadata.iter();
        let end = metadata.map(|part| part.start + part.length).max();
        let end = usize::try_from(end.unwrap_or(0)).unwrap_or(0);
        for offset in (0..end.next_multiple_of(8)).step_by(8) {
            self.put_back(Place { offset, width: 8 });
        }
        for place in std::mem::take(&mut self.touched) {
            self.put_back(place);
        }
        self.restores += 1;
    }

    fn put_back(&self, place: Place) {
        self.store(place, self.original(place));
    }

    /// Returns the bytes of the image there.
    fn original(&self, place: Place) -> u64 {
        let bytes = self.image.get(place.offset..place.offset + place.width);
        let mut word = [0; 8];
        word[..place.width].copy_from_slice(bytes.unwrap_or(&[0; 8][..place.width]));
        u64::from_le_bytes(word)
    }

    fn flicker(&mut self) {
        let place = self.place();
        let (good, bad) = (self.original(place), self.value(place));
        for _ in 0..self.random.below(FLICKERS) {
            self.store(place, bad);
            self.pause();
            self.store(place, good);
            self.pause();
            self.flickers += 1;
        }
        self.flickered += 1;
    }

    fn damage(&mut self) {
        let place = self.place();
        let value = self.value(place);
        self.store(place, value);
        self.touched.push(place);
        self.damaged += 1;
        for _ in 0..self.random.below(40) {
            self.pause();
        }
    }

    fn pause(&mut self) {
        for _ in 0..self.random.below(100) {
            std::hint::spin_loop();
        }
    }

    /// Returns the size or the data offset of one of the first inodes.
    fn extent_of_file(&mut self) -> Place {
        let hot = usize::try_from(self.inodes.length.min(HOT)).unwrap_or(0);
        let inode = self.random.index(hot / size_of::<RawInode>()) * size_of::<RawInode>();
        let start = usize::try_from(self.inodes.start).unwrap_or(0);
        Place {
            offset: start + inode + *self.random.pick(&WORDS),
            width: 8,
        }
    }

    /// A word of the image, aligned to its width.
    fn place(&mut self) -> Place {
        if self.random.below(8) == 0 {
            return self.extent_of_file();
        }
        let width = *self.random.pick(&[1_u64, 2, 4, 4, 4, 8, 8, 8]);
        let is_content = self.random.below(16) == 0;
        let parts = if is_content {
            &self.contents
        } else {
            &self.metadata
        };
        let part = *self.random.pick(parts);
        let length = if self.random.below(2) == 0 {
            part.length.min(HOT)
        } else {
            part.length
        };
        let offset = (part.start + self.random.below(length)) / width * width;
        let limit = u64::try_from(self.image.len()).unwrap_or(0) - width;
        Place {
            offset: usize::try_from(offset.min(limit)).unwrap_or(0),
            width: usize::try_from(width).unwrap_or(1),
        }
    }

    /// Returns a harmful value for a word.
    fn value(&mut self, place: Place) -> u64 {
        let old = self.original(place);
        let near = |places: i64| {
            let width = i64::try_from(place.width).unwrap_or(0);
            let offset = i64::try_from(place.offset).unwrap_or(0) + places * width;
            usize::try_from(offset).map_or(0, |offset| self.original(Place { offset, ..place }))
        };
        let (next, before, later) = (near(1), near(-1), near(16));
        match self.random.below(14) {
            0 => 0,
            1 => u64::MAX,
            2 => old.wrapping_add(1),
            3 => old.wrapping_sub(1),
            4 => old ^ 1 << self.random.below(64),
            5 => next,
            6 => before,
            7 => later,
            8 => old.wrapping_add(4096 << self.random.below(12)),
            9 => self.random.any(),
            10 => self.behind(),
            11 => self.behind().wrapping_sub(next),
            _ => *self.random.pick(&self.interesting),
        }
    }

    /// Returns the offset of a page behind the image that the kernel may have mapped.
    fn behind(&mut self) -> u64 {
        let end = self.image.len().next_multiple_of(4096);
        u64::try_from(end).unwrap_or(0) + 4096 * self.random.below(64)
    }

    fn store(&self, place: Place, value: u64) {
        let Place { offset, width } = place;
        assert!(offset + width <= self.memory.length(), "outside the memory");
        // SAFETY: The word lies in the map, as just checked.
        let to = unsafe { self.memory.address().add(offset) };
        let [a, b, c, d, ..] = value.to_le_bytes();
        // A word is stored at once, as by a real writer.
        match width {
            1 => {
                // SAFETY: The byte lies in the map, which is writable, and no reference to it
                // exists.
                unsafe { to.write_volatile(a) };
            }
            2 => {
                let value = u16::from_le_bytes([a, b]);
                // SAFETY: The word lies in the map, which is writable; it is aligned, since offsets
                // are multiples of the width, and no reference to it exists.
                unsafe { to.cast::<u16>().write_volatile(value) };
            }
            4 => {
                let value = u32::from_le_bytes([a, b, c, d]);
                // SAFETY: The word lies in the map, which is writable; it is aligned, since offsets
                // are multiples of the width, and no reference to it exists.
                unsafe { to.cast::<u32>().write_volatile(value) };
            }
            _ => {
                // SAFETY: The word lies in the map, which is writable; it is aligned, since offsets
                // are multiples of the width, and no reference to it exists.
                unsafe { to.cast::<u64>().write_volatile(value) };
            }
        }
    }
}

/// Values at which readers decide: limits, and what this image has.
fn interesting(size: u64, metadata: &[Part], contents: &[Part]) -> Vec<u64> {
    let mut values = vec![
        1,
        2,
        15,
        16,
        17,
        63,
        64,
        65,
        254,
        255,
        256,
        4094,
        4095,
        4096,
        4097,
        65535,
        65536,
        (2 << 20) - 1,
        2 << 20,
        (2 << 20) + 1,
        i64::MAX.unsigned_abs(),
        1 << 63,
        1 << 31,
        (1 << 31) - 1,
        1 << 32,
        (1 << 32) - 1,
        u64::MAX - 4095,
        u64::MAX - 1,
        size,
        size - 1,
        size + 1,
        size - 4096,
    ];
    for part in metadata.iter().chain(contents) {
        values.extend([
            part.start,
            part.length,
            part.start + part.length,
            part.length + 1,
        ]);
    }
    values
}
