// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scratch memory of a check: the stated size is enough, and a smaller one is refused.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::ops::ControlFlow;

use daxfs_format::check::{self, Outcome, Scratch, ScratchSize, Stop};
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::Image;
use daxfs_hostile::reference::reference;
use daxfs_image::hash::Xxh64;

/// The lengths of the parts, in elements.
#[derive(Clone, Copy)]
struct Lengths {
    links: usize,
    owners: usize,
    acls: usize,
    pages: usize,
    buffer: usize,
}

impl Lengths {
    fn of(size: ScratchSize) -> Self {
        Self {
            links: size.inodes,
            owners: size.inodes,
            acls: size.sets,
            pages: size.page_words,
            buffer: Scratch::BUFFER,
        }
    }

    fn bytes(self) -> usize {
        4 * (self.links + self.owners) + 2 * self.acls + 8 * self.pages
    }
}

/// Checks the reference image in scratch memory of these lengths, filled with ones.
fn check_in(lengths: impl FnOnce(ScratchSize) -> Lengths) -> Outcome {
    let bytes = reference();
    let mut copy = SuperblockCopy::zeroed();
    let image = Image::<_, Xxh64>::open(&bytes[..], &mut copy).unwrap();
    let lengths = lengths(ScratchSize::of(&image));
    let mut scratch = Scratch {
        links: &mut vec![u32::MAX; lengths.links],
        owners: &mut vec![u32::MAX; lengths.owners],
        acls: &mut vec![u16::MAX; lengths.acls],
        pages: &mut vec![u64::MAX; lengths.pages],
        buffer: &mut vec![u8::MAX; lengths.buffer],
    };
    let mut findings = Vec::new();
    let mut sink = |finding| {
        findings.push(finding);
        ControlFlow::Continue(())
    };
    let outcome = check::check_rules(&image, &copy, &mut scratch, &mut sink);
    assert!(findings.is_empty(), "{findings:?}");
    outcome
}

#[test]
fn as_much_as_stated_is_enough_and_any_part_that_is_shorter_is_refused() {
    check_in(Lengths::of).unwrap();
    let shorter: [fn(&mut Lengths); 5] = [
        |lengths| lengths.links -= 1,
        |lengths| lengths.owners -= 1,
        |lengths| lengths.acls -= 1,
        |lengths| lengths.pages -= 1,
        |lengths| lengths.buffer -= 1,
    ];
    for (part, shorten) in shorter.into_iter().enumerate() {
        let outcome = check_in(|size| {
            let mut lengths = Lengths::of(size);
            shorten(&mut lengths);
            lengths
        });
        assert!(matches!(outcome, Err(Stop::Scratch)), "part {part}");
    }
}

#[test]
fn the_sum_is_that_of_the_parts() {
    let mut sum = 0;
    check_in(|size| {
        let lengths = Lengths::of(size);
        assert_eq!(size.bytes(), u64::try_from(lengths.bytes()).unwrap());
        sum = lengths.bytes();
        lengths
    })
    .unwrap();
    assert!(sum > 0);
}
