// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classes of bad input that are no images: arguments of a mount, and peers that write meanwhile. Each
//! names what shows it, which the tests look up, and the break for which that failed.

/// Who refuses an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The module's parser of options, which also runs in user space.
    Parser,
    /// The mount, in a guest.
    Mount,
}

/// A way for an argument to be bad.
pub struct Argument {
    /// The name, unique.
    pub name: &'static str,
    /// The options; `HERE` is the address of an image.
    pub options: &'static str,
    /// Who refuses them.
    pub judge: Judge,
    /// A part of the message.
    pub says: &'static str,
    /// The error number.
    pub errno: &'static str,
    /// The guest case that tries it.
    pub case: &'static str,
    /// The break for which a test failed.
    pub broken: &'static str,
}

const fn parser(
    name: &'static str,
    options: &'static str,
    says: &'static str,
    broken: &'static str,
) -> Argument {
    Argument {
        name,
        options,
        judge: Judge::Parser,
        says,
        errno: "EINVAL",
        case: "bad-arguments",
        broken,
    }
}

const fn mount(
    name: &'static str,
    options: &'static str,
    says: &'static str,
    broken: &'static str,
) -> Argument {
    Argument {
        judge: Judge::Mount,
        ..parser(name, options, says, broken)
    }
}

const NUMBER: &str = "takes a number";
const TWICE: &str = "given twice";
const DIGITS: &str = "64 hexadecimal digits";

/// Every class of arguments.
pub const ARGUMENTS: &[Argument] = &[
    mount(
        "address-missing",
        "",
        "phys=ADDR is needed",
        "a missing address is 0",
    ),
    parser("address-empty", "phys=", "phys", "nothing is 0"),
    parser(
        "address-is-no-number",
        "phys=abc",
        NUMBER,
        "what is no digit counts as 0",
    ),
    parser(
        "address-without-digits",
        "phys=0x",
        NUMBER,
        "no digits are 0",
    ),
    parser(
        "address-negative",
        "phys=-4096",
        NUMBER,
        "a sign is skipped",
    ),
    parser(
        "address-with-unknown-unit",
        "phys=1Q",
        NUMBER,
        "unknown units are skipped",
    ),
    parser(
        "address-over-64-bits",
        "phys=0x10000000000000000",
        NUMBER,
        "numbers wrap",
    ),
    parser("unit-over-64-bits", "phys=16777216T", NUMBER, "units wrap"),
    parser(
        "address-misaligned",
        "phys=0x1000",
        "no multiple of 2 MiB",
        "alignment not looked at",
    ),
    parser(
        "size-zero",
        "phys=HERE,size=0",
        "holds no image",
        "size 0 accepted",
    ),
    parser(
        "address-twice",
        "phys=HERE,phys=HERE",
        TWICE,
        "the last one counts",
    ),
    parser(
        "flag-twice",
        "phys=HERE,validate,validate",
        TWICE,
        "the last one counts",
    ),
    parser(
        "identity-short",
        "phys=HERE,identity=sha256:12",
        DIGITS,
        "missing digits are 0",
    ),
    parser(
        "identity-without-algorithm",
        "phys=HERE,identity=0000000000000000000000000000000000000000000000000000000000000000",
        DIGITS,
        "the algorithm may be missing",
    ),
    mount(
        "option-unknown",
        "phys=HERE,branch=x",
        "branch",
        "none: the VFS judges",
    ),
    mount(
        "flag-with-value",
        "phys=HERE,validate=1",
        "validate",
        "none: the VFS judges",
    ),
    mount(
        "address-of-ram",
        "phys=0x4000000",
        "is RAM",
        "RAM not refused",
    ),
    mount(
        "address-beyond-the-machine",
        "phys=0x8000000000000000",
        "ends beyond",
        "addresses not bounded",
    ),
    mount(
        "address-that-wraps",
        "phys=0xffffffffffe00000",
        "ends beyond",
        "addresses not bounded",
    ),
    mount(
        "size-that-wraps",
        "phys=HERE,size=0xffffffffffffffff",
        "ends beyond",
        "addresses not bounded",
    ),
    mount(
        "size-beyond-the-machine",
        "phys=HERE,size=64T",
        "ends beyond",
        "addresses not bounded",
    ),
    mount(
        "size-under-the-image",
        "phys=HERE,size=4096",
        "is less than",
        "the size is not compared with the image's",
    ),
];

/// What a peer can do to readers at run time.
pub struct Peer {
    /// The name, unique.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The tests and guest cases that show what comes of it.
    pub shown_by: &'static [&'static str],
    /// The break for which one of them failed.
    pub broken: &'static str,
}

/// Every class of peers.
pub const PEERS: &[Peer] = &[
    Peer {
        name: "word-between-two-loads",
        does: "changes any word between any two loads of one operation, once or for good",
        shown_by: &["every_word_changes_at_every_load", "every_reader_is_an_operation"],
        broken: "bounds of attribute sets not checked",
    },
    Peer {
        name: "superblock-after-open",
        does: "rewrites superblock and section table of an open image",
        shown_by: &["every_word_changes_at_every_load"],
        broken: "the place of the inodes is read again",
    },
    Peer {
        name: "bad-from-the-start",
        does: "presents an image that no check has seen, of every class above",
        shown_by: &["readers_survive_every_class", "readers_refuse_what_they_can_see"],
        broken: "`inode-links`, `inode-xattrs` of readers switched off",
    },
    Peer {
        name: "objects-that-share-bytes",
        does: "lets many objects claim the same bytes, so that a check or a digest reads them again and again",
        shown_by: &[
            "directories_that_share_a_unit",
            "sparse_files_that_share_a_list",
            "files_that_share_their_page",
            "attribute_sets_that_overlap",
            "a_digest_of_extents_that_share_their_pages",
        ],
        broken: "objects behind the cursor are looked into",
    },
    Peer {
        name: "names-with-one-hash",
        does: "gives 10,000 names one hash",
        shown_by: &["ten_thousand_names_with_one_hash"],
        broken: "the first entry with the hash is taken",
    },
    Peer {
        name: "file-that-shrinks",
        does: "truncates an image file under a tool",
        shown_by: &["an_image_that_shrinks_is_an_error_and_no_signal"],
        broken: "a short read is any other error",
    },
];
