// SPDX-License-Identifier: MIT OR Apache-2.0
//! The golden image: what a fresh build of one tree must reproduce byte by byte, and what the dump says
//! of it. Together they pin the format, the builder and the dump.
//!
//! After a change of the format on purpose, `GOLDEN=write cargo test -p daxfs-inspect --test golden`,
//! run as root, writes image and text anew; the difference of the text shows what the change was.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;
#[path = "support/tree.rs"]
mod tree;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use mkdaxfs::Options;
use support::{golden, inspect, ImageFile};

const IMAGE: &str = "golden.daxfs";
const TEXT: &str = "golden.dump";

fn dump(image: &Path) -> String {
    let run = inspect(&["dump".as_ref(), image.as_os_str()]).clean();
    run.text().to_owned()
}

/// Builds the image of the golden tree.
fn build(scratch: &Path) -> Vec<u8> {
    let (source, image) = (scratch.join("tree"), scratch.join("image"));
    fs::create_dir(&source).unwrap();
    tree::make(&source).unwrap();
    let mut options = Options::new(&source, &image);
    options.label[..6].copy_from_slice(b"golden");
    mkdaxfs::build(&options, &()).unwrap();
    fs::read(image).unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[test]
fn the_golden_image_has_the_golden_dump() {
    let text = dump(&golden(IMAGE));
    let golden = fs::read_to_string(golden(TEXT)).unwrap();
    for (line, (found, expected)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(text, golden);
}

#[test]
fn a_fresh_build_is_the_golden_image() {
    if !is_root() {
        eprintln!("not run: the golden tree has devices and owners, which only root can make");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let bytes = build(scratch.path());
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::create_dir_all(golden("")).unwrap();
        fs::write(golden(IMAGE), &bytes).unwrap();
        fs::write(golden(TEXT), dump(&golden(IMAGE))).unwrap();
    }
    let fresh = ImageFile::new(&bytes);
    assert_eq!(
        dump(fresh.path()),
        fs::read_to_string(golden(TEXT)).unwrap()
    );
    assert!(
        bytes == fs::read(golden(IMAGE)).unwrap(),
        "contents or padding differ, metadata do not"
    );
}

/// The golden image holds one of everything that the dump can tell.
#[test]
fn every_record_and_every_file_type_occurs() {
    let text = fs::read_to_string(golden(TEXT)).unwrap();
    let records = [
        "daxfs-dump",
        "superblock",
        "section",
        "inode",
        "entry",
        "symlink",
        "extent",
        "xattrs",
        "xattr_set",
        "xattr",
        "digests",
        "digest",
        "end",
    ];
    for record in records {
        assert!(
            text.lines()
                .any(|line| line.split(' ').next() == Some(record)),
            "{record}"
        );
    }
    for mode in ["01", "02", "04", "06", "10", "12", "14"] {
        assert!(text.contains(&format!(" mode={mode}")), "{mode}");
    }
    for layout in 0..=3 {
        assert!(text.contains(&format!(" layout={layout} ")), "{layout}");
    }
    for namespace in 1..=5 {
        assert!(
            text.contains(&format!(" namespace={namespace} ")),
            "{namespace}"
        );
    }
}

/// The two forms of the dump say the same.
#[test]
fn json_has_the_fields_of_the_text() {
    let image = golden(IMAGE);
    let text = dump(&image);
    let json = inspect(&["dump".as_ref(), image.as_os_str(), "--json".as_ref()]).clean();
    assert_eq!(json.text().lines().count(), text.lines().count());
    for (object, line) in json.json().iter().zip(text.lines()) {
        let name = line.split(' ').next().unwrap();
        assert_eq!(object["record"], name);
        for (key, value) in object.as_object().unwrap() {
            let value = match value {
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::String(string) => string.clone(),
                _ => continue,
            };
            let is_plain = value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if key != "record" && is_plain {
                let quoted = format!(" {key}=\"{value}\"");
                let found = line.contains(&format!(" {key}={value}")) || line.contains(&quoted);
                assert!(found, "{key}={value} in {line}");
            }
        }
    }
}

#[test]
fn the_dump_is_ascii_and_every_line_a_record() {
    let text = fs::read_to_string(golden(TEXT)).unwrap();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    let lines = text.lines().count();
    assert!(text.ends_with(&format!("end records={}\n", lines - 1)));
}
