// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree that the sample image holds: one of everything, known by heart in the guest.
//!
//! | module | owns |
//! |---|---|
//! | [`make`](mod@make) | making the tree on the host |
//! | [`tree`] | the entries of the tree |

mod make;
mod tree;

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use libc::c_int;

use crate::image::MOUNT;
use crate::pattern;
use crate::sys::Map;

pub(crate) use make::{make, make_inner};
pub(crate) use tree::{
    acl, entries, long_value, many_name, Entry, Kind, ATTRIBUTE, ATTRIBUTE_VALUE,
};

/// Sizes that matter.
pub(crate) const PAGE: u64 = 4096;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const HUGE: u64 = 2 * MIB;

/// The number of names in the directory `many`.
pub(crate) const MANY: usize = 3000;

/// The user that owns some of the files.
pub(crate) const USER: u32 = 1000;

/// A file that is full of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleFile {
    /// The path from the root of the tree.
    pub(crate) name: &'static str,
    /// The seed of the pattern.
    pub(crate) seed: u64,
    /// The size in bytes.
    pub(crate) size: u64,
}

impl SampleFile {
    pub(crate) const fn new(name: &'static str, seed: u64, size: u64) -> Self {
        Self { name, seed, size }
    }

    /// Returns the path on the mount.
    pub(crate) fn path(self) -> PathBuf {
        Path::new(MOUNT).join(self.name)
    }

    /// Opens the file for reading.
    pub(crate) fn open(self) -> Result<File> {
        let path = self.path();
        File::open(&path).with_context(|| format!("cannot open {}", path.display()))
    }

    /// Maps the whole file.
    pub(crate) fn map(self, protection: c_int, flags: c_int) -> Result<Map> {
        self.map_part(0..self.size, protection, flags)
    }

    /// Maps a range of bytes.
    pub(crate) fn map_part(
        self,
        range: Range<u64>,
        protection: c_int,
        flags: c_int,
    ) -> Result<Map> {
        let length = range.end - range.start;
        Map::new(&self.open()?, range.start, length, protection, flags)
    }

    /// Fails unless these are the bytes at an offset.
    pub(crate) fn expect(self, found: &[u8], offset: u64) -> Result<()> {
        pattern::expect(found, self.seed, offset)
    }

    /// Fails unless a mapping of the whole file shows its bytes.
    pub(crate) fn expect_map(self, map: &Map) -> Result<()> {
        self.expect(&map.bytes()?, 0)
    }

    /// Fails unless reading the file gives its bytes.
    pub(crate) fn expect_read(self) -> Result<()> {
        self.expect(&fs::read(self.path())?, 0).context(self.name)
    }
}

/// Files whose contents the cases know by these names and seeds.
pub(crate) const HUGE_FILE: SampleFile = SampleFile::new("huge", 11, 4 * HUGE);
pub(crate) const BIG_FILE: SampleFile = SampleFile::new("big", 12, 6 * MIB + 123);
pub(crate) const SMALL_FILE: SampleFile = SampleFile::new("small", 13, 100);
pub(crate) const ODD_FILE: SampleFile = SampleFile::new("odd", 14, 3 * PAGE + 700);
pub(crate) const WIDE_FILE: SampleFile = SampleFile::new("wide", 15, 160 * PAGE);
pub(crate) const SPARSE_SIZE: u64 = 3 * MIB + 77;

/// Length in bytes of the smallest hole of an image. Extents begin at multiples of it.
const BLOCK: u64 = 64 * 1024;
pub(crate) const SPARSE_PIECES: [(u64, u64); 2] = [(MIB, BLOCK), (2 * MIB + BLOCK, 2 * BLOCK)];

/// A sparse file with an extent that is long enough for a huge entry, and one that ends with the
/// file, within a page.
pub(crate) const HOLED_PIECES: [(u64, u64); 2] = [(0, 5 * MIB), (7 * MIB, 3 * PAGE + 50)];
pub(crate) const HOLED_SIZE: u64 = 7 * MIB + 3 * PAGE + 50;

/// Two files of this size with one content.
pub(crate) const TWIN_SIZE: u64 = 4 * MIB;
pub(crate) const VAST_SIZE: u64 = 6 << 30;
pub(crate) const VAST_PIECE: (u64, u64) = (5 << 30, 2 * PAGE);

/// A valid image at an address of its own within the image, with a file that tells it apart.
pub(crate) const INNER_IMAGE: &str = "inner";
pub(crate) const IMAGE_SIZE: u64 = 5 * HUGE;

/// The offsets of forged images in that file: [`crate::forge::wrong_digest`] and
/// [`crate::forge::endless`].
pub(crate) const WRONG_DIGEST: u64 = HUGE;
pub(crate) const ENDLESS: u64 = 2 * HUGE;
pub(crate) const INNER_FILE: (&str, &str) = ("inside", "within another image");

/// Files of the inner image: behind the end of the first, in its last page, there is a byte that is
/// not zero.
pub(crate) const DIRTY_FILE: SampleFile = SampleFile::new("dirty", 41, 2 * PAGE + 100);
pub(crate) const CLEAN_FILE: SampleFile = SampleFile::new("clean", 42, 2 * PAGE + 100);
