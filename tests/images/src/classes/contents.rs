// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attribute sets, attributes and ACLs; contents, extents, tails and digests.

use daxfs_format::limits::MAX_XATTR_VALUE;
use daxfs_format::Namespace;
use daxfs_format::SectionKind::*;

use super::edit::Anchor::*;
use super::edit::Edit::*;
use super::edit::Value::*;
use super::edit::{byte, At, Edit, Value};
use super::{classes, Class};
use crate::writer::{Body, Form, Tree, ROOT};

// The order of the sections in the table of the reference image.
const XATTRS: u32 = 3;
const DIGESTS: u32 = 5;

// The file with set 1, and that with set 2.
const MIXED: &str = "with-xattrs";
const ACL: &str = "with-acl";

classes! {
    ATTRIBUTES:
    "sets-more-than-the-section-holds": XattrTable in Section(Xattrs)
        { XattrHeader.count = Is(1000) };
    "sets-of-all-ones": XattrTable in Section(Xattrs) { XattrHeader.count = Ones };
    "sets-reserved": XattrTable in Section(Xattrs) { XattrHeader.reserved_4[11] = Is(1) };
    "sets-one-too-few": XattrOffset in XattrSet(1) { XattrHeader.count = Is(2) };
    "sets-without-header": XattrTable in Section(Xattrs)
        [Zero(At(Start(Xattrs), 0), At(End(Xattrs), 0))] { SectionEntry(XATTRS).length = Is(8) };
    "sets-after-the-last": XattrOffset in Section(Xattrs) { SectionEntry(XATTRS).length = More(8) };
    "set-past-its-section": XattrTable in XattrSet(2) { XattrSet(2).offset = Is32(u32::MAX - 7) };
    "set-length-past-its-section": XattrTable in XattrSet(2)
        { XattrSet(2).length = Is32(u32::MAX - 7) };
    "set-length-zero": XattrTable in XattrSet(2) { XattrSet(2).length = Is(0) };
    "set-length-ragged": XattrTable in XattrSet(2) { XattrSet(2).length = Less(1) };
    "set-ragged-at-both-ends": XattrTable in XattrSet(2)
        { XattrSet(2).offset = More(4), XattrSet(2).length = Less(4) };
    "set-in-the-header": XattrTable in XattrSet(1) { XattrSet(1).offset = Is(8) };
    "set-of-another": XattrOffset in XattrSet(2) [Copy(XattrSet(1), XattrSet(2), 8)];
    "set-unused": XattrOrder in Section(Xattrs) { Inode("with-default-acl").xattrs = Is(2) };
    "set-used-before-its-turn": XattrOrder in Inode(MIXED) { Inode(MIXED).xattrs = Is(2) };
    "attribute-past-its-set": XattrEntry in XattrSet(1)
        { Attribute(MIXED, 0).value_length = Is(60_000) };
    "attribute-over-the-set's-end": XattrEntry in XattrSet(1) { XattrSet(1).length = Less(8) };
    "attribute-reserved": XattrEntry in XattrSet(1) { Attribute(MIXED, 0).reserved_6 = Is(1) };
    "attribute-value-too-long": XattrValue in XattrSet(1)
        { Attribute(MIXED, 0).value_length = Is32(MAX_XATTR_VALUE + 1) };
    "attribute-value-of-all-ones": XattrValue in XattrSet(1)
        { Attribute(MIXED, 0).value_length = Ones };
    "attribute-padding": Padding in XattrSet(1) [byte(Attribute(MIXED, 1), -1, Is(1))];
    "attributes-unsorted": XattrOrder in XattrSet(1)
        [byte(Attribute(MIXED, 0), 8, Is8(b'z'))];
    "attribute-twice": XattrOrder in XattrSet(1) [byte(Attribute(MIXED, 0), 14, Is8(b't'))];
    "namespace-zero": XattrNamespace in XattrSet(1) { Attribute(MIXED, 0).namespace = Is(0) };
    "namespace-unknown": XattrNamespace in XattrSet(1) { Attribute(MIXED, 0).namespace = Is(6) };
    "attribute-name-empty": XattrName in XattrSet(1) { Attribute(MIXED, 0).name_length = Is(0) };
    "attribute-name-too-long": XattrName in XattrSet(1)
        { Attribute(MIXED, 0).name_length = Is(251) };
    "attribute-name-of-an-acl": XattrName in XattrSet(2) { Attribute(ACL, 0).name_length = Is(1) };
    "attribute-name-with-nul": XattrName in XattrSet(1) [byte(Attribute(MIXED, 0), 8, Is(0))];
    "attribute-names-too-many": XattrList in XattrSet(1) [Replace(many_names)];
    "acl-version": XattrAcl in XattrSet(2) [byte(Attribute(ACL, 0), 8, Is(1))];
    "acl-of-a-ragged-length": XattrAcl in XattrSet(2)
        [byte(Attribute(ACL, 0), 51, Is(0))] { Attribute(ACL, 0).value_length = Less(1) };
    "acl-with-half-an-entry": XattrAcl in XattrSet(2) { Attribute(ACL, 0).value_length = More(4) };
    "acl-empty": XattrAcl in XattrSet(2)
        [Zero(At(Attribute(ACL, 0), 12), At(Attribute(ACL, 0), 52))];
    "acl-tag-unknown": XattrAcl in XattrSet(2) [acl_entry(1, 0, 1, Is(3))];
    "acl-unsorted": XattrAcl in XattrSet(2) [acl_entry(1, 0, 1, Is(1))];
    "acl-without-mask": XattrAcl in XattrSet(2) [acl_entry(3, 0, 1, Is(8))];
    "acl-permissions": XattrAcl in XattrSet(2) [acl_entry(0, 2, 1, Is(8))];
    "acl-user-is-nobody": XattrAcl in XattrSet(2) [acl_entry(1, 4, 4, Ones)];
}

