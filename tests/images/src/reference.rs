// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference image: one of every kind of object that the format has, in 48 KiB; and smaller
//! images with features that exclude each other.

use daxfs_format::{Namespace, Rdev};

use crate::collide::names_with_hash;
use crate::writer::{Attribute, Body, Form, Tree, ROOT};

/// The hash that three names in `hashes` share.
pub const SHARED_HASH: u32 = 0x5eed_5eed;

/// The reference image, sealed.
#[must_use]
pub fn reference() -> Vec<u8> {
    tree().write()
}

/// The tree of the reference image.
#[must_use]
pub fn tree() -> Tree {
    let mut tree = Tree::new(Form {
        optional: true,
        free_page: true,
        ..Form::default()
    });
    add_files(&mut tree);
    add_special(&mut tree);
    add_directories(&mut tree);
    add_attributes(&mut tree);
    tree.add(ROOT, b"zz-last", Body::Empty);
    tree
}

fn add_files(tree: &mut Tree) {
    tree.add(ROOT, b"empty", Body::Empty);
    let packed = |byte: u8, length| Body::Packed(vec![byte; length]);
    tree.add(ROOT, b"packed", packed(b'p', 300));
    tree.add(ROOT, b"packed-twin", packed(b'p', 300));
    tree.add(ROOT, b"packed-more", packed(b'q', 77));
    tree.add(ROOT, b"direct", Body::Direct(pattern(5000)));
    tree.add(ROOT, b"direct-twin", Body::Direct(pattern(5000)));
    tree.add(ROOT, b"direct-page", Body::Direct(pattern(4096)));
    tree.add(ROOT, b"direct-byte", Body::Direct(vec![7]));
    let hard = tree.add(ROOT, b"hard", packed(b'h', 9));
    tree.link(ROOT, b"hard-again", hard);
    tree.add(
        ROOT,
        b"sparse",
        Body::Sparse {
            size: 20_580,
            extents: vec![(0, pattern(4096)), (20_480, pattern(100))],
        },
    );
    tree.add(
        ROOT,
        b"sparse-middle",
        Body::Sparse {
            size: 1 << 40,
            extents: vec![(1 << 39, pattern(4096))],
        },
    );
    tree.add(
        ROOT,
        b"sparse-hole",
        Body::Sparse {
            size: 1 << 20,
            extents: Vec::new(),
        },
    );
}

fn add_special(tree: &mut Tree) {
    let rdev = |major, minor| Rdev { major, minor };
    tree.add(ROOT, b"char", Body::CharDevice(rdev(1, 3)));
    tree.add(ROOT, b"block", Body::BlockDevice(rdev(259, 0x1_2345)));
    tree.add(ROOT, b"fifo", Body::Fifo);
    tree.add(ROOT, b"socket", Body::Socket);
    tree.add(ROOT, b"link", Body::Symlink(b"directory/nested".to_vec()));
    tree.add(ROOT, b"link-long", Body::Symlink(vec![b'l'; 4095]));
    tree.add(ROOT, b"link-byte", Body::Symlink(vec![b'.']));
}

fn add_directories(tree: &mut Tree) {
    let directory = tree.add(ROOT, b"directory", Body::Directory);
    let nested = tree.add(directory, b"nested", Body::Directory);
    let deeper = tree.add(nested, b"deeper", Body::Directory);
    tree.add(deeper, b"file", Body::Packed(b"deep".to_vec()));
    tree.add(directory, b"sibling", Body::Directory);
    tree.add(ROOT, b"directory-empty", Body::Directory);
    tree.add(ROOT, &[b'n'; 255], Body::Empty);
    tree.add(ROOT, b"not utf-8 \xff\xfe", Body::Empty);
    let before = tree.add(ROOT, b"before-1970", Body::Empty);
    tree.node(before).mtime = (-86_400, 999_999_999);
    tree.node(before).permissions = 0o6755;
    tree.node(before).uid = u32::MAX - 1;
    tree.node(before).gid = 1000;
    let one = tree.add(ROOT, b"one", Body::Directory);
    tree.add(one, b"x", Body::Empty);
    let two = tree.add(ROOT, b"two", Body::Directory);
    tree.add(two, b"yy", Body::Empty);
    let hashes = tree.add(ROOT, b"hashes", Body::Directory);
    tree.node(hashes).permissions = 0o1777;
    for (hash, count) in [(0, 1), (SHARED_HASH, 3), (u32::MAX, 2)] {
        let readable = |name: &[u8; 8]| std::str::from_utf8(name).is_ok();
        for name in names_with_hash(hash).filter(readable).take(count) {
            tree.add(hashes, &name, Body::Empty);
        }
    }
}

