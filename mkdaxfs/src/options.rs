// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a build is asked to do.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use daxfs_format::limits::MAX_PACKED;
use daxfs_format::Timestamp;

use crate::num::round_up;

/// What to build, from what, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory whose tree goes into the image.
    pub source: PathBuf,
    /// The image file.
    pub image: PathBuf,
    /// Whether an existing image is replaced.
    pub existing: Existing,
    /// The label, padded with zeros.
    pub label: [u8; 64],
    /// The UUID, or `None` for one derived from the contents.
    pub uuid: Option<[u8; 16]>,
    /// What the metadata of every file is changed to.
    pub overrides: Overrides,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// Where the scan stops.
    pub boundary: Boundary,
    /// Whether extended attributes are kept.
    pub xattrs: Keep,
    /// The page that data is aligned to.
    pub page: PageSize,
    /// Whether large files go to 2 MiB boundaries.
    pub huge_align: HugeAlign,
    /// Regular files with fewer bytes are packed: see [`Options::MAX_PACK_BELOW`]. `None` is a page and a quarter:
    /// what is smaller than a page costs nothing beside others, and what is hardly larger would leave
    /// most of a second page empty.
    pub pack_below: Option<u64>,
    /// Whether files with equal contents share them.
    pub sharing: Keep,
    /// Whether the image states digests of its contents.
    pub digests: Keep,
    /// How many threads work; `None` is one for each processor.
    pub threads: Option<NonZeroUsize>,
    /// Whether anything is written.
    pub mode: Mode,
}

impl Options {
    /// The largest value of `pack_below`: files of that size are the first that the format cannot pack.
    pub const MAX_PACK_BELOW: u64 = MAX_PACKED + 1;

    /// The defaults, for an image at `image` of the tree at `source`.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>, image: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            image: image.into(),
            existing: Existing::Refuse,
            label: [0; 64],
            uuid: None,
            overrides: Overrides::default(),
            exclude: Vec::new(),
            boundary: Boundary::Cross,
            xattrs: Keep::Yes,
            page: PageSize::K4,
            huge_align: HugeAlign::Auto,
            pack_below: None,
            sharing: Keep::Yes,
            digests: Keep::Yes,
            threads: None,
            mode: Mode::Write,
        }
    }

    /// The size in bytes from which on files are not packed.
    pub(crate) fn pack_limit(&self) -> u64 {
        let page = self.page.bytes();
        self.pack_below
            .unwrap_or(page + page / 4)
            .min(Self::MAX_PACK_BELOW)
    }

    /// How many threads work.
    pub(crate) fn thread_count(&self) -> NonZeroUsize {
        let default = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(default)
    }
}

/// Whether something is kept or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What happens to an image that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The build fails.
    Refuse,
    /// It is replaced.
    Replace,
}

/// Where a scan stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// It follows mounts.
    Cross,
    /// It stays on the file system of SOURCE: a mount point below it is an empty directory.
    Stay,
}

/// Whether large files are aligned for huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugeAlign {
    /// Where other files fill the gaps, or what is lost is small beside the file.
    Auto,
    /// Never.
    Off,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The image is.
    Write,
    /// Nothing is: the tree is read, and the summary says what the image would be.
    DryRun,
}

/// The page that data is aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB.
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

impl PageSize {
    /// The size as a power of two.
    #[must_use]
    pub const fn shift(self) -> u8 {
        match self {
            Self::K4 => 12,
            Self::K16 => 14,
            Self::K64 => 16,
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self.shift()
    }

    /// `value` rounded up to a multiple of the page. Image sizes are far below 2^63.
    pub(crate) fn round_up(self, value: u64) -> u64 {
        round_up(value, self.bytes())
    }

    /// `value` rounded down to a multiple of the page.
    pub(crate) fn round_down(self, value: u64) -> u64 {
        value / self.bytes() * self.bytes()
    }
}

/// What the metadata of every file is changed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// The user.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// The modification time.
    pub mtime: Mtime,
}

/// What modification times are changed to.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mtime {
    /// They are kept.
    #[default]
    Keep,
    /// All become this one.
    Set(Timestamp),
    /// Those after this one become it.
    Clamp(Timestamp),
}

impl Mtime {
    pub(crate) fn apply(self, time: Timestamp) -> Timestamp {
        match self {
            Self::Keep => time,
            Self::Set(to) => to,
            Self::Clamp(to) => time.min(to),
        }
    }
}
