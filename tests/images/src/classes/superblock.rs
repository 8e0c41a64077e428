// SPDX-License-Identifier: MIT OR Apache-2.0
//! Superblock and memory.

use daxfs_format::limits::MAX_IMAGE_SIZE;
use daxfs_format::Rule;

use super::{class, Class, On};
use crate::specimen::Seal;

pub(super) const CLASSES: &[Class] = &[
    class("memory-empty", Rule::ImageTruncated, On::Superblock, |s| {
        s.resize(0);
    }),
    class(
        "memory-ends-in-superblock",
        Rule::ImageTruncated,
        On::Superblock,
        |s| {
            s.resize(4095);
        },
    ),
    class(
        "memory-one-byte-short",
        Rule::ImageTruncated,
        On::Superblock,
        |s| {
            s.resize(s.len() - 1);
        },
    ),
    class("magic-wrong", Rule::SuperblockMagic, On::Superblock, |s| {
        s.superblock().magic[0] = 0;
    }),
    class(
        "magic-after-text-transfer",
        Rule::SuperblockMagic,
        On::Superblock,
        |s| {
            s.superblock().magic[4] = b'\n';
        },
    ),
    class(
        "version-future",
        Rule::SuperblockVersion,
        On::Superblock,
        |s| {
            s.superblock().version_major.set(2);
        },
    ),
    class(
        "version-zero",
        Rule::SuperblockVersion,
        On::Superblock,
        |s| {
            s.superblock().version_major.set(0);
        },
    ),
    class(
        "superblock-checksum",
        Rule::SuperblockChecksum,
        On::Superblock,
        |s| {
            s.seal = Seal::Nothing;
            *s.byte(4088) ^= 1;
        },
    ),
    class(
        "superblock-not-sealed",
        Rule::SuperblockChecksum,
        On::Superblock,
        |s| {
            s.seal = Seal::Nothing;
            s.superblock().uuid[0] ^= 1;
        },
    ),
    class(
        "feature-unknown-first",
        Rule::IncompatibleFeature,
        On::Superblock,
        |s| {
            s.superblock().incompatible.set(1);
        },
    ),
    class(
        "feature-unknown-last",
        Rule::IncompatibleFeature,
        On::Superblock,
        |s| {
            s.superblock().incompatible.set(1 << 63);
        },
    ),
    class(
        "superblock-reserved-first",
        Rule::SuperblockReserved,
        On::Superblock,
        |s| {
            *s.byte(129) = 1;
        },
    ),
    class(
        "superblock-reserved-middle",
        Rule::SuperblockReserved,
        On::Superblock,
        |s| {
            *s.byte(191) = 1;
        },
    ),
    class(
        "superblock-reserved-last",
        Rule::SuperblockReserved,
        On::Superblock,
        |s| {
            *s.byte(4087) = 1;
        },
    ),
    class("page-shift-small", Rule::PageShift, On::Superblock, |s| {
        s.superblock().page_shift = 11;
    }),
    class("page-shift-large", Rule::PageShift, On::Superblock, |s| {
        s.superblock().page_shift = 17;
    }),
    class(
        "page-shift-of-a-word",
        Rule::PageShift,
        On::Superblock,
        |s| {
            s.superblock().page_shift = 64;
        },
    ),
    class("label-after-its-end", Rule::Label, On::Superblock, |s| {
        s.superblock().label[63] = b'x';
    }),
    class(
        "image-larger-than-memory",
        Rule::ImageTruncated,
        On::Superblock,
        |s| {
            let size = s.superblock().image_size.get();
            s.superblock().image_size.set(size + 4096);
        },
    ),
    class(
        "image-larger-than-its-sections",
        Rule::ImageSize,
        On::Superblock,
        |s| {
            let size = s.len() + 4096;
            s.resize(size);
            s.superblock().image_size.set(size);
        },
    ),
    class(
        "image-size-over-the-limit",
        Rule::ImageSize,
        On::Superblock,
        |s| {
            s.superblock().image_size.set(MAX_IMAGE_SIZE + 1);
        },
    ),
    class(
        "image-size-of-all-ones",
        Rule::ImageSize,
        On::Superblock,
        |s| {
            s.superblock().image_size.set(u64::MAX);
        },
    ),
    class("root-zero", Rule::InodeNumber, On::Superblock, |s| {
        s.superblock().root.set(0);
    }),
    class(
        "root-in-the-upper-half",
        Rule::InodeNumber,
        On::Superblock,
        |s| {
            s.superblock().root.set(1 << 31);
        },
    ),
    class(
        "root-beyond-the-inodes",
        Rule::InodeNumber,
        On::Superblock,
        |s| {
            let count = s.image().inode_count();
            s.superblock().root.set(count + 1);
        },
    ),
    class(
        "root-far-beyond-the-inodes",
        Rule::InodeNumber,
        On::Superblock,
        |s| {
            s.superblock().root.set((1 << 31) - 1);
        },
    ),
    class("root-is-a-file", Rule::RootInode, On::Inode("empty"), |s| {
        let ino = s.ino("empty");
        s.superblock().root.set(ino);
    }),
    class(
        "root-is-a-subdirectory",
        Rule::DirectoryParent,
        On::Number(1),
        |s| {
            let ino = s.ino("directory");
            s.superblock().root.set(ino);
        },
    ),
];
