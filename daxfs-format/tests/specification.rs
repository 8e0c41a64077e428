// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the specification are those of the crate, in the same words and order.

use std::collections::HashSet;
use std::path::Path;

use daxfs_format::Rule;

#[test]
fn the_specification_lists_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, listed) = text.split_once("## 14. Rules").unwrap();
    let listed: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("- `"))
        .collect();
    let expected: Vec<String> = Rule::ALL
        .iter()
        .map(|rule| format!("- `{}`: {}", rule.id(), rule.text()))
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn names_of_rules_are_unique() {
    let names: HashSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
}
