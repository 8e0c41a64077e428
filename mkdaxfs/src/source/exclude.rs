// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns of files to leave out.
//!
//! A pattern with a slash (but not only at its end) is compared with the whole path below the
//! source, one without with the name alone, at any depth. A slash at the end lets it match
//! directories only. `*` and `?` do not match a slash, `**` does. Slashes and `./` at the beginning
//! do not count, but make the pattern one with a slash.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use daxfs_format::FileType;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::{Error, Result};

/// Patterns of files to leave out.
#[derive(Debug)]
pub(crate) struct Exclude {
    /// Patterns for files of all types.
    any: Patterns,
    /// Patterns for directories only.
    directories: Patterns,
}

#[derive(Debug)]
struct Patterns {
    paths: GlobSet,
    names: GlobSet,
}

impl Exclude {
    /// Compiles globs.
    ///
    /// # Errors
    /// When one is malformed.
    pub(crate) fn new(globs: &[String]) -> Result<Self> {
        let (directories, any): (Vec<&str>, Vec<&str>) = globs
            .iter()
            .map(String::as_str)
            .partition(|glob| glob.ends_with('/'));
        Ok(Self {
            any: Patterns::new(&any)?,
            directories: Patterns::new(&directories)?,
        })
    }

    /// Returns true if there are no patterns.
    pub(crate) fn is_empty(&self) -> bool {
        self.any.is_empty() && self.directories.is_empty()
    }

    /// Returns true if the file at this path below the source is left out.
    pub(crate) fn matches(&self, path: &[u8], file_type: FileType) -> bool {
        let is_directory = file_type == FileType::Directory;
        self.any.matches(path) || (is_directory && self.directories.matches(path))
    }
}

/// A pattern without the `./` and slashes that it begins with: paths below the source have none.
fn below(mut pattern: &str) -> &str {
    while let Some(rest) = pattern
        .strip_prefix("./")
        .or_else(|| pattern.strip_prefix('/'))
    {
        pattern = rest;
    }
    pattern
}

fn bad_pattern(source: globset::Error) -> Error {
    Error::Pattern { line: None, source }
}

impl Patterns {
    fn new(globs: &[&str]) -> Result<Self> {
        let (mut paths, mut names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for glob in globs {
            let whole = glob.trim_end_matches('/');
            let set = if whole.contains('/') {
                &mut paths
            } else {
                &mut names
            };
            let pattern = below(whole);
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            set.add(glob.map_err(bad_pattern)?);
        }
        let build = |set: GlobSetBuilder| set.build().map_err(bad_pattern);
        Ok(Self {
            paths: build(paths)?,
            names: build(names)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.names.is_empty()
    }

    fn matches(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        self.paths.is_match(Path::new(OsStr::from_bytes(path)))
            || self.names.is_match(Path::new(OsStr::from_bytes(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileType = FileType::Regular;

    fn matches(glob: &str, path: &[u8], file_type: FileType) -> bool {
        Exclude::new(&[glob.to_owned()])
            .unwrap()
            .matches(path, file_type)
    }

    #[test]
    fn a_glob_without_slash_matches_names_anywhere() {
        assert!(matches("*.o", b"a/b/c.o", FILE));
        assert!(matches("*.o", b"c.o", FILE));
        assert!(
            !matches("*.o", b"c.o/d", FILE),
            "files in a directory go with it"
        );
        assert!(matches("c\\*", b"a/c*", FILE));
        assert!(!matches("c\\*", b"a/cc", FILE));
    }

    #[test]
    fn a_glob_with_slash_matches_whole_paths() {
        assert!(matches("/b", b"b", FILE));
        assert!(!matches("/b", b"a/b", FILE));
        for glob in ["./b", "././b", ".//b", "//b", "/./b"] {
            assert!(matches(glob, b"b", FILE), "{glob}");
            assert!(!matches(glob, b"a/b", FILE), "{glob}");
        }
        assert!(!matches("./.b", b"b", FILE));
        assert!(matches("./.b", b".b", FILE));
        assert!(matches("a/*", b"a/b", FILE));
        assert!(!matches("a/*", b"a/b/c", FILE));
        assert!(matches("a/**/d", b"a/b/c/d", FILE));
        assert!(matches("**/c/d", b"a/b/c/d", FILE));
    }

    #[test]
    fn a_glob_with_slash_at_its_end_matches_directories() {
        assert!(matches("b/", b"a/b", FileType::Directory));
        assert!(!matches("b/", b"a/b", FILE));
        assert!(matches("/a/b/", b"a/b", FileType::Directory));
    }

    #[test]
    fn names_need_not_be_text() {
        assert!(matches("a*z", b"a\xff\xfez", FILE));
    }

    #[test]
    fn a_malformed_glob_is_refused() {
        assert!(matches!(
            Exclude::new(&["a[".to_owned()]),
            Err(Error::Pattern { .. })
        ));
    }
}
