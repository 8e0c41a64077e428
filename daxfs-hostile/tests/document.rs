// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about hostile images says what the table says.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;
use std::path::Path;

use daxfs_hostile::document::markdown;

#[test]
fn the_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hostile.md");
    let page = fs::read_to_string(path).unwrap();
    assert!(
        page == markdown(),
        "docs/hostile.md is stale: cargo run -p daxfs-hostile -- document > docs/hostile.md"
    );
}
