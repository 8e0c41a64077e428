// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts of restored files, and of losses: properties that could not be restored.
//!
//! Losses are counted by their kind and their reason, and each pair is printed as one line with one
//! file as an example. A tree of a million files has as few lines as one of ten.

use std::collections::BTreeMap;

use daxfs_cli::number::plural;
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::Namespace;
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::{Serialize, Serializer};

/// A property of a file that could not be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// The file itself, as the target cannot hold its type.
    File,
    /// The name, which the target takes for another one or refuses.
    Name,
    /// The owner.
    Owner,
    /// The mode.
    Mode,
    /// An extended attribute of a namespace.
    Attribute(Option<Namespace>),
    /// An attribute that an existing directory has and the image lacks.
    OldAttribute,
    /// The time.
    Time,
    /// A hard link, instead of which the file was copied.
    HardLink,
}

/// The losses of one kind, for one reason.
#[derive(Clone, Debug)]
struct Losses {
    count: u64,
    /// The first file in the order of paths, and the failure.
    example: (Vec<u8>, String),
}

/// The result of an extraction.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// The number of entries that were created: files of all types and directories.
    pub files: u64,
    /// The number of content bytes that were written.
    #[serde(rename = "size")]
    pub bytes: u64,
    /// The number of losses.
    pub not_restored: u64,
    /// The losses, a line for each kind and reason.
    #[serde(serialize_with = "lines")]
    problems: BTreeMap<(Loss, String), Losses>,
    /// The number of files that belong to the user who extracts, as was asked for, and not to the
    /// owner that the image states.
    pub other_owners: u64,
    /// The number of those that lack their set-ID bits for that.
    #[serde(skip)]
    set_ids: u64,
    /// True if the operating system has refused for lack of privilege.
    #[serde(skip)]
    unprivileged: bool,
}

impl Summary {
    /// Records an action on the file at `path` that failed.
    pub(super) fn problem(&mut self, loss: Loss, path: &[u8], what: &str, error: Errno) {
        self.unprivileged |= matches!(error, Errno::PERM | Errno::ACCESS) && !geteuid().is_root();
        let reason = std::io::Error::from(error).to_string();
        self.lose(loss, path, what, &reason);
    }

    /// Records a loss with a reason of its own.
    pub(super) fn lose(&mut self, loss: Loss, path: &[u8], what: &str, reason: &str) {
        let losses = Losses {
            count: 1,
            example: (path.to_vec(), what.to_owned()),
        };
        self.add((loss, reason.to_owned()), losses);
    }

    fn add(&mut self, key: (Loss, String), losses: Losses) {
        self.not_restored = self.not_restored.saturating_add(losses.count);
        self.problems
            .entry(key)
            .and_modify(|all| {
                all.count = all.count.saturating_add(losses.count);
                if losses.example < all.example {
                    all.example.clone_from(&losses.example);
                }
            })
            .or_insert(losses);
    }

    /// Counts a file that belongs to another owner than the image states, as was asked for.
    pub(super) fn other_owner(&mut self, lacks_set_ids: LacksSetIds) {
        self.other_owners = self.other_owners.saturating_add(1);
        if lacks_set_ids == LacksSetIds::Yes {
            self.set_ids = self.set_ids.saturating_add(1);
        }
    }

    /// Adds the result of another thread.
    pub(super) fn absorb(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.other_owners = self.other_owners.saturating_add(other.other_owners);
        self.set_ids = self.set_ids.saturating_add(other.set_ids);
        self.unprivileged |= other.unprivileged;
        for (key, losses) in other.problems {
            self.add(key, losses);
        }
    }

    /// The losses, a line for each kind and reason.
    pub fn problems(&self) -> impl Iterator<Item = String> + '_ {
        self.problems.iter().map(|((_, reason), losses)| {
            let (path, what) = &losses.example;
            let path = shown(path, Charset::Utf8);
            let others = match losses.count.saturating_sub(1) {
                0 => String::new(),
                others => format!(" (and {others} more alike)"),
            };
            format!("/{path}: cannot {what}: {reason}{others}")
        })
    }

    /// The advice about losses, if there are any.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let count = plural(self.not_restored, "property");
        let advice = if self.unprivileged {
            "root can restore owners, devices and all attributes"
        } else {
            "the target cannot hold them"
        };
        (self.not_restored != 0)
            .then(|| format!("{count} of files could not be restored; {advice}"))
    }

    /// The note about owners that were left out as was asked for, if there are any.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let files = plural(self.other_owners, "file");
        let set_ids = match self.set_ids {
            0 => String::new(),
            count => format!(", and the set-ID bits of {count} of them"),
        };
        (self.other_owners != 0).then(|| {
            format!("owners of {files} not restored{set_ids}; root restores them (--same-owner)")
        })
    }
}

/// True of a file with set-ID bits in the image that it did not receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LacksSetIds {
    Yes,
    No,
}

fn lines<S: Serializer>(
    problems: &BTreeMap<(Loss, String), Losses>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let summary = Summary {
        problems: problems.clone(),
        ..Summary::default()
    };
    serializer.collect_seq(summary.problems())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_a_line_for_each_kind_and_reason() {
        let mut summary = Summary::default();
        for number in (0..1000).rev() {
            let path = format!("{number:03}");
            summary.problem(
                Loss::Owner,
                path.as_bytes(),
                "set the owner 0:0",
                Errno::PERM,
            );
        }
        let mut other = Summary::default();
        other.lose(Loss::Name, b"a", "create the file", "no reason");
        other.problem(Loss::Owner, b"0", "set the owner 1:1", Errno::PERM);
        summary.absorb(other);
        let lines: Vec<String> = summary.problems().collect();
        let expected = [
            "/a: cannot create the file: no reason",
            "/0: cannot set the owner 1:1: Operation not permitted (os error 1) \
             (and 1000 more alike)",
        ];
        assert_eq!(
            (lines, summary.not_restored),
            (expected.map(Into::into).into(), 1002)
        );
    }
}
