// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a build failed: what was being done to which file, and what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of a step of a build.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a build failed. In every case no image has appeared.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    Io {
        /// What was being done, to follow "cannot".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not any more what it was when the tree was scanned.
    Changed {
        /// The file.
        path: PathBuf,
        /// How.
        change: Change,
    },
    /// A file has something that the format has no room for.
    Limit {
        /// The file.
        path: PathBuf,
        /// What there is too much of, and how much there may be.
        limit: String,
    },
    /// IMAGE exists and may not be replaced.
    Exists(PathBuf),
    /// IMAGE exists and is no regular file.
    NotRegular(PathBuf),
    /// A pattern of files to leave out cannot be understood.
    Pattern(globset::Error),
}

/// How a file changed during the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is gone.
    Vanished,
    /// Its type is another one.
    Type,
    /// It had this many bytes and has that many.
    Size(u64, u64),
    /// It was written to, or its owner, mode, links or attributes were changed; or names in it.
    Modified,
}

impl Error {
    /// A function that says what was being done, for `map_err`.
    pub(crate) fn io<E: Into<io::Error>>(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Changed { .. } => {
                "stop what writes to the tree, build from a snapshot, or leave the file out with --exclude"
            }
            Self::Limit { .. } => "leave the file out with --exclude",
            Self::Exists(_) => "choose another name, or replace the image with --force",
            Self::NotRegular(_) => "choose another name; an image is written as a regular file",
            Self::Pattern(_) => "see the help of --exclude for the patterns",
            Self::Io { action, source, .. } => io_hint(action, source)?,
        })
    }
}

fn io_hint(action: &str, source: &io::Error) -> Option<&'static str> {
    Some(match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or write the image elsewhere; --dry-run says how large it gets"
        }
        io::ErrorKind::FileTooLarge => {
            "raise the limit on file sizes (ulimit -f), or write to a file system that holds large files"
        }
        io::ErrorKind::PermissionDenied if action.contains("image") => {
            "write the image to a directory in which you may"
        }
        io::ErrorKind::PermissionDenied => {
            "run as a user who has the permission, or leave the file out with --exclude"
        }
        io::ErrorKind::ReadOnlyFilesystem => "write the image to a file system that is writable",
        io::ErrorKind::NotADirectory => "SOURCE and what holds IMAGE must be directories",
        io::ErrorKind::NotFound if !Path::new("/proc/self/fd").exists() => "mount /proc",
        io::ErrorKind::NotFound => "check the path",
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, .. } => write!(f, "cannot {action} {}", path.display()),
            Self::Changed { path, change } => {
                write!(f, "{} changed during the build: {change}", path.display())
            }
            Self::Limit { path, limit } => write!(f, "{}: {limit}", path.display()),
            Self::Exists(path) => write!(f, "{} exists", path.display()),
            Self::NotRegular(path) => write!(f, "{} is no regular file", path.display()),
            Self::Pattern(error) => write!(f, "bad pattern: {error}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished => f.write_str("it is gone"),
            Self::Type => f.write_str("its type is another one"),
            Self::Size(old, new) => write!(f, "its size was {old} and is {new}"),
            Self::Modified => f.write_str("it was modified"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
