// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of a build.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use daxfs_format::limits::MAX_PACKED;
use daxfs_format::Timestamp;

use crate::num::round_up;

mod metadata;

pub use self::metadata::{IdMap, IdMaps, IdRange, XattrAddition, XattrRules};

/// The sources, the image, and all options of a build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directories whose trees go into the image.
    pub sources: Vec<SourceSpec>,
    /// The image file. [`Options::STDOUT`] is standard output.
    pub image: PathBuf,
    /// Handling of an existing image.
    pub existing: Existing,
    /// The label, padded with zeros.
    pub label: [u8; 64],
    /// The UUID, or `None` for one derived from the contents.
    pub uuid: Option<[u8; 16]>,
    /// Values that replace metadata of every file.
    pub overrides: Overrides,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
    /// Boundary of the scan.
    pub boundary: Boundary,
    /// Extended attributes.
    pub xattrs: Keep,
    /// Rules for extended attributes.
    pub xattr_rules: XattrRules,
    /// Maps of users and groups.
    pub ids: IdMaps,
    /// Hard links. Without them, each name has an inode of its own.
    pub hard_links: Keep,
    /// Files that cannot be read.
    pub unreadable: Unreadable,
    /// The page that data is aligned to.
    pub page: PageSize,
    /// Alignment of large files for huge pages.
    pub huge_align: HugeAlign,
    /// Regular files of at least this many bytes are not packed. At most
    /// [`Options::MAX_PACK_BELOW`]. `None` is a page and a quarter: a file that is hardly larger
    /// than a page would leave most of a second page empty.
    pub pack_below: Option<u64>,
    /// Sharing of equal contents.
    pub sharing: Keep,
    /// Digests of contents.
    pub digests: Keep,
    /// Number of threads. `None` is one for each processor.
    pub threads: Option<NonZeroUsize>,
    /// Writing, or a dry run.
    pub mode: Mode,
}

impl Options {
    /// The largest value of `pack_below`: the smallest size that the format cannot pack.
    pub const MAX_PACK_BELOW: u64 = MAX_PACKED + 1;

    /// The name of standard output as an image.
    pub const STDOUT: &str = "/dev/stdout";

    /// Other names of standard output.
    const OTHER_STDOUT: [&str; 2] = ["/dev/fd/1", "/proc/self/fd/1"];

    /// The defaults, for an image at `image` of the tree at `source`.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>, image: impl Into<PathBuf>) -> Self {
        Self {
            sources: vec![SourceSpec::root(source)],
            image: image.into(),
            existing: Existing::Refuse,
            label: [0; 64],
            uuid: None,
            overrides: Overrides::default(),
            exclude: Vec::new(),
            boundary: Boundary::Cross,
            xattrs: Keep::Yes,
            xattr_rules: XattrRules::default(),
            ids: IdMaps::default(),
            hard_links: Keep::Yes,
            unreadable: Unreadable::Fail,
            page: PageSize::K4,
            huge_align: HugeAlign::Auto,
            pack_below: None,
            sharing: Keep::Yes,
            digests: Keep::Yes,
            threads: None,
            mode: Mode::Write,
        }
    }

    /// Returns true if the image goes to standard output.
    #[must_use]
    pub fn writes_stdout(&self) -> bool {
        is_stdout(&self.image)
    }

    /// The value of `pack_below`, or its default: files of at least this many bytes are not packed.
    pub(crate) fn pack_below(&self) -> u64 {
        let page = self.page.bytes();
        self.pack_below
            .unwrap_or(page + page / 4)
            .min(Self::MAX_PACK_BELOW)
    }

    /// The number of threads.
    pub(crate) fn thread_count(&self) -> NonZeroUsize {
        let default = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(default)
    }
}

/// Returns true if a path is one of the names of standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    let mut names = Options::OTHER_STDOUT.into_iter().chain([Options::STDOUT]);
    names.any(|name| path == Path::new(name))
}

/// A directory whose tree goes into the image, and its path there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// The directory.
    pub path: PathBuf,
    /// The path that the directory has in the image: names with slashes between them, or nothing
    /// for the root.
    pub prefix: Vec<u8>,
}

impl SourceSpec {
    /// The directory at `path`, as the root of the image.
    #[must_use]
    pub fn root(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            prefix: Vec::new(),
        }
    }

    /// Parses `PATH` or `PREFIX=PATH`. An argument that begins with `/`, `./` or `../` is a path as
    /// it stands. The first `=` ends the prefix. Slashes around the prefix do not count.
    #[must_use]
    pub fn parse(argument: &OsStr) -> Self {
        let bytes = argument.as_bytes();
        let is_path = [&b"/"[..], b"./", b"../"]
            .iter()
            .any(|start| bytes.starts_with(start));
        let mut parts = bytes.splitn(2, |&byte| byte == b'=');
        match (parts.next(), parts.next()) {
            (Some(prefix), Some(path)) if !is_path => Self {
                path: OsString::from_vec(path.to_vec()).into(),
                prefix: without_slashes(prefix).to_vec(),
            },
            _ => Self::root(argument),
        }
    }
}

/// The bytes without slashes at their end. They have none at their beginning.
fn without_slashes(mut bytes: &[u8]) -> &[u8] {
    while let Some(shorter) = bytes.strip_suffix(b"/") {
        bytes = shorter;
    }
    bytes
}

/// A part of the image that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is there.
    Yes,
    /// It is left out.
    No,
}

/// Handling of an existing image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The build fails.
    Refuse,
    /// It is replaced.
    Replace,
}

/// The boundary of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// It follows mounts.
    Cross,
    /// It stays on the file system of each source. A mount point below it is an empty directory.
    Stay,
}

/// Handling of files of a source that cannot be read, or change during the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The build fails.
    Fail,
    /// They are left out, with a warning.
    LeaveOut,
}

/// Alignment of large files for huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugeAlign {
    /// Aligns a file if others fill the gap, or if the gap is small beside the file.
    Auto,
    /// Never.
    Off,
}

/// Writing, or a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Writes the image.
    Write,
    /// Writes nothing. The tree is read, and the summary describes the image that would be written.
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
}

/// Values that replace metadata of every file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// The user.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// The modification time.
    pub mtime: Mtime,
}

/// Handling of modification times.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mtime {
    /// They are kept.
    #[default]
    Keep,
    /// All become this one.
    Set(Timestamp),
    /// Later ones become this one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_path_or_a_prefix_and_a_path() {
        let spec = |argument: &[u8]| {
            let spec = SourceSpec::parse(OsStr::from_bytes(argument));
            (spec.prefix, spec.path.into_os_string().into_vec())
        };
        for (argument, prefix, path) in [
            ("tree", "", "tree"),
            ("/tree", "", "/tree"),
            ("a=/tree", "a", "/tree"),
            ("usr/local=tree", "usr/local", "tree"),
            ("a/=tree/", "a", "tree/"),
            ("a=b=c", "a", "b=c"),
            ("=a=b", "", "a=b"),
            ("./a=b", "", "./a=b"),
            ("../a=b", "", "../a=b"),
            ("/a=b", "", "/a=b"),
            (".config=/tree", ".config", "/tree"),
            ("a=", "a", ""),
        ] {
            let expected = (prefix.into(), path.into());
            assert_eq!(spec(argument.as_bytes()), expected, "{argument}");
        }
        assert_eq!(spec(b"\xff=\xfe"), (b"\xff".to_vec(), b"\xfe".to_vec()));
    }
}
