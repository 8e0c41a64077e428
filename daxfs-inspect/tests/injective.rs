// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dump is injective: every byte of the metadata matters to it.
//!
//! Each byte of each metadata section and of the superblock is changed, in each of its bits and to
//! its complement. The image is sealed again, so that no checksum reveals the change. Then the
//! dump, without the hashes that cover whole sections, must differ, or damage must be reported.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what it has found"
)]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::fs;
use std::ops::Range;

use daxfs_hostile::reference::reference;
use daxfs_image::escape::Charset;
use daxfs_image::format::superblock::SUPERBLOCK_SIZE;
use daxfs_image::seal::seal;
use daxfs_image::Opened;
use daxfs_inspect::console::{Console, Form};
use support::golden;

/// The dump of an image, without the hashes of sections and superblock, and true if anything was
/// reported.
fn examine(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Charset::Ascii);
    match Opened::open(bytes) {
        Ok(image) => {
            let raw = image.raw_superblock();
            daxfs_inspect::dump::dump(&image, raw, Form::Text, &mut console).unwrap();
        }
        Err(error) => console.problem(error),
    }
    let reported = console.problems() != 0;
    (without_hashes(&out), reported)
}

/// Removes the hashes, which would reveal every change by themselves.
fn without_hashes(dump: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(dump.len());
    for line in dump.split_inclusive(|&byte| byte == b'\n') {
        let is_hashed = line.starts_with(b"superblock ") || line.starts_with(b"section ");
        let end = line.windows(7).position(|window| window == b" xxh64=");
        kept.extend_from_slice(&line[..end.filter(|_| is_hashed).unwrap_or(line.len())]);
    }
    kept
}

/// The superblock and the metadata sections.
fn metadata(bytes: &[u8]) -> Vec<Range<usize>> {
    let image = Opened::open(bytes).unwrap();
    let sections = image.superblock().sections();
    let ranges = sections
        .iter()
        .filter(|section| section.kind.is_metadata())
        .map(|section| {
            let start = usize::try_from(section.offset).unwrap();
            start..start + usize::try_from(section.length).unwrap()
        });
    std::iter::once(0..SUPERBLOCK_SIZE).chain(ranges).collect()
}

/// The outcome of the changes.
#[derive(Debug, Default)]
struct Tally {
    shown: u64,
    reported: u64,
    undone: u64,
}

fn change_everything(bytes: &[u8], changes: &[u8]) -> Tally {
    let (sound, reported) = examine(bytes);
    assert!(!reported, "the image must be sound");
    let mut tally = Tally::default();
    for offset in metadata(bytes).into_iter().flatten() {
        for change in changes {
            let mut changed = bytes.to_vec();
            changed[offset] ^= change;
            seal(&mut changed);
            if changed == bytes {
                // The byte was part of a checksum, which the seal has restored.
                tally.undone += 1;
                continue;
            }
            let (dump, reported) = examine(&changed);
            if dump != sound {
                tally.shown += 1;
            } else {
                assert!(
                    reported,
                    "no output differs for byte {offset:#x} ^ {change:#x}"
                );
                tally.reported += 1;
            }
        }
    }
    tally
}

#[test]
fn every_byte_of_the_golden_image_matters() {
    let bytes = fs::read(golden("golden.daxfs")).unwrap();
    let tally = change_everything(&bytes, &[1, 2, 4, 8, 16, 32, 64, 128, 255]);
    println!("golden image: {tally:?}");
    assert!(
        tally.shown > 0 && tally.reported > 0 && tally.undone > 0,
        "{tally:?}"
    );
}

#[test]
fn every_byte_of_the_reference_image_matters() {
    let tally = change_everything(&reference(), &[255]);
    println!("reference image: {tally:?}");
    assert!(tally.shown > tally.reported, "{tally:?}");
}

/// Without a new seal, too: checksums and digests are verified by the dump.
#[test]
fn a_change_without_a_seal_is_reported() {
    let bytes = fs::read(golden("golden.daxfs")).unwrap();
    for offset in metadata(&bytes).into_iter().flatten() {
        let mut changed = bytes.clone();
        changed[offset] ^= 255;
        assert!(
            examine(&changed).1,
            "no output differs for byte {offset:#x}"
        );
    }
}
