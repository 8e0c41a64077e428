// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attribute sets, attributes, and ACLs.

use daxfs_format::limits::MAX_XATTR_VALUE;
use daxfs_format::{Namespace, Rule, SectionKind};

use super::{class, Class, On};
use crate::specimen::Specimen;
use crate::writer::{Body, Form, Tree, ROOT};

const MIXED: &str = "with-xattrs";
const ACL: &str = "with-acl";
const SECTION: On = On::Section(SectionKind::Xattrs);

// The set of `MIXED`, then that of `ACL`.
const FIRST: On = On::XattrSet(1);
const SECOND: On = On::XattrSet(2);

pub(super) const CLASSES: &[Class] = &[
    class(
        "sets-more-than-the-section-holds",
        Rule::XattrTable,
        SECTION,
        |s| {
            s.xattr_header().count.set(1000);
        },
    ),
    class("sets-of-all-ones", Rule::XattrTable, SECTION, |s| {
        s.xattr_header().count.set(u32::MAX);
    }),
    class("sets-reserved", Rule::XattrTable, SECTION, |s| {
        s.xattr_header().reserved_4[11] = 1;
    }),
    class("sets-one-too-few", Rule::XattrPlace, FIRST, |s| {
        s.xattr_header().count.set(2);
    }),
    class("sets-without-header", Rule::XattrTable, SECTION, |s| {
        let section = s.section(SectionKind::Xattrs);
        for at in section.offset..section.end() {
            *s.byte(at) = 0;
        }
        s.section_entry(SectionKind::Xattrs).length.set(8);
    }),
    class("sets-after-the-last", Rule::XattrPlace, SECTION, |s| {
        let entry = s.section_entry(SectionKind::Xattrs);
        entry.length.set(entry.length.get() + 8);
    }),
    class("set-past-its-section", Rule::XattrTable, SECOND, |s| {
        s.xattr_set(2).offset.set(u32::MAX - 7);
    }),
    class(
        "set-length-past-its-section",
        Rule::XattrTable,
        SECOND,
        |s| {
            s.xattr_set(2).length.set(u32::MAX - 7);
        },
    ),
    class("set-length-zero", Rule::XattrTable, SECOND, |s| {
        s.xattr_set(2).length.set(0);
    }),
    class("set-length-ragged", Rule::XattrTable, SECOND, |s| {
        let set = s.xattr_set(2);
        set.length.set(set.length.get() - 1);
    }),
    class("set-ragged-at-both-ends", Rule::XattrTable, SECOND, |s| {
        let set = s.xattr_set(2);
        set.offset.set(set.offset.get() + 4);
        set.length.set(set.length.get() - 4);
    }),
    class("set-in-the-header", Rule::XattrTable, FIRST, |s| {
        s.xattr_set(1).offset.set(8);
    }),
    class("set-of-another", Rule::XattrPlace, SECOND, |s| {
        let first = *s.xattr_set(1);
        *s.xattr_set(2) = first;
    }),
    class("set-unused", Rule::XattrOrder, SECTION, |s| {
        s.inode("with-default-acl").xattrs.set(2);
    }),
    class(
        "set-used-before-its-turn",
        Rule::XattrOrder,
        On::Inode(MIXED),
        |s| {
            s.inode(MIXED).xattrs.set(2);
        },
    ),
    class("attribute-past-its-set", Rule::XattrEntry, FIRST, |s| {
        s.xattr(MIXED, 0).value_length.set(60_000);
    }),
    class(
        "attribute-over-the-set's-end",
        Rule::XattrEntry,
        FIRST,
        |s| {
            let set = s.xattr_set(1);
            set.length.set(set.length.get() - 8);
        },
    ),
    class("attribute-reserved", Rule::XattrEntry, FIRST, |s| {
        s.xattr(MIXED, 0).reserved_6.set(1);
    }),
    class("attribute-value-too-long", Rule::XattrValue, FIRST, |s| {
        s.xattr(MIXED, 0).value_length.set(MAX_XATTR_VALUE + 1);
    }),
    class(
        "attribute-value-of-all-ones",
        Rule::XattrValue,
        FIRST,
        |s| {
            s.xattr(MIXED, 0).value_length.set(u32::MAX);
        },
    ),
    class("attribute-padding", Rule::Padding, FIRST, |s| {
        let at = s.xattrs_at(MIXED)[1];
        *s.byte(at - 1) = 1;
    }),
    class("attributes-unsorted", Rule::XattrOrder, FIRST, |s| {
        let at = s.xattrs_at(MIXED)[0] + 8;
        *s.byte(at) = b'z';
    }),
    class("attribute-twice", Rule::XattrOrder, FIRST, |s| {
        let at = s.xattrs_at(MIXED)[0] + 8;
        *s.byte(at + 6) = b't';
    }),
    class("namespace-zero", Rule::XattrNamespace, FIRST, |s| {
        s.xattr(MIXED, 0).namespace = 0;
    }),
    class("namespace-unknown", Rule::XattrNamespace, FIRST, |s| {
        s.xattr(MIXED, 0).namespace = 6;
    }),
    class("attribute-name-empty", Rule::XattrName, FIRST, |s| {
        s.xattr(MIXED, 0).name_length = 0;
    }),
    class("attribute-name-too-long", Rule::XattrName, FIRST, |s| {
        s.xattr(MIXED, 0).name_length = 251;
    }),
    class("attribute-name-of-an-acl", Rule::XattrName, SECOND, |s| {
        s.xattr(ACL, 0).name_length = 1;
    }),
    class("attribute-name-with-nul", Rule::XattrName, FIRST, |s| {
        let at = s.xattrs_at(MIXED)[0] + 8;
        *s.byte(at) = 0;
    }),
    class(
        "attribute-names-too-many",
        Rule::XattrList,
        FIRST,
        many_names,
    ),
    class("acl-version", Rule::XattrAcl, SECOND, |s| {
        let at = s.xattrs_at(ACL)[0] + 8;
        *s.byte(at) = 1;
    }),
    class("acl-of-a-ragged-length", Rule::XattrAcl, SECOND, |s| {
        let length = s.xattr(ACL, 0).value_length.get();
        s.xattr(ACL, 0).value_length.set(length - 1);
        let at = s.xattrs_at(ACL)[0] + 8 + u64::from(length);
        *s.byte(at - 1) = 0;
    }),
    class("acl-with-half-an-entry", Rule::XattrAcl, SECOND, |s| {
        let length = s.xattr(ACL, 0).value_length.get();
        s.xattr(ACL, 0).value_length.set(length + 4);
    }),
    class("acl-empty", Rule::XattrAcl, SECOND, |s| {
        let length = s.xattr(ACL, 0).value_length.get();
        let at = s.xattrs_at(ACL)[0];
        for byte in 8 + 4..8 + u64::from(length) {
            *s.byte(at + byte) = 0;
        }
    }),
    class("acl-tag-unknown", Rule::XattrAcl, SECOND, |s| {
        acl_entry(s, 1)[0] = 3;
    }),
    class("acl-unsorted", Rule::XattrAcl, SECOND, |s| {
        acl_entry(s, 1)[0] = 1;
    }),
    class("acl-without-mask", Rule::XattrAcl, SECOND, |s| {
        acl_entry(s, 3)[0] = 8;
    }),
    class("acl-permissions", Rule::XattrAcl, SECOND, |s| {
        acl_entry(s, 0)[2] = 8;
    }),
    class("acl-user-is-nobody", Rule::XattrAcl, SECOND, |s| {
        acl_entry(s, 1)[4..].fill(0xff);
    }),
];

/// The bytes of an entry of the ACL of `ACL`.
fn acl_entry(specimen: &mut Specimen, index: u64) -> &mut [u8; 8] {
    let at = specimen.xattrs_at(ACL)[0] + 8 + 4 + 8 * index;
    specimen.at(at)
}

/// Names for which no buffer that Linux passes has room.
fn many_names(specimen: &mut Specimen) {
    let mut tree = Tree::new(Form::default());
    let file = tree.add(ROOT, b"file", Body::Fifo);
    let names = (0..300_u32).map(|index| format!("{index:0>240}").into_bytes());
    tree.node(file).xattrs = names
        .map(|name| (Namespace::User, name, Vec::new()))
        .collect();
    *specimen = Specimen::new(tree.write());
}
