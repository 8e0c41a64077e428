// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes by themselves, link counts, orphans.

use daxfs_format::limits::{MAX_EXTENTS, MAX_PACKED};
use daxfs_format::{Rule, SectionKind};

use super::{class, Class, On};

pub(super) const CLASSES: &[Class] = &[
    class("inode-zero-in-use", Rule::InodeZero, On::Number(0), |s| {
        let at = s.section(SectionKind::Inodes).offset;
        *s.byte(at + 63) = 1;
    }),
    class("inode-type-zero", Rule::InodeType, On::Inode("fifo"), |s| {
        s.inode("fifo").mode.set(0o644);
    }),
    class(
        "inode-type-whiteout",
        Rule::InodeType,
        On::Inode("fifo"),
        |s| {
            s.inode("fifo").mode.set(14 << 12);
        },
    ),
    class(
        "inode-type-of-all-ones",
        Rule::InodeType,
        On::Inode("fifo"),
        |s| {
            s.inode("fifo").mode.set(u16::MAX);
        },
    ),
    class(
        "inode-type-of-another",
        Rule::EntryType,
        On::Entry("", "fifo"),
        |s| {
            s.inode("fifo").mode.set(12 << 12);
        },
    ),
    class(
        "inode-layout-unknown",
        Rule::InodeLayout,
        On::Inode("direct"),
        |s| {
            s.inode("direct").layout = 4;
        },
    ),
    class(
        "inode-layout-missing",
        Rule::InodeLayout,
        On::Inode("direct"),
        |s| {
            s.inode("direct").layout = 0;
        },
    ),
    class(
        "inode-layout-of-nothing",
        Rule::InodeLayout,
        On::Inode("empty"),
        |s| {
            s.inode("empty").layout = 1;
        },
    ),
    class(
        "inode-layout-of-a-directory",
        Rule::InodeLayout,
        On::Inode("directory"),
        |s| {
            s.inode("directory").layout = 1;
        },
    ),
    class(
        "packed-as-direct",
        Rule::InodeOffset,
        On::Inode("packed"),
        |s| {
            s.inode("packed").layout = 1;
        },
    ),
    class(
        "direct-as-packed",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            s.inode("direct").layout = 2;
        },
    ),
    class(
        "packed-and-huge",
        Rule::InodeSize,
        On::Inode("packed"),
        |s| {
            s.inode("packed").size.set(MAX_PACKED + 1);
        },
    ),
    class(
        "owner-is-nobody",
        Rule::InodeOwner,
        On::Inode("empty"),
        |s| {
            s.inode("empty").uid.set(u32::MAX);
        },
    ),
    class(
        "group-is-nobody",
        Rule::InodeOwner,
        On::Inode("empty"),
        |s| {
            s.inode("empty").gid.set(u32::MAX);
        },
    ),
    class("links-zero", Rule::InodeLinks, On::Inode("empty"), |s| {
        s.inode("empty").link_count.set(0);
    }),
    class("links-too-few", Rule::InodeLinks, On::Inode("hard"), |s| {
        s.inode("hard").link_count.set(1);
    }),
    class("links-too-many", Rule::InodeLinks, On::Inode("hard"), |s| {
        s.inode("hard").link_count.set(3);
    }),
    class(
        "links-of-all-ones",
        Rule::InodeLinks,
        On::Inode("hard"),
        |s| {
            s.inode("hard").link_count.set(u32::MAX);
        },
    ),
    class(
        "links-beyond-the-only-name",
        Rule::InodeLinks,
        On::Inode("empty"),
        |s| {
            s.inode("empty").link_count.set(2);
        },
    ),
    class(
        "links-of-a-directory",
        Rule::InodeLinks,
        On::Inode("directory"),
        |s| {
            s.inode("directory").link_count.set(3);
        },
    ),
    class("size-negative", Rule::InodeSize, On::Inode("direct"), |s| {
        s.inode("direct").size.set(1 << 63);
    }),
    class(
        "size-of-all-ones",
        Rule::InodeSize,
        On::Inode("direct"),
        |s| {
            s.inode("direct").size.set(u64::MAX);
        },
    ),
    class(
        "size-of-a-sparse-file",
        Rule::InodeSize,
        On::Inode("sparse-hole"),
        |s| {
            s.inode("sparse-hole").size.set(1 << 63);
        },
    ),
    class(
        "size-past-the-data",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            let length = s.section(SectionKind::Data).length;
            s.inode("direct").size.set(length + 1);
        },
    ),
    class(
        "size-that-wraps",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            s.inode("direct").size.set((1 << 63) - 1);
        },
    ),
    class(
        "size-past-the-packed",
        Rule::InodeOffset,
        On::Inode("packed"),
        |s| {
            s.inode("packed").size.set(MAX_PACKED);
        },
    ),
    class(
        "size-zero-with-content",
        Rule::InodeContent,
        On::Inode("direct"),
        |s| {
            s.inode("direct").size.set(0);
        },
    ),
    class("size-of-a-fifo", Rule::InodeSize, On::Inode("fifo"), |s| {
        s.inode("fifo").size.set(1);
    }),
    class(
        "offset-of-a-fifo",
        Rule::InodeOffset,
        On::Inode("fifo"),
        |s| {
            s.inode("fifo").offset.set(4096);
        },
    ),
    class(
        "offset-of-a-sparse-file-of-holes",
        Rule::InodeOffset,
        On::Inode("sparse-hole"),
        |s| {
            s.inode("sparse-hole").offset.set(4096);
        },
    ),
    class(
        "offset-misaligned",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            let inode = s.inode("direct");
            inode.offset.set(inode.offset.get() + 64);
        },
    ),
    class(
        "offset-in-metadata",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            s.inode("direct").offset.set(4096);
        },
    ),
    class(
        "offset-in-the-superblock",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            s.inode("direct").offset.set(0);
        },
    ),
    class(
        "offset-past-the-data",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            let end = s.section(SectionKind::Data).end();
            s.inode("direct").offset.set(end);
        },
    ),
    class(
        "offset-that-wraps",
        Rule::InodeOffset,
        On::Inode("direct"),
        |s| {
            s.inode("direct").offset.set(u64::MAX - 4095);
        },
    ),
    class(
        "nanoseconds-of-a-second",
        Rule::InodeTime,
        On::Inode("empty"),
        |s| {
            s.inode("empty").mtime_ns.set(1_000_000_000);
        },
    ),
    class(
        "device-number-of-a-file",
        Rule::InodeLink,
        On::Inode("direct"),
        |s| {
            s.inode("direct").link.set(0x103);
        },
    ),
    class(
        "device-number-of-a-fifo",
        Rule::InodeLink,
        On::Inode("fifo"),
        |s| {
            s.inode("fifo").link.set(0x103);
        },
    ),
    class(
        "count-of-a-file",
        Rule::InodeCount,
        On::Inode("direct"),
        |s| {
            s.inode("direct").count.set(1);
        },
    ),
    class(
        "count-of-extents-over-the-limit",
        Rule::InodeCount,
        On::Inode("sparse"),
        |s| {
            s.inode("sparse").count.set(MAX_EXTENTS + 1);
        },
    ),
    class(
        "count-of-extents-past-the-section",
        Rule::InodeOffset,
        On::Inode("sparse"),
        |s| {
            s.inode("sparse").count.set(MAX_EXTENTS);
        },
    ),
    class(
        "space-unknown",
        Rule::InodeSpace,
        On::Inode("direct"),
        |s| {
            s.inode("direct").space.set(1);
        },
    ),
    class(
        "inode-reserved-byte",
        Rule::InodeReserved,
        On::Inode("direct"),
        |s| {
            s.inode("direct").reserved_3 = 1;
        },
    ),
    class(
        "inode-reserved-word",
        Rule::InodeReserved,
        On::Inode("direct"),
        |s| {
            s.inode("direct").reserved_62.set(0x8000);
        },
    ),
    class(
        "xattrs-of-no-set",
        Rule::InodeXattrs,
        On::Inode("with-acl"),
        |s| {
            s.inode("with-acl").xattrs.set(4);
        },
    ),
    class(
        "xattrs-of-all-ones",
        Rule::InodeXattrs,
        On::Inode("with-acl"),
        |s| {
            s.inode("with-acl").xattrs.set(u32::MAX);
        },
    ),
    class(
        "acl-differs-from-permissions",
        Rule::InodeAcl,
        On::Inode("with-acl"),
        |s| {
            s.inode("with-acl").mode.set(0o10_0700);
        },
    ),
    class(
        "default-acl-of-a-file",
        Rule::InodeAcl,
        On::Inode("zz-last"),
        |s| {
            let inode = s.inode("zz-last");
            inode.mode.set(0o10_0774);
            inode.xattrs.set(3);
        },
    ),
    class(
        "content-missing",
        Rule::InodeContent,
        On::Inode("direct"),
        |s| {
            s.inode("direct").content.set(0);
        },
    ),
    class(
        "content-of-nothing",
        Rule::InodeContent,
        On::Inode("empty"),
        |s| {
            s.inode("empty").content.set(1);
        },
    ),
    class(
        "content-of-a-directory",
        Rule::InodeContent,
        On::Inode("directory"),
        |s| {
            s.inode("directory").content.set(1);
        },
    ),
    class("orphan", Rule::InodeOrphan, On::Inode("packed"), |s| {
        let other = s.ino("packed-more");
        s.entry("", "packed").inode.set(other);
    }),
];
