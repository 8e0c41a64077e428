// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison finds each change of a tree, in the aspect that it concerns and in no other.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{symlink, FileExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{lsetxattr, XattrFlags};

use crate::compare::{Aspect, Differences, ASPECTS};
use crate::record;
use crate::replicate::{self, set_mtime, Order};

/// A small tree with one entry of every kind that an ordinary user can make.
fn make(root: &Path) {
    fs::create_dir_all(root.join("dir/sub")).unwrap();
    fs::write(root.join("dir/file"), "content").unwrap();
    fs::hard_link(root.join("dir/file"), root.join("dir/sub/again")).unwrap();
    fs::write(root.join("single"), "single").unwrap();
    symlink("dir/file", root.join("link")).unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(1 << 20).unwrap();
    sparse.write_all_at(b"island", 500_000).unwrap();
    lsetxattr(
        root.join("single"),
        "user.note",
        b"yes",
        XattrFlags::empty(),
    )
    .unwrap();
    for name in ["dir/file", "single", "sparse", "link", "dir/sub", "dir", ""] {
        set_mtime(&root.join(name), (1_600_000_000, 123_456_789)).unwrap();
    }
}

/// Makes the tree twice, changes the second one, and returns the aspects in which they differ.
fn changed(change: impl FnOnce(&Path)) -> Vec<Aspect> {
    let scratch = tempfile::tempdir().unwrap();
    let (before, after) = (scratch.path().join("before"), scratch.path().join("after"));
    make(&before);
    make(&after);
    change(&after);
    for name in ["dir/sub", "dir", ""] {
        set_mtime(&after.join(name), (1_600_000_000, 123_456_789)).unwrap();
    }
    let (before, after) = (
        record::read(&before).unwrap(),
        record::read(&after).unwrap(),
    );
    let found = Differences::between(&before, &after);
    ASPECTS
        .into_iter()
        .filter(|aspect| found.count(*aspect) > 0)
        .collect()
}

/// Runs `body`, then resets the time of `name` to that of [`make`].
fn quietly(root: &Path, name: &str, body: impl FnOnce(&Path)) {
    body(&root.join(name));
    set_mtime(&root.join(name), (1_600_000_000, 123_456_789)).unwrap();
}

#[test]
fn equal_trees_do_not_differ() {
    assert_eq!(changed(|_| {}), []);
}

#[test]
fn names_and_types() {
    assert_eq!(
        changed(|root| fs::write(root.join("zz-new"), "").unwrap()),
        [Aspect::Names]
    );
    assert_eq!(
        changed(|root| fs::remove_file(root.join("link")).unwrap()),
        [Aspect::Names]
    );
    let found = changed(|root| {
        fs::remove_dir_all(root.join("dir/sub")).unwrap();
        File::create(root.join("dir/sub")).unwrap();
    });
    assert!(found.contains(&Aspect::Type), "{found:?}");
}

#[test]
fn modes_and_times() {
    let mode = Permissions::from_mode(0o4711);
    let found = changed(|root| fs::set_permissions(root.join("single"), mode).unwrap());
    assert_eq!(found, [Aspect::Mode]);
    let time = |seconds, nanoseconds| {
        changed(move |root| set_mtime(&root.join("link"), (seconds, nanoseconds)).unwrap())
    };
    assert_eq!(time(1_600_000_001, 123_456_789), [Aspect::Seconds]);
    assert_eq!(time(1_600_000_000, 123_456_788), [Aspect::Nanoseconds]);
}

#[test]
fn contents_and_holes() {
    let found = changed(|root| {
        quietly(root, "single", |path| fs::write(path, "Single").unwrap());
    });
    assert_eq!(found, [Aspect::Content]);
    let found = changed(|root| {
        quietly(root, "sparse", |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.write_all_at(&[0; 4096], 0).unwrap();
        });
    });
    assert_eq!(found, [Aspect::Holes]);
}

/// An image has the holes that its builder's rule gives to contents, and not those of the source.
#[test]
fn holes_of_an_image() {
    let scratch = tempfile::tempdir().unwrap();
    let file = File::create(scratch.path().join("file")).unwrap();
    file.set_len(1 << 20).unwrap();
    file.write_all_at(b"island", 500_000).unwrap();
    let source = record::read(scratch.path()).unwrap();
    assert_eq!(source[1].stored, [(7 << 16, 8 << 16)]);
    file.write_all_at(&[0; 65_536], 7 << 16).unwrap();
    file.write_all_at(b"island", 500_000).unwrap();
    set_mtime(&scratch.path().join("file"), source[1].mtime).unwrap();
    let restored = record::read(scratch.path()).unwrap();
    let found = Differences::after_image(&source, &restored);
    assert!(found.is_empty(), "{:?}", found.lines().collect::<Vec<_>>());
    let found = Differences::after_image(&source, &source);
    assert_eq!(found.count(Aspect::Holes), 1);
}

#[test]
fn links() {
    let found = changed(|root| {
        fs::remove_file(root.join("link")).unwrap();
        symlink("dir/fill", root.join("link")).unwrap();
        set_mtime(&root.join("link"), (1_600_000_000, 123_456_789)).unwrap();
    });
    assert_eq!(found, [Aspect::Target]);
    let found = changed(|root| {
        fs::remove_file(root.join("dir/sub/again")).unwrap();
        quietly(root, "dir/sub/again", |path| {
            fs::write(path, "content").unwrap();
        });
    });
    assert_eq!(found, [Aspect::HardLinks]);
}

#[test]
fn attributes() {
    for (name, value) in [("user.note", &b"no"[..]), ("user.other", b"")] {
        let found = changed(|root| {
            lsetxattr(root.join("single"), name, value, XattrFlags::empty()).unwrap();
        });
        assert_eq!(found, [Aspect::UserXattrs]);
    }
}

#[test]
fn a_copy_in_any_order_is_the_same_tree() {
    let scratch = tempfile::tempdir().unwrap();
    let source = scratch.path().join("source");
    make(&source);
    let records = record::read(&source).unwrap();
    for (name, order) in [("forward", Order::Forward), ("reverse", Order::Reverse)] {
        let copy = scratch.path().join(name);
        replicate::copy(&source, &records, &copy, order).unwrap();
        let found = Differences::between(&records, &record::read(&copy).unwrap());
        assert!(found.is_empty(), "{:?}", found.lines().collect::<Vec<_>>());
    }
}