/// An edit within an entry of the ACL in set 2.
const fn acl_entry(index: isize, distance: isize, width: usize, value: Value) -> Edit {
    Set(
        At(Attribute(ACL, 0), 8 + 4 + 8 * index + distance),
        width,
        value,
    )
}

/// An image with more names of attributes than any buffer that Linux passes can hold.
fn many_names() -> Vec<u8> {
    let mut tree = Tree::new(Form::default());
    let file = tree.add(ROOT, b"file", Body::Fifo);
    let names = (0..300_u32).map(|index| format!("{index:0>240}").into_bytes());
    tree.node(file).xattrs = names
        .map(|name| (Namespace::User, name, Vec::new()))
        .collect();
    tree.write()
}

classes! {
    CONTENTS:
    "content-number-skipped": ContentOrder in Inode("direct") { Inode("direct").content = Is(50) };
    "content-number-of-all-ones": ContentOrder in Inode("direct")
        { Inode("direct").content = Ones };
    "content-of-another-size": ContentShared in Inode("direct-twin")
        { Inode("direct-twin").size = Is(4999) };
    "content-at-another-offset": ContentShared in Inode("direct-page")
        { Inode("direct-page").content = Like(Inode("direct")) };
    "content-of-another-layout": ContentShared in Inode("direct")
        { Inode("direct").content = Is(1) };
    "content-of-two-sparse-files": ContentShared in Inode("sparse-middle")
        [Copy(Inode("sparse"), Inode("sparse-middle"), 64)]
          { Inode("sparse-middle").link_count = Like(Inode("sparse-middle")) };
    "contents-on-one-page": ContentOverlap in Inode("direct-page")
        { Inode("direct-page").offset = Like(Inode("direct")) };
    "contents-overlap-by-a-page": ContentOverlap in Inode("direct-byte")
        { Inode("direct-page").size = Is(4097) };
    "extent-on-a-file's-page": ContentOverlap in Extent("sparse", 1)
        { Extent("sparse", 1).offset = Offset(Contents("direct")) };
    "extents-on-one-page": ContentOverlap in Extent("sparse", 1)
        { Extent("sparse", 1).offset = Like(Extent("sparse", 0)) };
    "tail-of-a-file": ContentTail in Content("direct") [byte(Contents("direct"), 5000, Is(1))];
    "tail-end-of-a-file": ContentTail in Content("direct") [byte(Contents("direct"), 8191, Is(1))];
    "tail-of-an-extent": ContentTail in Content("sparse")
        [byte(ExtentData("sparse", 1), 100, Is(1))];
    "packed-on-another": PackedOffset in Inode("packed-more")
        { Inode("packed-more").offset = Like(Inode("packed")) };
    "packed-after-a-gap": PackedOffset in Inode("packed-more")
        { Inode("packed").size = Is(299), Inode("packed-twin").size = Is(299) };
    "packed-after-the-last": PackedOffset in Section(Packed)
        { Inode("directory/nested/deeper/file").size = Is(3) };
    "extents-after-the-last": ExtentOffset in Section(Extents)
        { Inode("sparse-middle").offset = Is(0), Inode("sparse-middle").count = Is(0),
          Inode("sparse-middle").link = Is(0) };
    "extent-list-of-another": ExtentOffset in Inode("sparse-middle")
        { Inode("sparse-middle").offset = Like(Inode("sparse")) };
    "extent-list-misaligned": InodeOffset in Inode("sparse") { Inode("sparse").offset = More(8) };
    "extent-off-its-file-page": ExtentRange in Extent("sparse", 0)
        { Extent("sparse", 0).file_offset = Is(64) };
    "extent-off-its-page": ExtentRange in Extent("sparse", 0)
        { Extent("sparse", 0).offset = More(64) };
    "extent-empty": ExtentRange in Extent("sparse", 0) { Extent("sparse", 0).length = Is(0) };
    "extent-ragged": ExtentRange in Extent("sparse", 0) { Extent("sparse", 0).length = Is(4095) };
    "extent-past-its-file": ExtentRange in Extent("sparse", 1)
        { Extent("sparse", 1).length = Is(4096) };
    "extent-that-wraps": ExtentRange in Extent("sparse", 1)
        { Extent("sparse", 1).length = Is(u64::MAX - 4095) };
    "extent-in-metadata": ExtentRange in Extent("sparse", 0)
        { Extent("sparse", 0).offset = Is(4096) };
    "extent-past-the-data": ExtentRange in Extent("sparse", 0)
        { Extent("sparse", 0).offset = Offset(End(Data)) };
    "extents-overlap-in-the-file": ExtentOrder in Extent("sparse", 1)
        { Extent("sparse", 1).file_offset = Is(0), Extent("sparse", 1).length = Is(4096) };
    "extents-without-hole": ExtentOrder in Inode("sparse")
        { Extent("sparse", 1).file_offset = Is(4096), Inode("sparse").size = Is(4196) };
    "extent-reserved": ExtentReserved in Extent("sparse", 0)
        { Extent("sparse", 0).reserved_24 = Is(1) };
    "extent-pages-wrong": ExtentPages in Inode("sparse") { Inode("sparse").link = Is(3) };
    "digest-algorithm-unknown": DigestHeader in Section(Digests) { DigestHeader.algorithm = Is(2) };
    "digest-block-size-unknown": DigestHeader in Section(Digests)
        { DigestHeader.block_size = Is(4096) };
    "digest-reserved": DigestHeader in Section(Digests) { DigestHeader.reserved_8[23] = Is(1) };
    "digest-missing": DigestCount in Section(Digests)
        [Zero(At(End(Digests), -32), At(End(Digests), 0))]
          { SectionEntry(DIGESTS).length = Less(32) };
    "digest-wrong": ContentDigest in Content("packed") [byte(DigestHeader, 32, Flip(1))];
    "content-changed": ContentDigest in Content("direct")
        [byte(Contents("direct"), 4999, Flip(0x80))];
    "content-of-an-extent-changed": ContentDigest in Content("sparse")
        [byte(ExtentData("sparse", 1), 0, Flip(1))];
    "hole-moved": ContentDigest in Content("sparse-middle")
        { Extent("sparse-middle", 0).file_offset = Is(0) };
}
