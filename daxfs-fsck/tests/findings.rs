// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings in damaged and hostile images, and their offsets.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use daxfs_image::check::{check_structure, verify_data, CheckError, Findings};
use daxfs_image::file;
use daxfs_image::format::superblock::{RawSuperblock, MAGIC, VERSION_MAJOR};
use daxfs_image::format::{FileData, InodeKind, Rule, SectionKind};
use daxfs_image::hash::Xxh64;
use mkdaxfs::{Existing, Keep};
use support::{check, damage, field, find, forge, inode, open, section, Scratch};
use zerocopy::{FromZeros, IntoBytes};

/// The offset of the bytes of a contiguous file.
fn offset_of(image: &std::path::Path, path: &str) -> usize {
    match inode(image, path).kind {
        InodeKind::Regular(FileData::Direct { offset } | FileData::Packed { offset }) => {
            usize::try_from(offset).unwrap()
        }
        kind => panic!("{path} is {kind:?}"),
    }
}

#[test]
fn a_flipped_bit_of_any_content_is_found_with_its_path() {
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("a/b/packed"), b"small").unwrap();
    fs::write(source.join("a/direct"), vec![1; 100_000]).unwrap();
    fs::write(source.join("huge"), vec![2; 9 << 20]).unwrap();
    let sparse = File::create(source.join("sparse")).unwrap();
    sparse.set_len(10 << 20).unwrap();
    sparse.write_all_at(&[3; 5000], 4 << 20).unwrap();
    let image = scratch.image();
    let extents = open(&image);
    let InodeKind::Regular(FileData::Sparse(list)) = inode(&image, "sparse").kind else {
        panic!("a sparse file");
    };
    let extent = extents.extent(&list, 0).unwrap().unwrap();
    let changes = [
        ("/a/b/packed", offset_of(&image, "a/b/packed") + 4),
        ("/a/direct", offset_of(&image, "a/direct") + 99_999),
        ("/huge", offset_of(&image, "huge") + (5 << 20)),
        ("/sparse", usize::try_from(extent.offset).unwrap() + 4999),
    ];
    for (path, at) in changes {
        damage(&image, |bytes| bytes[at] ^= 0x10);
        assert_eq!(
            check(&image, &["-q"]).status,
            0,
            "only --verify-data reads contents"
        );
        let run = check(&image, &["-q", "--verify-data"]);
        assert_eq!(
            (run.status, run.stdout.lines().count()),
            (4, 1),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains(&format!("({path})")), "{}", run.stdout);
        assert!(run.stdout.contains("[content-digest]"), "{}", run.stdout);
        damage(&image, |bytes| bytes[at] ^= 0x10);
    }
    assert_eq!(check(&image, &["-q", "--verify-data"]).status, 0);
}

/// The structural check defers the ends of files, and must examine them later.
#[test]
fn bytes_after_the_end_of_a_file_are_found() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let end = offset_of(&image, "dir/large") + 10_000;
    let content = inode(&image, "dir/large").content.unwrap();
    for at in [end, end + 2287] {
        damage(&image, |bytes| bytes[at] = 9);
        let run = check(&image, &["-q"]);
        assert_eq!(
            (run.status, run.stdout.lines().count()),
            (4, 1),
            "{}",
            run.stdout
        );
        let expected = format!("content {content} at {at:#x} (/dir/large) breaks the rule that ");
        assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
        assert!(
            run.stdout.ends_with("[content-tail]: found 0x9\n"),
            "{}",
            run.stdout
        );
        damage(&image, |bytes| bytes[at] = 0);
    }
}

#[test]
fn bytes_in_pages_of_nobody_are_found() {
    for digests in [Keep::Yes, Keep::No] {
        let scratch = Scratch::new();
        scratch.small_image();
        bytes_in_pages_of_nobody(&scratch.image_with(|options| {
            options.digests = digests;
            options.existing = Existing::Replace;
        }));
    }
}

