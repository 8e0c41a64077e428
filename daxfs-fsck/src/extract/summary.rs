// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts of restored files, and attributes that could not be restored.

use daxfs_image::escape::{shown, Charset};
use rustix::io::Errno;
use serde::Serialize;

/// The number of problems that are printed.
const SHOWN: usize = 100;

/// The result of an extraction.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// The number of entries that were created: files of all types and directories.
    pub files: u64,
    /// The number of content bytes that were written.
    pub bytes: u64,
    /// The number of devices, owners, attributes, modes and times that could not be restored.
    pub not_restored: u64,
    /// The first problems, one line each.
    pub problems: Vec<String>,
    /// True if the operating system has refused for lack of privilege.
    #[serde(skip)]
    unprivileged: bool,
}

impl Summary {
    /// Records an action on the file at `path` that failed.
    pub(super) fn problem(&mut self, path: &[u8], what: &str, error: Errno) {
        self.not_restored = self.not_restored.saturating_add(1);
        self.unprivileged |= matches!(error, Errno::PERM | Errno::ACCESS);
        if self.problems.len() < SHOWN {
            let path = shown(path, Charset::Utf8);
            let error = std::io::Error::from(error);
            self.problems
                .push(format!("/{path}: cannot {what}: {error}"));
        }
    }

    /// Adds the result of another thread.
    pub(super) fn absorb(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.not_restored = self.not_restored.saturating_add(other.not_restored);
        self.unprivileged |= other.unprivileged;
        self.problems.extend(other.problems);
        self.problems.sort();
        self.problems.truncate(SHOWN);
    }

    /// The advice about attributes that were not restored.
    #[must_use]
    pub fn advice(&self) -> String {
        let count = self.not_restored;
        let advice = if self.unprivileged {
            "root can restore owners, devices and all attributes"
        } else {
            "the file system of the target cannot hold them"
        };
        format!("{count} attributes or devices were not restored; {advice}")
    }
}
