// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents: places, sharing, packing, extents, tails, and digests.

use daxfs_format::digest::RawDigestHeader;
use daxfs_format::{Rule, SectionKind};

use super::{class, Class, On};
use crate::specimen::Specimen;

const DIGESTS: On = On::Section(SectionKind::Digests);

pub(super) const CLASSES: &[Class] = &[
    class(
        "content-number-skipped",
        Rule::ContentOrder,
        On::Inode("direct"),
        |s| {
            s.inode("direct").content.set(50);
        },
    ),
    class(
        "content-number-of-all-ones",
        Rule::ContentOrder,
        On::Inode("direct"),
        |s| {
            s.inode("direct").content.set(u32::MAX);
        },
    ),
    class(
        "content-of-another-size",
        Rule::ContentShared,
        On::Inode("direct-twin"),
        |s| {
            s.inode("direct-twin").size.set(4999);
        },
    ),
    class(
        "content-of-another-place",
        Rule::ContentShared,
        On::Inode("direct-page"),
        |s| {
            let other = s.inode("direct").content;
            s.inode("direct-page").content = other;
        },
    ),
    class(
        "content-of-another-layout",
        Rule::ContentShared,
        On::Inode("direct"),
        |s| {
            s.inode("direct").content.set(1);
        },
    ),
    class(
        "content-of-two-sparse-files",
        Rule::ContentShared,
        On::Inode("sparse-middle"),
        |s| {
            let other = *s.inode("sparse");
            let inode = s.inode("sparse-middle");
            let links = inode.link_count;
            *inode = other;
            inode.link_count = links;
        },
    ),
    class(
        "contents-on-one-page",
        Rule::ContentOverlap,
        On::Inode("direct-page"),
        |s| {
            let other = s.inode("direct").offset;
            s.inode("direct-page").offset = other;
        },
    ),
    class(
        "contents-overlap-by-a-page",
        Rule::ContentOverlap,
        On::Inode("direct-byte"),
        |s| {
            s.inode("direct-page").size.set(4097);
        },
    ),
    class(
        "extent-on-a-file's-page",
        Rule::ContentOverlap,
        On::Extent("sparse", 1),
        |s| {
            let other = s.inode("direct").offset;
            s.extent("sparse", 1).offset = other;
        },
    ),
    class(
        "extents-on-one-page",
        Rule::ContentOverlap,
        On::Extent("sparse", 1),
        |s| {
            let other = s.extent("sparse", 0).offset;
            s.extent("sparse", 1).offset = other;
        },
    ),
    class(
        "tail-of-a-file",
        Rule::ContentTail,
        On::Content("direct"),
        |s| {
            let at = s.contents_at("direct");
            *s.byte(at + 5000) = 1;
        },
    ),
    class(
        "tail-end-of-a-file",
        Rule::ContentTail,
        On::Content("direct"),
        |s| {
            let at = s.contents_at("direct");
            *s.byte(at + 8191) = 1;
        },
    ),
    class(
        "tail-of-an-extent",
        Rule::ContentTail,
        On::Content("sparse"),
        |s| {
            let at = s.extent("sparse", 1).offset.get();
            *s.byte(at + 100) = 1;
        },
    ),
    class(
        "packed-on-another",
        Rule::PackedPlace,
        On::Inode("packed-more"),
        |s| {
            let other = s.inode("packed").offset;
            s.inode("packed-more").offset = other;
        },
    ),
    class(
        "packed-after-a-gap",
        Rule::PackedPlace,
        On::Inode("packed-more"),
        |s| {
            s.inode("packed").size.set(299);
            s.inode("packed-twin").size.set(299);
        },
    ),
    class(
        "packed-after-the-last",
        Rule::PackedPlace,
        On::Section(SectionKind::Packed),
        |s| {
            s.inode("directory/nested/deeper/file").size.set(3);
        },
    ),
    class(
        "extents-after-the-last",
        Rule::ExtentPlace,
        On::Section(SectionKind::Extents),
        |s| {
            let inode = s.inode("sparse-middle");
            inode.offset.set(0);
            inode.count.set(0);
            inode.link.set(0);
        },
    ),
    class(
        "extent-list-of-another",
        Rule::ExtentPlace,
        On::Inode("sparse-middle"),
        |s| {
            let other = s.inode("sparse").offset;
            s.inode("sparse-middle").offset = other;
        },
    ),
    class(
        "extent-list-misaligned",
        Rule::InodeOffset,
        On::Inode("sparse"),
        |s| {
            let inode = s.inode("sparse");
            inode.offset.set(inode.offset.get() + 8);
        },
    ),
    class(
        "extent-off-its-file-page",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            s.extent("sparse", 0).file_offset.set(64);
        },
    ),
    class(
        "extent-off-its-page",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            let extent = s.extent("sparse", 0);
            extent.offset.set(extent.offset.get() + 64);
        },
    ),
    class(
        "extent-empty",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            s.extent("sparse", 0).length.set(0);
        },
    ),
    class(
        "extent-ragged",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            s.extent("sparse", 0).length.set(4095);
        },
    ),
    class(
        "extent-past-its-file",
        Rule::ExtentRange,
        On::Extent("sparse", 1),
        |s| {
            s.extent("sparse", 1).length.set(4096);
        },
    ),
    class(
        "extent-that-wraps",
        Rule::ExtentRange,
        On::Extent("sparse", 1),
        |s| {
            s.extent("sparse", 1).length.set(u64::MAX - 4095);
        },
    ),
    class(
        "extent-in-metadata",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            s.extent("sparse", 0).offset.set(4096);
        },
    ),
    class(
        "extent-past-the-data",
        Rule::ExtentRange,
        On::Extent("sparse", 0),
        |s| {
            let end = s.section(SectionKind::Data).end();
            s.extent("sparse", 0).offset.set(end);
        },
    ),
    class(
        "extents-overlap-in-the-file",
        Rule::ExtentOrder,
        On::Extent("sparse", 1),
        |s| {
            let extent = s.extent("sparse", 1);
            extent.file_offset.set(0);
            extent.length.set(4096);
        },
    ),
    class(
        "extents-without-hole",
        Rule::ExtentOrder,
        On::Inode("sparse"),
        |s| {
            s.extent("sparse", 1).file_offset.set(4096);
            s.inode("sparse").size.set(4196);
        },
    ),
    class(
        "extent-reserved",
        Rule::ExtentReserved,
        On::Extent("sparse", 0),
        |s| {
            s.extent("sparse", 0).reserved_24.set(1);
        },
    ),
    class(
        "extent-pages-wrong",
        Rule::ExtentPages,
        On::Inode("sparse"),
        |s| {
            s.inode("sparse").link.set(3);
        },
    ),
    class(
        "digest-algorithm-unknown",
        Rule::DigestHeader,
        DIGESTS,
        |s| {
            digest_header(s).algorithm.set(2);
        },
    ),
    class(
        "digest-block-size-unknown",
        Rule::DigestHeader,
        DIGESTS,
        |s| {
            digest_header(s).block_size.set(4096);
        },
    ),
    class("digest-reserved", Rule::DigestHeader, DIGESTS, |s| {
        digest_header(s).reserved_8[23] = 1;
    }),
    class("digest-missing", Rule::DigestCount, DIGESTS, |s| {
        let last = s.section(SectionKind::Digests).end() - 32;
        *s.at(last) = [0_u8; 32];
        let entry = s.section_entry(SectionKind::Digests);
        entry.length.set(entry.length.get() - 32);
    }),
    class(
        "digest-wrong",
        Rule::ContentDigest,
        On::Content("packed"),
        |s| {
            let first = s.section(SectionKind::Digests).offset + 32;
            *s.byte(first) ^= 1;
        },
    ),
    class(
        "content-changed",
        Rule::ContentDigest,
        On::Content("direct"),
        |s| {
            let at = s.contents_at("direct");
            *s.byte(at + 4999) ^= 0x80;
        },
    ),
    class(
        "content-of-an-extent-changed",
        Rule::ContentDigest,
        On::Content("sparse"),
        |s| {
            let at = s.extent("sparse", 1).offset.get();
            *s.byte(at) ^= 1;
        },
    ),
    class(
        "hole-moved",
        Rule::ContentDigest,
        On::Content("sparse-middle"),
        |s| {
            s.extent("sparse-middle", 0).file_offset.set(0);
        },
    ),
];

fn digest_header(specimen: &mut Specimen) -> &mut RawDigestHeader {
    let at = specimen.section(SectionKind::Digests).offset;
    specimen.at(at)
}
