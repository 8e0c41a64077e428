// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was restored, and what could not be.

use daxfs_image::escape::{shown, Charset};
use rustix::io::Errno;
use serde::Serialize;

/// How many problems are printed.
const SHOWN: usize = 100;

/// What an extraction has done.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Entries of directories that were made: files of all types and directories.
    pub files: u64,
    /// Content bytes that were written.
    pub bytes: u64,
    /// Devices, owners, attributes, modes and times that could not be restored.
    pub not_restored: u64,
    /// The first of those, one line each.
    pub problems: Vec<String>,
    /// Whether the operating system has said that it is a matter of privilege.
    #[serde(skip)]
    unprivileged: bool,
}

impl Summary {
    /// Notes what could not be done to the file at `path`.
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

    /// Takes what another thread has done.
    pub(super) fn absorb(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.not_restored = self.not_restored.saturating_add(other.not_restored);
        self.unprivileged |= other.unprivileged;
        self.problems.extend(other.problems);
        self.problems.sort();
        self.problems.truncate(SHOWN);
    }

    /// What to do about what was not restored.
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
