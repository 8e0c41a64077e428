// SPDX-License-Identifier: MIT OR Apache-2.0
//! Damaged images: what can be read is shown, and the rest is named.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use daxfs_hostile::classes;
use daxfs_hostile::editor::Editor;
use daxfs_hostile::examine::Stage;
use daxfs_hostile::reference::reference;
use support::ImageFile;

/// The commands that show a whole image.
const COMMANDS: [(&str, &[&str]); 6] = [
    ("info", &[]),
    ("ls", &["-lRi"]),
    ("tree", &[]),
    ("map", &[]),
    ("dump", &[]),
    (
        "stat",
        &[
            "/",
            "/packed",
            "/sparse",
            "/link",
            "/with-xattrs",
            "/directory/nested",
        ],
    ),
];

/// No command panics, loops or prints without end, on any class of bad input; and the dump names
/// the rule of each class that concerns metadata, which a page of the data section does not.
#[test]
fn every_class_of_bad_input_is_survived_and_named() {
    let mut unnamed = Vec::new();
    for class in classes::all() {
        let bytes = class.build().bytes;
        let (image, limit) = (ImageFile::new(&bytes), 16 * bytes.len() + 4096);
        for (command, rest) in COMMANDS {
            for form in [&[][..], &["--json"]] {
                let arguments: Vec<&str> = rest.iter().chain(form).copied().collect();
                let run = image.run(command, &arguments);
                assert!(
                    run.out.len() <= limit,
                    "{command} of {}: {}",
                    class.name,
                    run.out.len()
                );
            }
        }
        let dump = image.run("dump", &[]);
        let rule = format!("[{}]", class.rule);
        let concerns_metadata =
            class.stage() != Some(Stage::Contents) && class.name != "unowned-page-not-zero";
        if concerns_metadata && !(dump.code == 1 && dump.err.contains(&rule)) {
            unnamed.push(format!(
                "{}: {rule}, and the dump says {}",
                class.name, dump.err
            ));
        }
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

/// The objects that the dump leaves out according to docs/dump.md.
#[test]
fn the_dump_leaves_out_what_lies_where_it_may_not() {
    let mut specimen = Editor::new(reference());
    let first = *specimen.xattr_set(1);
    *specimen.xattr_set(2) = first;
    specimen.entry("/", "direct").name_offset.set(1 << 20);
    let (root, nested) = (*specimen.inode("/"), specimen.inode("/directory/nested"));
    (nested.offset, nested.size, nested.count) = (root.offset, root.size, root.count);
    let number = specimen.ino("/directory/nested");
    let run = ImageFile::new(&specimen.finish()).run("dump", &[]);
    assert_eq!(run.code, 1);
    for rule in ["xattr-offset", "directory-shape", "directory-offset"] {
        assert!(run.err.contains(&format!("[{rule}]")), "{}", run.err);
    }
    let lines = |start: &str| {
        run.text()
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert!(lines("xattr_set set=2 ") == 1 && lines("xattr set=1 ") > 0);
    assert_eq!(lines("xattr set=2 "), 0);
    assert_eq!(lines(&format!("entry directory={number} ")), 0);
    let is_cut = |line: &&str| line.contains(" name_offset=1048576 ");
    let cut = run.text().lines().find(is_cut).unwrap();
    assert!(cut.ends_with(" name_length=6"), "{cut}");
}

/// An inode that cannot be read costs its own line.
#[test]
fn the_rest_of_a_directory_is_listed() {
    let mut specimen = Editor::new(reference());
    specimen.inode("/directory/nested").uid.set(u32::MAX);
    let image = ImageFile::new(&specimen.finish());
    let run = image.run("ls", &["-lR", "/directory"]);
    assert_eq!(run.code, 1);
    let text = run.text();
    assert!(text.contains("d?????????"), "{text}");
    assert!(text.contains("sibling\n\n/directory/sibling:\n"), "{text}");
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    let expected = "daxfs-inspect: /directory/nested: corrupt image: inode ";
    assert!(run.err.starts_with(expected), "{}", run.err);
    assert!(run
        .err
        .contains("uid and gid are not 2^32 - 1 [inode-owner]: found 0xffffffff"));
}

/// An entry that cannot be read does not hide those after it.
#[test]
fn the_entries_after_a_broken_one_are_listed() {
    let mut specimen = Editor::new(reference());
    let whole = ImageFile::reference().run("ls", &[]).clean();
    specimen.entry("/", "direct").name_length.set(0);
    let run = ImageFile::new(&specimen.finish()).run("ls", &[]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("[entry-name]"), "{}", run.err);
    let missing: Vec<&str> = whole
        .text()
        .lines()
        .filter(|name| !run.text().lines().any(|n| n == *name))
        .collect();
    assert_eq!(missing, ["direct"]);
}

/// A copy that was cut short still has its metadata, which come first.
#[test]
fn an_image_without_its_end_is_read_as_far_as_it_goes() {
    let bytes = reference();
    let image = ImageFile::new(&bytes[..bytes.len() - 8192]);
    let run = image.run("ls", &["-R"]);
    assert_eq!(run.code, 1);
    let (name, size) = (image.path().display(), bytes.len() - 8192);
    let expected = format!("daxfs-inspect: {name}: corrupt image: superblock at 0x28 breaks ");
    assert!(run.err.starts_with(&expected), "{}", run.err);
    let length = format!("; the file has {size} bytes\n");
    assert!(run.err.ends_with(&length), "{}", run.err);
    let whole = ImageFile::new(&bytes).run("ls", &["-R"]).clean();
    assert_eq!(run.text(), whole.text());
    assert!(run.err.contains("[image-truncated]"), "{}", run.err);
    let run = image.run("cat", &["packed"]);
    assert_eq!((run.code, run.out), (1, vec![b'p'; 300]));
}

#[test]
fn a_superblock_with_a_wrong_checksum_is_reported_and_used() {
    let mut bytes = reference();
    bytes[50] ^= 1;
    let image = ImageFile::new(&bytes);
    let run = image.run("cat", &["packed"]);
    assert_eq!((run.code, run.out), (1, vec![b'p'; 300]));
    assert!(run.err.contains("[superblock-checksum]"), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn fields_of_a_superblock_that_cannot_be_used_are_shown() {
    let mut bytes = reference();
    bytes[4] = b'\n';
    let image = ImageFile::new(&bytes);
    let run = image.run("info", &[]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("[superblock-magic]"), "{}", run.err);
    let text = run.text();
    assert!(
        text.contains("magic      da4441580a0a1a0a (WRONG, expected da4441580d0a1a0a)"),
        "{text}"
    );
    assert!(text.contains("label      \"reference\""), "{text}");
    assert!(text.contains("directory"), "{text}");
    let json = &image.run("info", &["--json"]).json();
    assert_eq!(json[0]["record"], "error");
    assert_eq!(json[1]["record"], "superblock");
    assert_eq!(json[1]["page_shift"], 12);
}

#[test]
fn a_wrong_checksum_of_a_section_is_shown() {
    let mut specimen = Editor::new(reference());
    specimen.inode("/packed").uid.set(77);
    specimen.seal = daxfs_hostile::editor::Seal::Nothing;
    let image = ImageFile::new(&specimen.finish());
    let named = format!(
        "daxfs-inspect: {}: inode section at ",
        image.path().display()
    );
    for command in ["info", "dump"] {
        let run = image.run(command, &[]);
        assert!(run.err.starts_with(&named), "{}", run.err);
    }
    let run = image.run("info", &[]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("[section-checksum]"), "{}", run.err);
    let line = run
        .text()
        .lines()
        .find(|line| line.starts_with("inode  "))
        .unwrap();
    assert!(line.contains("WRONG: stated "), "{line}");
    assert!(line.contains(", computed "), "{line}");
    let json = image.run("info", &["--json"]).json();
    let section = &json.last().unwrap()["sections"][0];
    assert_eq!(section["checksum"], "wrong");
    assert_ne!(section["stated"], section["computed"]);
}

/// A result from a section whose checksum is wrong comes with one warning.
#[test]
fn results_from_a_damaged_section_come_with_a_warning() {
    let mut specimen = Editor::new(reference());
    specimen.inode("/packed").uid.set(77);
    specimen.seal = daxfs_hostile::editor::Seal::Nothing;
    let image = ImageFile::new(&specimen.finish());
    let warning = format!(
        "daxfs-inspect: warning: {}: the result comes from the inode section at 0x1000, whose \
         checksum is wrong: stated ",
        image.path().display()
    );
    let commands: [(&str, &[&str]); 6] = [
        ("ls", &["-lR"]),
        ("stat", &["packed", "hard"]),
        ("cat", &["packed", "hard"]),
        ("tree", &[]),
        ("map", &[]),
        ("ls", &["-l", "packed"]),
    ];
    for (command, rest) in commands {
        let run = image.run(command, rest);
        assert_eq!(run.code, 1, "{command}");
        assert!(run.err.starts_with(&warning), "{command}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{command}: {}", run.err);
    }
    let json = image.run("stat", &["packed", "--json"]).json();
    assert_eq!(json[1]["record"], "warning");
    let finding = &json[1]["finding"];
    assert_eq!(finding["rule"], "section-checksum");
    assert_eq!(finding["offset"], 0x1000);
    assert_ne!(finding["stated"], finding["computed"]);
    let paths = [image.path().as_os_str(), image.path().as_os_str()];
    let run = support::inspect(&[&[std::ffi::OsStr::new("diff")], &paths[..]].concat());
    assert_eq!(run.code, 2);
}

/// Control characters in names reach neither stream.
#[test]
fn hostile_names_are_harmless() {
    use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
    let mut tree = Tree::new(Form::default());
    let evil: [&[u8]; 4] = [
        b"\x1b]0;pwned\x07",
        b"\x9b2J",
        b"a\nb",
        "\u{202e}x".as_bytes(),
    ];
    for name in evil {
        let directory = tree.add(ROOT, name, Body::Directory);
        tree.add(directory, b"link", Body::Symlink(name.to_vec()));
        tree.add(directory, b"file", Body::Packed(name.to_vec()));
    }
    let image = ImageFile::new(&tree.write());
    let whole: [(&str, &[&str]); 5] = [
        ("ls", &["-lR"]),
        ("tree", &[]),
        ("map", &[]),
        ("dump", &[]),
        ("info", &[]),
    ];
    for (command, rest) in whole {
        for form in [&[][..], &["--json"]] {
            let run = image.run(
                command,
                &rest.iter().chain(form).copied().collect::<Vec<_>>(),
            );
            let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
            assert!(run.out.iter().all(printable), "{command}: {}", run.text());
        }
    }
    for name in evil {
        for command in ["stat", "cat", "ls", "tree", "map"] {
            for path in [name, &[name, b"/none"].concat()] {
                let run = image.run_on(command, path);
                let harmless = |text: &str| text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n'));
                assert!(
                    harmless(run.text()) && harmless(&run.err),
                    "{command}: {run:?}"
                );
            }
        }
    }
}