fn add_attributes(tree: &mut Tree) {
    let attribute = |namespace, name: &str, value: &[u8]| -> Attribute {
        (namespace, name.as_bytes().to_vec(), value.to_vec())
    };
    let mixed = vec![
        attribute(Namespace::User, "commend", b"another"),
        attribute(Namespace::User, "comment", b"a value"),
        attribute(Namespace::User, "void", b""),
        attribute(Namespace::Trusted, "overlay.opaque", b"y"),
        attribute(
            Namespace::Security,
            "capability",
            &[1, 0, 0, 2, 0, 0x20, 0, 0],
        ),
    ];
    for name in ["with-xattrs", "with-same-xattrs"] {
        let ino = tree.add(ROOT, name.as_bytes(), Body::Empty);
        tree.node(ino).xattrs = mixed.clone();
    }
    let access = acl(&[(1, 7), (2, 6), (4, 5), (16, 7), (32, 4)]);
    let file = tree.add(ROOT, b"with-acl", Body::Empty);
    tree.node(file).permissions = 0o774;
    tree.node(file).xattrs = vec![attribute(Namespace::AclAccess, "", &access)];
    let directory = tree.add(ROOT, b"with-default-acl", Body::Directory);
    tree.node(directory).permissions = 0o774;
    let plain = acl(&[(1, 7), (4, 5), (32, 0)]);
    tree.node(directory).xattrs = vec![
        attribute(Namespace::AclAccess, "", &access),
        attribute(Namespace::AclDefault, "", &plain),
    ];
}

/// An ACL of entries (tag, permissions), in the form of an attribute's value.
#[must_use]
pub fn acl(entries: &[(u16, u16)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for &(tag, permissions) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        let id = if matches!(tag, 2 | 8) { 1000 } else { u32::MAX };
        value.extend(id.to_le_bytes());
    }
    value
}

/// Bytes of which none is zero, so that a tail differs from contents.
fn pattern(length: usize) -> Vec<u8> {
    (1..=251).cycle().take(length).collect()
}

/// Small images, by name, with features that the reference image cannot have as well.
#[must_use]
pub fn variants() -> Vec<(&'static str, Vec<u8>)> {
    let bare = Tree::new(Form::default());
    let mut packed = bare.clone();
    packed.add(ROOT, b"a", Body::Packed(b"bytes".to_vec()));
    let mut undigested = packed.clone();
    undigested.form.digests = false;
    let mut wide = bare.clone();
    wide.form.page_shift = 16;
    wide.add(ROOT, b"wide", Body::Direct(pattern(100)));
    let mut sparse = bare.clone();
    let extents = vec![(4096, pattern(4096)), (12_288, pattern(10))];
    sparse.add(
        ROOT,
        b"s",
        Body::Sparse {
            size: 12_298,
            extents,
        },
    );
    let mut kinds = bare.clone();
    let file = kinds.add(ROOT, b"f", Body::Direct(pattern(4000)));
    kinds.link(ROOT, b"g", file);
    kinds.add(ROOT, b"h", Body::Direct(pattern(4000)));
    add_special(&mut kinds);
    let mut nested = bare.clone();
    let mut parent = ROOT;
    for _ in 0..16 {
        parent = nested.add(parent, b"d", Body::Directory);
    }
    let mut attributes = bare.clone();
    add_attributes(&mut attributes);
    let mut colliding = bare.clone();
    for name in names_with_hash(SHARED_HASH).take(40) {
        colliding.add(ROOT, &name, Body::Fifo);
    }
    let trees = [
        ("bare", bare),
        ("packed", packed),
        ("undigested", undigested),
        ("wide", wide),
        ("sparse", sparse),
        ("kinds", kinds),
        ("nested", nested),
        ("attributes", attributes),
        ("colliding", colliding),
    ];
    trees.map(|(name, tree)| (name, tree.write())).to_vec()
}

/// The small image with this name.
///
/// # Panics
/// When there is no such image.
#[must_use]
pub fn variant(name: &str) -> Vec<u8> {
    let found = variants().into_iter().find(|(other, _)| *other == name);
    let (_, image) = found.expect("the name of a variant");
    image
}