fn bytes_in_pages_of_nobody(image: &std::path::Path) {
    let end = section(image, SectionKind::Data).end;
    forge(image, |bytes| {
        // One more page, at the end of the data section and of the image.
        bytes.resize(end + 4096, 0);
        bytes[end + 4000] = 5;
        let longer = |bytes: &mut Vec<u8>, at: usize| {
            let field: &mut [u8; 8] = bytes[at..].first_chunk_mut().unwrap();
            *field = (u64::from_le_bytes(*field) + 4096).to_le_bytes();
        };
        longer(bytes, 40);
        let count = usize::from(bytes[12]);
        longer(bytes, 192 + (count - 1) * 64 + 16);
    });
    let run = check(image, &["-q"]);
    let expected = format!("padding at {:#x} breaks the rule that bytes ", end + 4000);
    assert_eq!(run.status, 4);
    assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
    assert!(
        run.stdout.ends_with("[padding]: found 0x5\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn findings_about_metadata_have_paths() {
    let scratch = Scratch::new();
    let source = scratch.source();
    let deep = source.join("one/two/three");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("f\x1b[31mile"), b"").unwrap();
    let image = scratch.image();
    let file = inode(&image, "one/two/three/f\x1b[31mile").ino;
    let directory = inode(&image, "one/two").ino;
    let (nanoseconds, links) = (field(&image, file, 40), field(&image, directory, 12));
    forge(&image, |bytes| {
        bytes[nanoseconds..][..4].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
        bytes[links] = 9;
    });
    let run = check(&image, &["-q"]);
    assert_eq!(run.status, 4);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    assert!(lines[0].starts_with(&format!(
        "inode {directory} at {links:#x} (/one/two) breaks the rule that "
    )));
    assert!(lines[0].ends_with("[inode-links]: found 0x9"));
    let path = r"(/one/two/three/f\x1b[31mile) breaks the rule that ";
    assert!(lines[1].starts_with(&format!("inode {file} at {nanoseconds:#x} {path}")));
    assert!(lines[1].ends_with("[inode-time]: found 0x3b9aca00"));
}

#[test]
fn all_findings_are_counted_and_the_first_are_shown() {
    let scratch = Scratch::new();
    let source = scratch.source();
    for index in 0..1500 {
        fs::write(source.join(format!("{index}")), b"").unwrap();
    }
    let image = scratch.image();
    let inodes = section(&image, SectionKind::Inodes);
    forge(&image, |bytes| {
        for inode in bytes[inodes.clone()].chunks_exact_mut(64).skip(2) {
            inode[40..44].fill(0xff);
        }
    });
    let run = check(&image, &[]);
    let (findings, summary) = run.stdout.trim_end().rsplit_once('\n').unwrap();
    assert_eq!((run.status, findings.lines().count()), (4, 1000));
    let expected = "1500 findings, of which the first 1000 are shown";
    assert!(summary.contains(expected), "{summary}");
    let offset = |line: &str| {
        let (_, rest) = line.split_once(" at 0x").unwrap();
        usize::from_str_radix(rest.split_once(' ').unwrap().0, 16).unwrap()
    };
    let offsets: Vec<usize> = findings.lines().map(offset).collect();
    let expected: Vec<usize> = (2..1002).map(|ino| inodes.start + 64 * ino + 40).collect();
    assert_eq!(offsets, expected);
}

#[test]
fn contents_without_digests_are_not_called_verified() {
    let scratch = Scratch::new();
    fs::write(scratch.source().join("file"), b"x").unwrap();
    let image = scratch.image_with(|options| options.digests = Keep::No);
    assert_eq!(check(&image, &[]).status, 0);
    let run = check(&image, &["--verify-data"]);
    assert_eq!(run.status, 8);
    assert!(run.stderr.contains("states no digests"), "{}", run.stderr);
}

/// Contents that overlap multiply the work: a thousand files of one gigabyte each in one gigabyte.
#[test]
fn overlapping_contents_are_not_hashed_again_and_again() {
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::write(source.join("a"), vec![1; 10_000]).unwrap();
    fs::write(source.join("b"), vec![2; 10_000]).unwrap();
    let image = scratch.image();
    let to = field(&image, inode(&image, "b").ino, 24);
    let offset = u64::try_from(offset_of(&image, "a")).unwrap();
    forge(&image, |bytes| {
        bytes[to..][..8].copy_from_slice(&offset.to_le_bytes());
    });
    let run = check(&image, &["--verify-data"]);
    assert_eq!(
        run.status, 4,
        "as long as all of it fits the image: {}",
        run.stderr
    );
    assert!(run.stdout.contains("[content-overlap]"), "{}", run.stdout);
    let size = field(&image, inode(&image, "a").ino, 16);
    let other = field(&image, inode(&image, "b").ino, 16);
    let data = section(&image, SectionKind::Data);
    forge(&image, |bytes| {
        for at in [size, other] {
            bytes[at..][..8].copy_from_slice(&data.len().to_le_bytes());
        }
        let start = u64::try_from(data.start).unwrap().to_le_bytes();
        bytes[size + 8..][..8].copy_from_slice(&start);
        bytes[other + 8..][..8].copy_from_slice(&start);
    });
    let run = check(&image, &["--verify-data"]);
    assert_eq!(run.status, 4 | 8);
    assert!(run.stderr.contains("contents overlap"), "{}", run.stderr);
}

/// A superblock that states two billion inodes, in a file that is one hole.
#[test]
fn the_memory_of_a_check_is_limited() {
    let scratch = Scratch::new();
    let inodes: u64 = 1 << 31;
    let mut raw = RawSuperblock::new_zeroed();
    raw.magic = MAGIC;
    raw.version_major.set(VERSION_MAJOR);
    raw.section_count.set(1);
    raw.image_size.set(4096 + inodes * 64);
    raw.page_shift = 12;
    raw.root.set(1);
    raw.sections[0].kind.set(SectionKind::Inodes.number());
    raw.sections[0].flags.set(SectionKind::Inodes.flags());
    raw.sections[0].offset.set(4096);
    raw.sections[0].length.set(inodes * 64);
    raw.xxh64.set(raw.checksum::<Xxh64>());
    let image = scratch.join("hole");
    let file = File::create(&image).unwrap();
    file.write_all_at(raw.as_bytes(), 0).unwrap();
    file.set_len(raw.image_size.get()).unwrap();
    let started = Instant::now();
    let run = check(&image, &[]);
    assert_eq!(run.status, 8, "{run:?}");
    assert!(run.stderr.contains("--max-memory"), "{}", run.stderr);
    assert!(started.elapsed() < Duration::from_secs(10));

    let other = Scratch::new();
    let image = other.small_image();
    assert_eq!(check(&image, &["--max-memory", "8"]).status, 8);
    assert_eq!(check(&image, &["--max-memory", "1K"]).status, 0);
}

#[test]
fn an_image_that_shrinks_is_an_error_and_no_signal() {
    let scratch = Scratch::new();
    fs::write(scratch.source().join("file"), vec![1; 1 << 20]).unwrap();
    let path = scratch.image();
    let image = file::open(&path).unwrap();
    let mut findings = Findings::new(10);
    let structure = check_structure(&image, 1 << 20, &mut findings).unwrap();
    let shorter = section(&path, SectionKind::Data).start + 5000;
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(u64::try_from(shorter).unwrap()).unwrap();
    for threads in [1, 4] {
        let error = verify_data(&image, &structure, threads, &mut findings).unwrap_err();
        let CheckError::Read(fault, Some(cause)) = error else {
            panic!("{error}");
        };
        assert!(fault.offset + fault.length > u64::try_from(shorter).unwrap());
        assert!(
            cause.to_string().contains("shorter while it was read"),
            "{cause}"
        );
    }
    file.set_len(5000).unwrap();
    let image = file::share(&image).unwrap();
    let error = check_structure(&image, 1 << 20, &mut findings).unwrap_err();
    assert!(matches!(error, CheckError::Read(_, Some(_))), "{error}");
    assert!(findings.is_empty());
}

#[test]
fn a_name_that_climbs_is_found() {
    let scratch = Scratch::new();
    fs::write(scratch.source().join("climbs-up"), b"x").unwrap();
    let image = scratch.image();
    forge(&image, |bytes| {
        let at = find(bytes, b"climbs-up");
        bytes[at..][..9].copy_from_slice(b"../../etc");
    });
    let run = check(&image, &["-q", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let rules = findings
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap());
    assert!(
        rules.into_iter().any(|rule| rule == Rule::EntryName.id()),
        "{}",
        run.stdout
    );
}
