// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants of the reference image drawn by a seed and a number, for runs that cannot try all of
//! them: a kernel takes milliseconds for each.
//!
//! The first numbers are the named classes. The others are random: one field or two take another
//! value, mostly in the metadata, and then everything is sealed, so that the change is found by the
//! rule that it breaks and not by a checksum.

use std::ops::Range;

use daxfs_test_random::Random;

use crate::classes::{all, Class};
use crate::examine::Examiner;
use crate::mutate::{contents_of, interesting, words};
use crate::num::to_usize;
use crate::reference::reference;
use crate::seal::seal_superblock;

/// An image that breaks a rule, or by chance does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The class or the changes, for reports.
    pub name: String,
    /// The image. It ends where its memory ends.
    pub bytes: Vec<u8>,
}

/// A source of mutants.
pub struct Drawer {
    reference: Vec<u8>,
    classes: Vec<&'static Class>,
    /// Offsets of fields: superblock, entries of the section table in use, metadata sections.
    fields: Vec<usize>,
    /// All offsets outside the contents of files.
    outside: Vec<usize>,
    interesting: Vec<u64>,
}

/// Offsets of the superblock's fields before the section table.
const HEADER: Range<usize> = 0..192;
const ENTRY: usize = 64;

impl Default for Drawer {
    fn default() -> Self {
        let reference = reference();
        let contents = contents_of(&reference);
        let outside = (0..reference.len()).filter(|&at| !contents[at]).collect();
        Self {
            fields: fields(&reference),
            interesting: interesting(&reference),
            // A mount cannot ask for an empty memory.
            classes: all().filter(|class| class.name != "memory-empty").collect(),
            outside,
            reference,
        }
    }
}

/// Returns the offsets of all fields of an image.
fn fields(image: &[u8]) -> Vec<usize> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let sections: Vec<_> = opened.superblock().sections().iter().collect();
    let table = HEADER.end..HEADER.end + ENTRY * sections.len();
    let mut fields: Vec<_> = HEADER.chain(table).collect();
    for section in sections.iter().filter(|section| section.kind.is_metadata()) {
        fields.extend(to_usize(section.offset)..to_usize(section.end()));
    }
    fields
}

impl Drawer {
    /// The number of classes, which have the first numbers.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Returns the mutant with this number in the sequence of a seed.
    #[must_use]
    pub fn draw(&self, seed: u64, number: u64) -> Mutant {
        let class = usize::try_from(number)
            .ok()
            .and_then(|index| self.classes.get(index));
        if let Some(class) = class {
            let name = class.name.to_owned();
            let bytes = class.build().bytes;
            return Mutant { name, bytes };
        }
        let mut random = Random::numbered(seed, number);
        let mut bytes = self.reference.clone();
        let mut name = String::new();
        for _ in 0..1 + random.below(4) / 3 {
            let (at, value) = self.change(&mut random, &bytes);
            name.push_str(&format!("{at:#x} = {value:02x?} "));
            bytes[at..at + value.len()].copy_from_slice(&value);
        }
        Mutant {
            name,
            bytes: sealed(bytes, &self.reference),
        }
    }

    /// Returns an offset, and another value for the bytes there.
    fn change(&self, random: &mut Random, bytes: &[u8]) -> (usize, Vec<u8>) {
        let among = if random.below(8) == 0 {
            &self.outside
        } else {
            &self.fields
        };
        let at = *random.pick(among);
        let width = *random.pick(&[1, 1, 2, 4, 8]);
        let at = at / width * width;
        let old = &bytes[at..at + width];
        if width == 1 {
            let other = 1 + u8::try_from(random.below(255)).unwrap_or(0);
            return (at, vec![old[0].wrapping_add(other)]);
        }
        (at, random.pick(&words(old, &self.interesting)).clone())
    }
}

/// Seals an image. If that undoes the mutation, which was in a checksum, seals the superblock only.
fn sealed(bytes: Vec<u8>, reference: &[u8]) -> Vec<u8> {
    let mut whole = bytes.clone();
    daxfs_image::seal::seal(&mut whole);
    if whole != reference {
        return whole;
    }
    let mut bytes = bytes;
    seal_superblock(&mut bytes);
    bytes
}
