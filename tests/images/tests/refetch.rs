// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any word may change between any two loads: readers terminate, and stay inside the image.

#![allow(clippy::print_stdout, reason = "counts of a test")]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;
use std::path::Path;

use daxfs_hostile::reference::reference;
use daxfs_hostile::refetch::{self, READERS};

#[test]
fn every_word_changes_at_every_load() {
    let image = reference();
    let outcomes = refetch::enumerate_all(&image);
    for (name, outcome) in &outcomes {
        println!("{name}: {outcome:?}");
        assert!(outcome.runs > outcome.loads, "{name}: {outcome:?}");
    }
    assert_eq!(outcomes.len(), 19, "every operation of a reader");
    let open = outcomes.iter().find(|(name, _)| *name == "open");
    // Validated bytes are not read again: the superblock is loaded once.
    assert_eq!(open.map(|(_, outcome)| outcome.most), Some(1));
}

/// Every method of an image that may fail has an operation.
#[test]
fn every_reader_is_an_operation() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../daxfs-format/src/image");
    let files = ["open.rs", "names.rs", "xattrs.rs", "data.rs"];
    let rest = ["mod.rs"];
    assert_eq!(
        fs::read_dir(&room).unwrap().count(),
        files.len() + rest.len()
    );
    let text = files.map(|file| fs::read_to_string(room.join(file)).unwrap());
    let text = text.concat();
    let mut readers = Vec::new();
    for method in text.split("    pub fn ").skip(1) {
        let (signature, _) = method.split_once('{').unwrap();
        let name = signature.split(['(', '<']).next().unwrap();
        if signature.contains("Result<") && name != "with_superblock" {
            readers.push(name);
        }
    }
    let named: Vec<_> = READERS.iter().map(|(reader, _)| *reader).collect();
    assert_eq!(readers, named);
    let operations = refetch::operations(&reference());
    for (reader, operation) in READERS {
        let known = operations.iter().any(|known| known.name == *operation);
        assert!(known, "{reader}: no operation is called {operation}");
    }
}
