// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every class of bad input is found, by its rule and in its object; and every rule has a class.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;

use daxfs_format::{Error, Rule};
use daxfs_hostile::classes::{all, located};
use daxfs_hostile::examine::{Examiner, Stage};
use daxfs_hostile::reference::reference;

#[test]
fn every_class_is_found_by_its_rule() {
    let mut examiner = Examiner::default();
    let mut wrong = Vec::new();
    for class in all() {
        let case = class.build();
        let found = examiner.first(&case.bytes[..]);
        let located = found.as_ref().and_then(|(_, error)| located(error));
        if located != Some((class.rule, case.object)) {
            let object = case.object;
            wrong.push(format!(
                "{}: expected {} in {object}, found {found:?}",
                class.name, class.rule
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} classes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What is found is told apart from what is not known, and says where.
#[test]
fn every_finding_lies_in_the_image_and_has_its_kind() {
    let mut examiner = Examiner::default();
    for class in all() {
        let case = class.build();
        let (_, error) = examiner.first(&case.bytes[..]).unwrap();
        let (finding, supported) = match error {
            Error::Corrupt(finding) => (finding, true),
            Error::Unsupported(finding) => (finding, false),
            Error::Memory(fault) => panic!("{}: {fault}", class.name),
        };
        assert_eq!(supported, !class.rule.is_support(), "{}", class.name);
        let length = u64::try_from(case.bytes.len()).unwrap();
        assert!(finding.offset <= length, "{}: {finding}", class.name);
    }
}

#[test]
fn every_rule_has_a_class() {
    let reached: BTreeSet<Rule> = all().map(|class| class.rule).collect();
    let missing: Vec<_> = Rule::ALL
        .iter()
        .filter(|rule| !reached.contains(rule))
        .collect();
    assert!(missing.is_empty(), "no class for {missing:?}");
}

#[test]
fn every_class_has_its_own_name() {
    let mut names = BTreeSet::new();
    for class in all() {
        assert!(names.insert(class.name), "{} twice", class.name);
    }
}

#[test]
fn an_image_cut_off_at_any_byte_is_truncated() {
    let image = reference();
    let mut examiner = Examiner::default();
    for length in 0..image.len() {
        let (stage, error) = examiner.first(&image[..length]).unwrap();
        let rule = located(&error).map(|(rule, _)| rule);
        assert_eq!(
            (stage, rule),
            (Stage::Open, Some(Rule::ImageTruncated)),
            "at {length}"
        );
    }
}
