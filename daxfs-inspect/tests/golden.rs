// SPDX-License-Identifier: MIT OR Apache-2.0
//! The golden image, which a fresh build of one tree must reproduce byte by byte, and its dump.
//! Together they pin the format, the builder and the dump.
//!
//! After an intended change of the format, `GOLDEN=write cargo test -p daxfs-inspect --test
//! golden`, run as root, writes image and text anew. The difference of the text shows the change.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;
#[path = "support/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use mkdaxfs::Options;
use serde_json::{json, Value};
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
    assert!(
        is_root(),
        "this test needs root: the golden tree has devices and owners"
    );
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
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

/// The golden image holds one of every kind of record.
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

/// The two forms of the dump have the same fields.
#[test]
fn json_has_the_fields_of_the_text() {
    let image = golden(IMAGE);
    let text = dump(&image);
    let json = inspect(&["dump".as_ref(), image.as_os_str(), "--json".as_ref()]).clean();
    assert_eq!(json.text().lines().count(), text.lines().count());
    for (object, line) in json.json().iter().zip(text.lines()) {
        let mut object = object.as_object().unwrap().clone();
        assert_eq!(object.remove("record").unwrap(), "dump");
        object.remove("schema");
        let name = object.remove("structure").unwrap();
        assert_eq!(Some(name.as_str().unwrap()), line.split(' ').next());
        let mut fields = fields(line);
        assert_eq!(object.len(), fields.len(), "{object:?} of {line}");
        for (key, value) in object {
            let text = fields.remove(key.as_str()).unwrap();
            match value {
                Value::Number(number) => assert_eq!(number.to_string(), text),
                Value::String(string) => assert_eq!(escape_as(text, &string), text),
                Value::Object(bytes) => assert_eq!(unquote(text), unhex(&bytes["hex"])),
                other => panic!("{key} is {other}"),
            }
        }
    }
}

/// A string as the text form writes it: in quotes, or as a word.
fn escape_as(text: &str, string: &str) -> String {
    if text.starts_with('"') {
        daxfs_image::escape::quoted(string.as_bytes())
    } else {
        string.to_owned()
    }
}

/// The fields of a line, by key.
fn fields(line: &str) -> BTreeMap<&str, &str> {
    let mut fields = BTreeMap::new();
    let mut rest = line.split_once(' ').map_or("", |(_, rest)| rest);
    while let Some((key, value)) = rest.split_once('=') {
        // No text holds a quote but at its ends.
        let end = match value.strip_prefix('"') {
            Some(text) => text.find('"').unwrap() + 2,
            None => value.find(' ').unwrap_or(value.len()),
        };
        fields.insert(key, &value[..end]);
        rest = value[end..].strip_prefix(' ').unwrap_or_default();
    }
    fields
}

/// The bytes of a text.
fn unquote(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.trim_matches('"').as_bytes();
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => (after, bytes.push(b'\\')),
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                (
                    after,
                    bytes.extend(unhex(&json!(String::from_utf8_lossy(&digits)))),
                )
            }
            _ => (after, bytes.push(*first)),
        };
    }
    bytes
}

fn unhex(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn the_dump_is_ascii_and_every_line_a_record() {
    let text = fs::read_to_string(golden(TEXT)).unwrap();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    let lines = text.lines().count();
    assert!(text.ends_with(&format!("end records={}\n", lines - 1)));
}
