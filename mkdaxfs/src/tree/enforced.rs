// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the rules that the builder enforces: each is broken once, and found by its name.

use daxfs_format::Timestamp;

use super::builder::{Child, NewKind, NewNode, RefusedNames, TreeBuilder};
use super::limits::Limit;
use super::node::{hash_of, NodeId, Status};
use super::xattrs::{EncodedSet, KnownNames};

const FILE: u16 = 0o100_644;
const DIRECTORY: u16 = 0o040_755;
const SYMLINK: u16 = 0o120_777;

fn status(mode: u16) -> Status {
    Status {
        mode,
        uid: u32::MAX - 1,
        gid: u32::MAX - 1,
        size: i64::MAX.unsigned_abs(),
        mtime: Timestamp {
            seconds: i64::MIN,
            nanoseconds: 999_999_999,
        },
        ctime: 0,
    }
}

fn node(status: Status, kind: NewKind) -> NewNode {
    NewNode {
        status,
        xattrs: EncodedSet::default(),
        kind,
    }
}

/// A tree with its root.
fn rooted() -> (TreeBuilder, NodeId) {
    let mut tree = TreeBuilder::default();
    let root = tree.add(node(status(DIRECTORY), NewKind::Directory));
    (tree, root.unwrap())
}

fn add(tree: &mut TreeBuilder, mode: u16, kind: NewKind) -> NodeId {
    tree.add(node(status(mode), kind)).unwrap()
}

/// Children in the order of the format.
fn sorted<'a>(names: &[(&'a [u8], NodeId)]) -> Vec<Child<'a>> {
    let child = |&(name, node): &(&'a [u8], NodeId)| Child { name, node };
    let mut children: Vec<Child<'_>> = names.iter().map(child).collect();
    children.sort_by_key(|child| (hash_of(child.name), child.name));
    children
}

#[test]
fn metadata_that_an_image_cannot_hold_are_refused() {
    let (file, target) = (status(FILE), |bytes: &[u8]| {
        NewKind::Symlink(bytes.to_vec())
    });
    let mtime = Timestamp {
        seconds: 0,
        nanoseconds: 1_000_000_000,
    };
    let cases = [
        (status(0o644), NewKind::Regular, Limit::FileType(0o644)),
        (
            status(0o170_644),
            NewKind::Regular,
            Limit::FileType(0o170_644),
        ),
        (status(DIRECTORY), NewKind::Regular, Limit::Kind(DIRECTORY)),
        (file, NewKind::Directory, Limit::Kind(FILE)),
        (file, NewKind::Device(0), Limit::Kind(FILE)),
        (file, NewKind::Other, Limit::Kind(FILE)),
        (file, target(b"a"), Limit::Kind(FILE)),
        (
            Status {
                size: 1 << 63,
                ..file
            },
            NewKind::Regular,
            Limit::FileSize(1 << 63),
        ),
        (
            Status {
                uid: u32::MAX,
                ..file
            },
            NewKind::Regular,
            Limit::Owner,
        ),
        (
            Status {
                gid: u32::MAX,
                ..file
            },
            NewKind::Regular,
            Limit::Owner,
        ),
        (
            Status { mtime, ..file },
            NewKind::Regular,
            Limit::Nanoseconds(1_000_000_000),
        ),
        (status(SYMLINK), target(b""), Limit::TargetLength(0)),
        (
            status(SYMLINK),
            target(&[b'a'; 4096]),
            Limit::TargetLength(4096),
        ),
        (status(SYMLINK), target(b"a\0b"), Limit::TargetNul),
    ];
    let (mut tree, _) = rooted();
    for (status, kind, limit) in cases {
        let found = tree.add(node(status, kind)).unwrap_err();
        assert_eq!(found, limit);
        assert!(!found.to_string().is_empty());
    }
    add(&mut tree, FILE, NewKind::Regular);
    add(&mut tree, SYMLINK, target(&[b'a'; 4095]));
    // The sizes of other files are not in an image.
    let huge = Status {
        size: u64::MAX,
        ..status(DIRECTORY)
    };
    tree.add(node(huge, NewKind::Directory)).unwrap();
}

