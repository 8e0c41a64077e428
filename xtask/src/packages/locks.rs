// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks of the package manager: which one stopped `apt-get`, and who holds it.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// Begin of apt's message about a lock that it does not wait for; the path follows.
const NOT_GOT: &str = "Could not get lock ";

/// Begin of apt's message at the end of its wait for dpkg's lock; the path follows.
const NOT_ACQUIRED: &str = "Unable to acquire the dpkg frontend lock (";

/// A lock that another process holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    path: String,
    /// Number and name of the process, if they are known.
    holder: Option<String>,
}

impl Held {
    /// Returns the lock if a process holds it now, by `/proc/locks`.
    pub(super) fn find(path: &str) -> Option<Self> {
        let holder = Some(holder(Path::new(path))?);
        let path = path.to_owned();
        Some(Self { path, holder })
    }

    /// Reads the lock that stopped `apt-get` out of its messages.
    fn parse(stderr: &str) -> Option<Self> {
        let lines = || stderr.lines();
        let not_got = lines().find_map(|line| line.split_once(NOT_GOT));
        let rest = match not_got {
            Some((_, rest)) => rest,
            None => lines().find_map(|line| line.split_once(NOT_ACQUIRED))?.1,
        };
        let end = rest.find([' ', ')']).unwrap_or(rest.len());
        let path = rest.get(..end)?.trim_end_matches('.').to_owned();
        let named = rest.split_once("It is held by process ");
        let named = named.map(|(_, process)| process.trim_end_matches('.').to_owned());
        let holder = named.or_else(|| holder(Path::new(&path)));
        Some(Self { path, holder })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "{} is held by process {holder}", self.path),
            None => write!(f, "{} is held by another process", self.path),
        }
    }
}

/// Consequence of a run of `apt-get` that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The reason is one that waiting does not change.
    Failure,
    /// A lock is held, and there is time for another attempt.
    Retry(Held),
    /// A lock is held, and the time is over.
    GiveUp(Held),
}

impl Verdict {
    /// Returns the verdict on a run that failed with these messages, `waited` after the first one
    /// began.
    pub(super) fn on_failure(stderr: &str, waited: Duration, limit: Duration) -> Self {
        match Held::parse(stderr) {
            None => Self::Failure,
            Some(held) if waited < limit => Self::Retry(held),
            Some(held) => Self::GiveUp(held),
        }
    }
}

/// Number and name of the process that holds a lock on a file.
fn holder(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let id = holder_in(&locks, file.dev(), file.ino())?;
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    Some(format!("{id} ({})", name.trim_end()))
}

/// The holder of a lock on the file with this device and inode number, from lines of `/proc/locks`
/// such as `3: POSIX  ADVISORY  WRITE 11014 fe:00:10027103 0 EOF`.
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        // A line of a process that waits has `->` as its second word.
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, _, _, _, id, at, ..] if *at == file => id.parse().ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LISTS: &str = "E: Could not get lock /none/lists/lock. It is held by process 12 (apt)\n\
                         E: Unable to lock directory /none/lists/\n";
    const OLD: &str =
        "E: Could not get lock /none/archives/lock - open (11: Resource temporarily unavailable)\n";
    const DPKG: &str = "E: Unable to acquire the dpkg frontend lock (/none/lock-frontend), \
                        is another process using it?\n";

    fn held(path: &str, holder: Option<&str>) -> Held {
        Held {
            path: path.to_owned(),
            holder: holder.map(str::to_owned),
        }
    }

    #[test]
    fn each_message_about_a_lock_is_understood() {
        let lists = held("/none/lists/lock", Some("12 (apt)"));
        assert_eq!(
            lists.to_string(),
            "/none/lists/lock is held by process 12 (apt)"
        );
        assert_eq!(Held::parse(LISTS), Some(lists));
        let archives = held("/none/archives/lock", None);
        assert_eq!(
            archives.to_string(),
            "/none/archives/lock is held by another process"
        );
        assert_eq!(Held::parse(OLD), Some(archives));
        assert_eq!(Held::parse(DPKG), Some(held("/none/lock-frontend", None)));
    }

    #[test]
    fn only_a_lock_is_worth_another_attempt() {
        let verdict = |stderr, waited| Verdict::on_failure(stderr, waited, SECOND * 2);
        let other = "E: Could not open lock file /none/lock - open (13: Permission denied)";
        assert_eq!(verdict(other, SECOND), Verdict::Failure);
        let archives = || held("/none/archives/lock", None);
        assert_eq!(verdict(OLD, SECOND), Verdict::Retry(archives()));
        assert_eq!(verdict(OLD, SECOND * 2), Verdict::GiveUp(archives()));
    }

    #[test]
    fn the_holder_is_read_from_the_kernels_list() {
        let locks = "1: FLOCK  ADVISORY  WRITE 3053 fe:00:100 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 10028 fe:00:7 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 13022 08:01:7 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 11014 fe:00:7 0 EOF\n";
        let device = rustix::fs::makedev(0xfe, 0);
        assert_eq!(holder_in(locks, device, 7), Some(11014));
        assert_eq!(holder_in(locks, device, 8), None);
    }
}
