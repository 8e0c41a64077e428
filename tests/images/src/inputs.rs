// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classes of bad input beside images: arguments of a mount, and peers that write while it is read.
//! Each peer names the tests that cover it; a test looks the names up.

/// The component that refuses an argument.
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
    /// The component that refuses them.
    pub judge: Judge,
    /// A part of the message.
    pub says: &'static str,
    /// The error number.
    pub errno: &'static str,
}

/// The guest case that tries all arguments.
pub const ARGUMENTS_CASE: &str = "bad-arguments";

/// A table of arguments, all of them refused with `EINVAL`.
macro_rules! arguments {
    ($($name:literal: $judge:ident refuses $options:literal with $says:expr;)*) => {
        /// Every class of arguments.
        pub const ARGUMENTS: &[Argument] = &[$(Argument {
            name: $name,
            options: $options,
            judge: Judge::$judge,
            says: $says,
            errno: "EINVAL",
        },)*];
    };
}

const NUMBER: &str = "takes a number";
const TWICE: &str = "given twice";
const DIGITS: &str = "64 hexadecimal digits";

arguments! {
    "address-missing": Mount refuses "" with "phys=ADDR is needed";
    "address-empty": Parser refuses "phys=" with "phys";
    "address-is-no-number": Parser refuses "phys=abc" with NUMBER;
    "address-without-digits": Parser refuses "phys=0x" with NUMBER;
    "address-negative": Parser refuses "phys=-4096" with NUMBER;
    "address-with-unknown-unit": Parser refuses "phys=1Q" with NUMBER;
    "address-over-64-bits": Parser refuses "phys=0x10000000000000000" with NUMBER;
    "unit-over-64-bits": Parser refuses "phys=16777216T" with NUMBER;
    "address-misaligned": Parser refuses "phys=0x1000" with "multiple of 2 MiB";
    "size-zero": Parser refuses "phys=HERE,size=0" with "holds no image";
    "address-twice": Parser refuses "phys=HERE,phys=HERE" with TWICE;
    "flag-twice": Parser refuses "phys=HERE,validate,validate" with TWICE;
    "identity-short": Parser refuses "phys=HERE,identity=sha256:12" with DIGITS;
    "identity-without-algorithm": Parser refuses
        "phys=HERE,identity=0000000000000000000000000000000000000000000000000000000000000000"
        with DIGITS;
    "option-unknown": Mount refuses "phys=HERE,branch=x" with "branch";
    "flag-with-value": Mount refuses "phys=HERE,validate=1" with "validate";
    "address-of-ram": Mount refuses "phys=0x4000000" with "is RAM";
    "address-beyond-the-machine": Mount refuses "phys=0x8000000000000000" with "ends beyond";
    "address-that-wraps": Mount refuses "phys=0xffffffffffe00000" with "ends beyond";
    "size-that-wraps": Mount refuses "phys=HERE,size=0xffffffffffffffff" with "ends beyond";
    "size-beyond-the-machine": Mount refuses "phys=HERE,size=64T" with "ends beyond";
    "size-under-the-image": Mount refuses "phys=HERE,size=4096" with "is less than";
}

/// A way for a peer to interfere with readers at run time.
pub struct Peer {
    /// The name, unique.
    pub name: &'static str,
    /// Its action.
    pub does: &'static str,
    /// The tests and guest cases that cover it.
    pub shown_by: &'static [&'static str],
}

/// Every class of peers.
pub const PEERS: &[Peer] = &[
    Peer {
        name: "word-between-two-loads",
        does: "changes any word between any two loads of one operation, once or for good",
        shown_by: &["every_word_changes_at_every_load", "every_reader_is_an_operation"],
    },
    Peer {
        name: "superblock-after-open",
        does: "rewrites superblock and section table of an open image",
        shown_by: &["every_word_changes_at_every_load"],
    },
    Peer {
        name: "bad-from-the-start",
        does: "presents an image that no check has seen, of every class above",
        shown_by: &["readers_survive_every_class", "readers_refuse_what_they_can_see"],
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
    },
    Peer {
        name: "names-with-one-hash",
        does: "gives 10,000 names one hash",
        shown_by: &["ten_thousand_names_with_one_hash"],
    },
    Peer {
        name: "file-that-shrinks",
        does: "truncates an image file under a tool",
        shown_by: &["an_image_that_shrinks_is_an_error_and_no_signal"],
    },
];
