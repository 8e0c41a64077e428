// SPDX-License-Identifier: MIT OR Apache-2.0
//! The schema against docs/json.md and docs/dump.md, and records that it must refuse.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;

use daxfs_test_json::{record_names, schema, validate};
use serde_json::{json, Value};

const DOCUMENT: &str = include_str!("../../../docs/json.md");
const DUMP: &str = include_str!("../../../docs/dump.md");

/// The words in backticks.
fn words(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The text below the heading that begins with `title`, up to the next heading.
fn section(title: &str) -> &'static str {
    let start = DOCUMENT.find(&format!("\n### {title}"));
    let start = start.unwrap_or_else(|| panic!("docs/json.md has no heading {title}"));
    let rest = &DOCUMENT[start + 4..];
    &rest[..rest.find("\n#").unwrap_or(rest.len())]
}

/// The keys of a definition and of the objects in it, without those of other definitions.
fn keys(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(Value::as_object) {
                into.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

fn keys_of(definition: &str) -> BTreeSet<String> {
    let schema = schema().unwrap();
    let definition = &schema["$defs"][definition];
    assert!(definition.is_object());
    let mut found = BTreeSet::new();
    keys(definition, &mut found);
    found.remove("schema");
    found.remove("record");
    found
}

/// The definitions that have a section of their own, and the headings.
fn documented() -> Vec<(String, String)> {
    let mut pairs: Vec<_> = record_names(&schema().unwrap())
        .into_iter()
        .filter(|name| name != "dump")
        .map(|name| match name.as_str() {
            "warning" => (name, "`error`, `warning`".to_owned()),
            "error" => (name, "`error`, `warning`".to_owned()),
            _ => (name.clone(), format!("`{name}`\n")),
        })
        .collect();
    for (name, title) in [
        ("image_properties", "`image`: "),
        ("totals", "`totals`: "),
        ("finding", "`finding`: "),
    ] {
        pairs.push((name.to_owned(), title.to_owned()));
    }
    pairs
}

#[test]
fn every_key_of_the_schema_is_documented() {
    for (definition, title) in documented() {
        let section = section(&title);
        for key in keys_of(&definition) {
            assert!(words(section).contains(key.as_str()), "{definition}: {key}");
        }
    }
    for key in keys_of("dump") {
        assert!(
            words(DUMP).contains(key.as_str()) || key == "structure",
            "dump: {key}"
        );
    }
    for (definition, word) in [
        ("time", "nanoseconds"),
        ("device", "major"),
        ("xattr", "value"),
    ] {
        assert!(keys_of(definition).contains(word));
    }
}

#[test]
fn every_documented_key_is_in_the_schema() {
    for (definition, title) in documented() {
        let keys = keys_of(&definition);
        let rows = section(&title)
            .lines()
            .filter(|line| line.starts_with("| `"));
        for row in rows {
            let first = row.split('|').nth(1).unwrap_or_default();
            for word in words(first) {
                assert!(keys.contains(word), "{definition}: {word}");
            }
        }
    }
}

#[test]
fn every_record_is_in_the_table_of_commands() {
    let table = &DOCUMENT[..DOCUMENT.find("## Values").unwrap()];
    for name in record_names(&schema().unwrap()) {
        assert!(words(table).contains(name.as_str()), "{name}");
    }
}

#[test]
fn records_that_are_wrong_are_refused() {
    let right = json!({"schema": 1, "record": "error", "tool": "mkdaxfs", "message": "no"});
    validate(&right).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut record = right.clone();
        change(&mut record);
        assert!(validate(&record).is_err(), "{record}");
    };
    refused(&|record| record["schema"] = json!(2));
    refused(&|record| record["schema"] = json!("1"));
    refused(&|record| record["record"] = json!("mistake"));
    refused(&|record| record["message"] = json!(null));
    refused(&|record| record["path"] = json!({"hex": "ABFF"}));
    refused(&|record| record["path"] = json!(["a"]));
    refused(&|record| record["extra"] = json!(1));
    refused(&|record| drop(record.as_object_mut().unwrap().remove("tool")));
    let time = |seconds: Value, nanoseconds: Value| {
        let mtime = json!({"seconds": seconds, "nanoseconds": nanoseconds});
        validate(&json!({
            "schema": 1, "record": "file", "path": "/", "inode": 1, "type": "directory",
            "mtime": mtime,
        }))
    };
    time(json!(i64::MIN), json!(999_999_999)).unwrap();
    assert!(time(json!(-8), json!(1_000_000_000)).is_err());
    assert!(time(json!(-7.25), json!(0)).is_err());
}
