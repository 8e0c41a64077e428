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
use std::sync::atomic::{AtomicBool, Ordering};

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
    paths: Globs,
    names: Globs,
}

/// Globs that are compared with one text.
#[derive(Debug, Default)]
struct Globs {
    set: GlobSet,
    /// The globs as they were given, each with a note that it has matched.
    given: Vec<(String, AtomicBool)>,
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

    /// The patterns that have matched nothing so far.
    pub(crate) fn unmatched(&self) -> impl Iterator<Item = &str> {
        let all = [&self.any, &self.directories];
        let globs = all
            .into_iter()
            .flat_map(|patterns| [&patterns.paths, &patterns.names]);
        let given = globs.flat_map(|globs| &globs.given);
        given.filter_map(|(glob, has_matched)| {
            (!has_matched.load(Ordering::Relaxed)).then_some(glob.as_str())
        })
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
        let has_slash = |glob: &&&str| glob.trim_end_matches('/').contains('/');
        let (paths, names): (Vec<&str>, Vec<&str>) = globs.iter().partition(has_slash);
        Ok(Self {
            paths: Globs::new(&paths)?,
            names: Globs::new(&names)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.paths.given.is_empty() && self.names.given.is_empty()
    }

    fn matches(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        self.paths.matches(path) || self.names.matches(name)
    }
}

impl Globs {
    fn new(globs: &[&str]) -> Result<Self> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let pattern = below(glob.trim_end_matches('/'));
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            set.add(glob.map_err(bad_pattern)?);
        }
        let note = |&glob: &&str| (glob.to_owned(), AtomicBool::new(false));
        Ok(Self {
            set: set.build().map_err(bad_pattern)?,
            given: globs.iter().map(note).collect(),
        })
    }

    fn matches(&self, text: &[u8]) -> bool {
        let text = Path::new(OsStr::from_bytes(text));
        if !self.set.is_match(text) {
            return false;
        }
        for index in self.set.matches(text) {
            if let Some((_, has_matched)) = self.given.get(index) {
                has_matched.store(true, Ordering::Relaxed);
            }
        }
        true
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
    fn globs_that_match_nothing_are_known() {
        let globs = ["/proc", "src/proc", "*.o", "b/"].map(str::to_owned);
        let exclude = Exclude::new(&globs).unwrap();
        assert!(exclude.matches(b"proc", FileType::Directory));
        assert!(exclude.matches(b"a/c.o", FILE));
        assert!(!exclude.matches(b"b", FILE));
        assert_eq!(exclude.unmatched().collect::<Vec<_>>(), ["src/proc", "b/"]);
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