#[test]
fn names_that_an_image_cannot_hold_are_refused() {
    let (mut tree, root) = rooted();
    let one = add(&mut tree, FILE, NewKind::Regular);
    let two = add(&mut tree, FILE, NewKind::Regular);
    let directory = add(&mut tree, DIRECTORY, NewKind::Directory);
    let absent = NodeId(99);
    let long = [b'a'; 256];
    for (name, node, limit) in [
        (&b""[..], one, Limit::NameLength(0)),
        (&long, one, Limit::NameLength(256)),
        (b".", one, Limit::NameDots),
        (b"..", one, Limit::NameDots),
        (b"a/b", one, Limit::NameSeparator),
        (b"a\0", one, Limit::NameSeparator),
        (b"a", absent, Limit::NoFile),
        (b"a", root, Limit::RootNamed),
    ] {
        let refused = RefusedNames {
            child: Some(0),
            limit: limit.clone(),
        };
        let child = Child { name, node };
        assert_eq!(tree.set_children(root, &[child]), Err(refused), "{name:?}");
        assert_eq!(tree.insert_child(root, child), Err(limit), "{name:?}");
    }
    let twice = sorted(&[(b"a", one), (b"a", two), (b"b", two)]);
    let mut swapped = sorted(&[(b"a", one), (b"b", two)]);
    swapped.reverse();
    let both = sorted(&[(b"d", directory), (b"e", directory)]);
    for (children, limit) in [
        (twice, Limit::NameTwice),
        (swapped, Limit::NameOrder),
        (both, Limit::DirectoryNamedTwice),
    ] {
        let (mut tree, root) = rooted();
        add(&mut tree, FILE, NewKind::Regular);
        add(&mut tree, FILE, NewKind::Regular);
        add(&mut tree, DIRECTORY, NewKind::Directory);
        let refused = tree.set_children(root, &children).unwrap_err();
        assert_eq!(refused.limit, limit);
        assert!(refused.child.is_some());
    }
}

#[test]
fn only_directories_hold_names_and_are_given_them_once() {
    let (mut tree, root) = rooted();
    let file = add(&mut tree, FILE, NewKind::Regular);
    let refused = |tree: &mut TreeBuilder, directory, children: &[Child<'_>]| {
        let refused = tree.set_children(directory, children).unwrap_err();
        assert_eq!(refused.child, None);
        refused.limit
    };
    let child = [Child {
        name: b"a",
        node: file,
    }];
    assert_eq!(refused(&mut tree, file, &[]), Limit::NotDirectory);
    assert_eq!(refused(&mut tree, NodeId(7), &[]), Limit::NoFile);
    assert_eq!(tree.insert_child(file, child[0]), Err(Limit::NotDirectory));
    tree.set_children(root, &child).unwrap();
    assert_eq!(refused(&mut tree, root, &child), Limit::NamesTwice);
    assert_eq!(tree.insert_child(root, child[0]), Err(Limit::NameTwice));
}

#[test]
fn a_directory_has_one_parent_and_is_below_the_root() {
    let tree = |names: &[(usize, &[u8], usize)]| {
        let (mut tree, root) = rooted();
        let mut nodes = vec![root];
        nodes.extend((0..3).map(|_| add(&mut tree, DIRECTORY, NewKind::Directory)));
        nodes.push(add(&mut tree, FILE, NewKind::Regular));
        for &(parent, name, node) in names {
            let child = Child {
                name,
                node: nodes[node],
            };
            tree.insert_child(nodes[parent], child)?;
        }
        tree.finish().map(|(_, order)| order.len())
    };
    let good: [(usize, &[u8], usize); 5] = [
        (0, b"1", 1),
        (1, b"2", 2),
        (2, b"3", 3),
        (3, b"4", 4),
        (0, b"link", 4),
    ];
    assert_eq!(tree(&good), Ok(5));
    let two_parents = [good[0], (0, b"2", 2), (1, b"2", 2)];
    assert_eq!(tree(&two_parents), Err(Limit::DirectoryNamedTwice));
    assert_eq!(tree(&[(0, b"1", 1), (1, b"0", 0)]), Err(Limit::RootNamed));
    assert_eq!(tree(&good[..3]), Err(Limit::Unreachable(1)), "no name");
    let below_itself = [good[0], (2, b"2", 2), (3, b"3", 3), good[4]];
    assert_eq!(tree(&below_itself), Err(Limit::Unreachable(2)));
    let ring = [good[0], (2, b"3", 3), (3, b"2", 2), good[4]];
    assert_eq!(tree(&ring), Err(Limit::Unreachable(2)));
}

