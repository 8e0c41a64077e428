// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compiled format crate refers to no function that panics.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use daxfs_hostile::panics;

#[test]
fn no_reader_and_no_check_can_panic() {
    let found = panics::search().unwrap();
    assert!(found.is_empty(), "{found:#?}");
}

/// The search finds references where there are some: user space may panic.
#[test]
fn the_search_finds_panics_where_there_are_some() {
    let mut libraries = panics::build("daxfs-image").unwrap();
    libraries.retain(|library| library.to_string_lossy().contains("daxfs_image"));
    let found = panics::suspects(&libraries).unwrap();
    assert!(
        found
            .iter()
            .any(|symbol| symbol.contains("core::panicking")),
        "{found:?}"
    );
}
