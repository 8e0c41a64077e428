// SPDX-License-Identifier: MIT OR Apache-2.0
//! One meaning of each total: the summary of a build and the map of its image agree.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use support::inspect;

#[test]
fn the_summary_of_a_build_and_the_map_of_its_image_agree() {
    let dir = tempfile::tempdir().unwrap();
    let [source, image] = ["source", "image"].map(|name| dir.path().join(name));
    fs::create_dir(&source).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(source.join(name), bytes).unwrap();
    write("empty", b"");
    write("small", b"small");
    write("small-twin", b"small");
    for name in ["one", "two", "three"] {
        write(name, &[7; 20_000]);
    }
    write("huge", &vec![8; 5 << 20]);
    let sparse = File::create(source.join("sparse")).unwrap();
    sparse.write_all_at(&[9; 4096], 0).unwrap();
    sparse.write_all_at(&[9; 4096], 32 << 20).unwrap();
    let options = mkdaxfs::Options::new(&source, &image);
    let built = mkdaxfs::build(&options, &()).unwrap();
    let run = inspect(&["map".as_ref(), image.as_os_str(), "--json".as_ref()]).clean();
    let map = &run.json()[0];
    let totals = [
        ("files", built.files),
        ("files_size", built.content_bytes),
        ("shared", built.shared_files),
        ("shared_size", built.shared_bytes),
        ("packed", built.packed_contents),
        ("packed_size", built.packed_bytes),
        ("sparse", built.sparse_files),
        ("holes_size", built.hole_bytes),
        ("padding_size", built.tail_bytes),
        ("mappable_size", built.mappable_bytes),
        ("huge_size", built.huge_bytes),
        ("metadata_size", built.metadata_bytes),
    ];
    for (key, expected) in totals {
        assert_eq!(map["totals"][key], expected, "{key}");
    }
    assert_eq!((built.shared_files, built.shared_bytes), (3, 40_005));
    assert_eq!(map["size"], built.image_bytes);
}
