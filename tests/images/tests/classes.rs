// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every class of hostile images is found, by its rule and in its object; every rule has a class.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::ops::{ControlFlow, RangeInclusive};

use daxfs_format::error::digest_value;
use daxfs_format::section::RawSection;
use daxfs_format::superblock::RawSuperblock;
use daxfs_format::{Error, Finding, Ino, Object, RawInode, Rule, SectionKind};
use daxfs_hostile::classes::{all, located};
use daxfs_hostile::editor::Editor;
use daxfs_hostile::examine::{Examiner, Stage};
use daxfs_hostile::reference::reference;
use zerocopy::FromBytes as _;

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

/// A finding is corrupt or unsupported as its rule is, and has an offset in the image.
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

/// A section that ends in its header is too short for its table, whatever bytes follow it.
#[test]
fn a_section_too_short_for_its_header_has_no_table() {
    let class = all().find(|class| class.name == "sets-without-header");
    let case = class.unwrap().build();
    let (_, error) = Examiner::default().first(&case.bytes[..]).unwrap();
    let Error::Corrupt(finding) = error else {
        panic!("{error}");
    };
    let section = Editor::new(case.bytes).section(SectionKind::Xattrs);
    let found = (finding.rule, finding.offset);
    assert_eq!(found, (Rule::XattrTable, section.offset));
}

/// The finding for a link count of 255 once stated 2, the right count, as the value found.
#[test]
fn a_finding_has_the_value_that_the_image_has() {
    let mut examiner = Examiner::default();
    let mut wrong = Vec::new();
    for class in all() {
        let case = class.build();
        for finding in findings(&mut examiner, &case.bytes) {
            if !states(&case.bytes, &finding) {
                wrong.push(format!("{}: {finding}", class.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns all findings of an image that can be opened, and the first of one that cannot.
fn findings(examiner: &mut Examiner, bytes: &[u8]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut sink = |finding| {
        found.push(finding);
        ControlFlow::Continue(())
    };
    let opened = examiner.open(bytes).and_then(|image| {
        examiner.checksums(&image, &mut sink).unwrap();
        examiner.structure(&image, &mut sink).unwrap();
        examiner.contents(&image)
    });
    if let Err(Error::Corrupt(finding) | Error::Unsupported(finding)) = opened {
        found.push(finding);
    }
    found
}

/// Returns true if the value of a finding is in the image: in the field at its offset, or in
/// another one that the documentation of the type names.
fn states(bytes: &[u8], finding: &Finding) -> bool {
    let at = usize::try_from(finding.offset).unwrap();
    let whole = |kind| {
        let table = offset_of!(RawSuperblock, sections);
        let mut entries = bytes[table..].chunks(size_of::<RawSection>());
        let entry =
            entries.find(|entry| number(&entry[..4]) == u64::from(SectionKind::number(kind)));
        RawSection::read_from_bytes(entry.unwrap()).unwrap()
    };
    let value = finding.value;
    match (finding.rule, finding.object) {
        (Rule::ImageTruncated, _) if bytes.len() < size_of::<RawSuperblock>() => {
            value == u64::try_from(bytes.len()).unwrap()
        }
        (Rule::SectionChecksum, Object::Section(kind)) => value == whole(kind).xxh64.get(),
        (Rule::SectionDigest, Object::Section(kind)) => value == digest_value(&whole(kind).sha256),
        (
            Rule::DigestCount
            | Rule::DirectoryOffset
            | Rule::SymlinkOffset
            | Rule::XattrOffset
            | Rule::PackedOffset
            | Rule::ExtentOffset,
            Object::Section(kind),
        ) => value == whole(kind).length.get(),
        (Rule::DigestCount, Object::Content(content)) => value == u64::from(content.get()),
        (Rule::ContentDigest, Object::Content(content)) => {
            let image = Editor::new(bytes.to_vec());
            let digest = image.image().digest(content).unwrap();
            value == digest_value(&digest.unwrap())
        }
        _ => {
            let field = |width| bytes.get(at..at + width).map(number);
            [1, 2, 4, 8].map(field).contains(&Some(value))
        }
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev().map(|&byte| u64::from(byte));
    bytes.fold(0, |number, byte| number << 8 | byte)
}

#[test]
fn a_finding_points_into_the_object_that_it_names() {
    let mut examiner = Examiner::default();
    let mut wrong = Vec::new();
    for class in all() {
        let case = class.build();
        let (stage, error) = examiner.first(&case.bytes[..]).unwrap();
        let (Error::Corrupt(finding) | Error::Unsupported(finding)) = error else {
            continue;
        };
        // An image that opens has valid sections. For others, those of the sound image serve.
        let image = Editor::new(match stage {
            Stage::Open => reference(),
            _ => case.bytes,
        });
        let range = range(&finding, &image);
        if !range.contains(&finding.offset) {
            wrong.push(format!("{}: {finding}, not in {range:#x?}", class.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the range of a finding's object, or of the section with all objects of its kind.
fn range(finding: &Finding, image: &Editor) -> RangeInclusive<u64> {
    let section = |kind| {
        let section = image.section(kind);
        // A section that ends too early has its finding at its end.
        section.offset..=section.end()
    };
    let record = |start: u64, size: usize| start..=start + u64::try_from(size - 1).unwrap();
    match finding.object {
        Object::Superblock => record(0, size_of::<RawSuperblock>()),
        Object::SectionEntry(index) => {
            let size = size_of::<RawSection>();
            let before = size * usize::try_from(index).unwrap();
            let start = offset_of!(RawSuperblock, sections) + before;
            record(u64::try_from(start).unwrap(), size)
        }
        Object::Section(kind) => section(kind),
        Object::Inode(number) => match (finding.rule, Ino::new(number)) {
            (Rule::Padding, _) => section(SectionKind::Directories),
            (Rule::SymlinkTarget, _) => section(SectionKind::Symlinks),
            (_, None) => section(SectionKind::Inodes),
            (_, Some(ino)) => record(image.image().inode_offset(ino), size_of::<RawInode>()),
        },
        Object::Entry { .. } => section(SectionKind::Directories),
        Object::XattrSet(_) => section(SectionKind::Xattrs),
        Object::Extent { .. } => section(SectionKind::Extents),
        // The finding is located at the inode of the first file with the content.
        Object::Content(_) if finding.rule == Rule::ContentDigest => section(SectionKind::Inodes),
        Object::Content(_) => section(SectionKind::Data),
        Object::Gap => gap(finding, image),
    }
}

/// Returns the offset of a nonzero byte of padding; within a section only the data has padding.
fn gap(finding: &Finding, image: &Editor) -> RangeInclusive<u64> {
    let at = usize::try_from(finding.offset).unwrap();
    let byte = image.bytes.get(at).copied().map_or(0, u64::from);
    let opened = image.image();
    let sections = opened.superblock().sections();
    let kinds = SectionKind::ALL.into_iter();
    let in_section = kinds
        .filter(|&kind| kind != SectionKind::Data)
        .filter_map(|kind| sections.get(kind))
        .any(|section| (section.offset..section.end()).contains(&finding.offset));
    if byte == 0 || byte != finding.value || in_section {
        return RangeInclusive::new(1, 0);
    }
    finding.offset..=finding.offset
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