#[test]
fn a_tree_has_a_directory_as_its_root() {
    let empty = TreeBuilder::default().finish().map(|_| ());
    assert_eq!(empty, Err(Limit::RootType));
    let file = TreeBuilder::default().add(node(status(FILE), NewKind::Regular));
    assert_eq!(file, Err(Limit::RootType));
}

#[test]
fn attributes_that_an_image_cannot_hold_are_refused() {
    let append = |names: &[&[u8]], length: usize, mode: u16| {
        let known = KnownNames::of(names)?;
        let mut set = EncodedSet::default();
        let value = vec![0; length];
        for name in known.iter() {
            set.append(name, &value, mode)?;
        }
        Ok(known.iter().count())
    };
    assert_eq!(append(&[b"user.a", b"user.b"], 65_536, FILE), Ok(2));
    assert_eq!(
        append(&[b"user.a", b"user.a"], 0, FILE),
        Ok(1),
        "listed twice"
    );
    let long = [&b"user."[..], &[b'a'; 250]].concat();
    let longer = [&b"user."[..], &[b'a'; 251]].concat();
    assert_eq!(append(&[&long], 0, FILE), Ok(1));
    for foreign in [&longer[..], b"user.", b"other.a", b"system.a", b"", b"user"] {
        assert_eq!(append(&[foreign], 0, FILE), Ok(0), "{foreign:?}");
    }
    assert_eq!(
        append(&[b"user.a"], 65_537, FILE),
        Err(Limit::XattrValue(65_537))
    );
    let acl = &b"system.posix_acl_access"[..];
    assert_eq!(append(&[acl], 4, FILE), Err(Limit::Acl));
    let many: Vec<Vec<u8>> = (0..300)
        .map(|at| format!("user.{at:0>245}").into_bytes())
        .collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(append(&many, 0, FILE), Err(Limit::XattrList(300 * 251)));
    assert_eq!(append(&many[..261], 0, FILE), Ok(261));

    let known = KnownNames::of(&[b"user.a", b"user.b"]).unwrap();
    let names: Vec<_> = known.iter().collect();
    for order in [[1, 0], [0, 0]] {
        let mut set = EncodedSet::default();
        set.append(names[order[0]], b"", FILE).unwrap();
        let second = set.append(names[order[1]], b"", FILE);
        assert_eq!(second, Err(Limit::XattrOrder));
    }
}

#[test]
fn an_acl_is_that_of_the_file_that_it_is_given_to() {
    let entry = |tag, permissions| [tag, 0, permissions, 0, 255, 255, 255, 255];
    let entries = [entry(1, 6), entry(4, 4), entry(32, 4)];
    let acl = [&[2, 0, 0, 0][..], &entries.concat()].concat();
    let set = || {
        let known = KnownNames::of(&[b"system.posix_acl_access"]).unwrap();
        let mut set = EncodedSet::default();
        set.append(known.iter().next().unwrap(), &acl, FILE)
            .unwrap();
        set
    };
    let (mut tree, _) = rooted();
    let mut with = |mode| {
        tree.add(NewNode {
            xattrs: set(),
            ..node(status(mode), NewKind::Regular)
        })
    };
    assert!(with(FILE).is_ok());
    assert_eq!(with(0o100_600), Err(Limit::AclMode(FILE)));
}
