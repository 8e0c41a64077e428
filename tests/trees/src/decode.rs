// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees encoded in bytes: any bytes encode one, and bytes that differ little encode trees that
//! differ little. Missing bytes are zero.

use std::collections::BTreeMap;

use crate::random::{Node, RandomTree, Shape, UNITS};
use crate::record::Kind;

/// Decodes a tree of at most so many entries.
pub fn decode(bytes: &[u8], most: usize) -> RandomTree {
    let mut bytes = Bytes(bytes);
    let (mtime, mode) = (bytes.mtime(), bytes.mode());
    let mut nodes = Vec::new();
    while nodes.len() < most && !bytes.0.is_empty() {
        nodes.push(bytes.node());
    }
    RandomTree::of(&nodes, mtime, mode)
}

/// The bytes that are left.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn number(&mut self, below: u64) -> u64 {
        (u64::from(self.byte()) | u64::from(self.byte()) << 8) % below
    }

    fn node(&mut self) -> Node {
        let parent = usize::from(self.byte());
        let (name, shape) = (self.name(), self.shape());
        Node {
            parent,
            name,
            shape,
            mode: self.mode(),
            owner: (u32::from(self.byte()), u32::from(self.byte()) << 8),
            mtime: self.mtime(),
            user: self.attributes(),
            trusted: self.attributes(),
        }
    }

    fn mode(&mut self) -> u32 {
        u32::from(self.byte()) << 8 & 0o7000 | u32::from(self.byte()) << 1
    }

    /// Times that file systems with 34 bits for seconds can hold.
    fn mtime(&mut self) -> (i64, i64) {
        let (seconds, nanoseconds) = (self.number(1 << 16), self.number(1 << 16));
        let seconds = i64::try_from(seconds << 17).unwrap_or_default() - (1 << 31);
        (
            seconds,
            i64::try_from(nanoseconds * 15_258).unwrap_or_default(),
        )
    }

    /// Mostly short names, so that some are equal.
    fn name(&mut self) -> Vec<u8> {
        let length = match self.byte() {
            long @ 250.. => usize::from(long) - 10,
            short => usize::from(short % 3) + 1,
        };
        let mut name: Vec<u8> = std::iter::repeat_with(|| self.byte())
            .take(length)
            .collect();
        for byte in &mut name {
            *byte = match *byte {
                0 => b'0',
                b'/' => b'_',
                other => other,
            };
        }
        match &name[..] {
            b"." | b".." => b"dots".to_vec(),
            _ => name,
        }
    }

    fn shape(&mut self) -> Shape {
        let device = [Kind::CharDevice, Kind::BlockDevice];
        match self.byte() % 16 {
            0..=4 => Shape::Regular {
                size: self.size(),
                seed: self.byte() % 3,
            },
            5..=7 => Shape::Directory,
            8 | 9 => Shape::Sparse {
                unit: UNITS[usize::from(self.byte()) % UNITS.len()],
                units: (0..=self.byte() % 40)
                    .map(|_| self.byte() % 2 == 1)
                    .collect(),
                rest: self.number(4096),
                seed: self.byte() % 3,
            },
            10 | 11 => Shape::Symlink(self.target()),
            12 => Shape::Device(
                device[usize::from(self.byte() % 2)],
                [0x0103, 0x0801, 0xf_ffff][usize::from(self.byte() % 3)],
            ),
            13 => Shape::Pipe([Kind::Fifo, Kind::Socket][usize::from(self.byte() % 2)]),
            _ => Shape::Link(self.byte().into()),
        }
    }

    /// Every class of size that a builder treats in a way of its own.
    fn size(&mut self) -> u64 {
        match self.byte() {
            0..=31 => 0,
            32..=127 => self.number(5000),
            128..=191 => 4090 + self.number(20),
            192..=251 => 5000 + self.number(60_000),
            252.. => (2 << 20) - 2 + self.number(5000),
        }
    }

    fn target(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()) + 1;
        let bytes = std::iter::repeat_with(|| self.byte().max(1));
        bytes.take(length).collect()
    }

    fn attributes(&mut self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let count = self.byte() % 3;
        let attribute = |_| {
            let (name, length) = (self.name(), self.byte() % 40);
            (name, (0..length).map(|_| self.byte()).collect())
        };
        (0..count).map(attribute).collect()
    }
}
