// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of a build: the failed action, its file, and a hint what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use daxfs_image::escape::printable as shown;

mod unsuitable;

pub use self::unsuitable::Unsuitable;

/// The result of a step of a build.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a build. In every case but one no image has appeared, and one that existed is as it
/// was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A call to the system failed.
    Io {
        /// The failed action, to follow "cannot".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file has changed since the tree was scanned.
    Changed {
        /// The file.
        path: PathBuf,
        /// The kind of change.
        change: Change,
    },
    /// A file exceeds a limit of the format.
    Limit {
        /// The file.
        path: PathBuf,
        /// The limit and the value that exceeds it, as a sentence.
        limit: String,
    },
    /// Several files cannot be read, or be in an image.
    Several {
        /// The first ones.
        errors: Vec<Error>,
        /// The number of others.
        more: u64,
    },
    /// A source cannot have its path in the image.
    Prefix {
        /// The source.
        source_path: PathBuf,
        /// The path in the image.
        prefix: PathBuf,
        /// The reason, as a sentence.
        reason: &'static str,
    },
    /// The environment says that a library pretends owners and devices, but it is not loaded.
    NotPretending {
        /// The program that sets up the environment.
        program: &'static str,
        /// The variable that shows it.
        variable: &'static str,
    },
    /// IMAGE exists and may not be replaced.
    Exists(PathBuf),
    /// IMAGE is a file that an image is not written to.
    Unsuitable {
        /// The image, as it was named.
        path: PathBuf,
        /// The reason.
        why: Unsuitable,
    },
    /// The image is complete and has its name, and the one that existed is gone. But its directory
    /// could not be written to disk, so that a crash may undo this.
    NotDurable {
        /// The image.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// An option that changes metadata does not fit a file.
    Metadata {
        /// The file, or the pattern of files.
        path: PathBuf,
        /// The reason, as a sentence.
        reason: String,
    },
    /// A user or group whose name the image does not have.
    UnknownName {
        /// The name.
        name: String,
        /// The file of the image that would have it.
        list: &'static str,
    },
    /// A pattern is malformed.
    Pattern {
        /// The file with the pattern, and the line, if it comes from one.
        line: Option<(PathBuf, usize)>,
        /// The error of the pattern.
        source: globset::Error,
    },
}

/// A change of a file during the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has vanished.
    Vanished,
    /// Its type changed.
    Type,
    /// Its size in bytes changed, from the first value to the second.
    Size(u64, u64),
    /// It ends before the size that it states.
    Shorter,
    /// It goes on behind the size that it states.
    Longer,
    /// Its contents, owner, mode, links, attributes or names changed.
    Modified,
}

impl Error {
    /// A function that makes an error of the system one of this action, for `map_err`.
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

    /// The same error, of a pattern in a line of a file.
    pub(crate) fn at(self, path: &Path, line: usize) -> Self {
        match self {
            Self::Pattern { source, .. } => Self::Pattern {
                line: Some((path.to_owned(), line)),
                source,
            },
            other => other,
        }
    }

    /// Returns true if a file of a source cannot be read, or has changed.
    pub(crate) fn is_of_reading(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Changed { .. })
    }

    /// The file that the error is about.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::Changed { path, .. }
            | Self::Limit { path, .. }
            | Self::Exists(path)
            | Self::Unsuitable { path, .. }
            | Self::NotDurable { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Advice for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Changed { .. } => {
                "stop the programs that write to the tree, build from a snapshot, or leave the file \
                 out with --exclude"
            }
            Self::Limit { .. } => "leave the file out with --exclude",
            Self::Prefix { .. } => {
                "a source is DIRECTORY or PREFIX=DIRECTORY; write a name with '=' as ./NAME"
            }
            Self::NotPretending { .. } => {
                "use a mkdaxfs that is linked to the C library dynamically, or unset the variable"
            }
            Self::Exists(_) => "choose another name, or replace the image with --force",
            Self::Unsuitable { why, .. } => why.hint(),
            Self::NotDurable { .. } => {
                "the image can be used; sync(1) may still write its name to disk"
            }
            Self::UnknownName { .. } => "give the number instead of the name",
            Self::Metadata { .. } => return None,
            Self::Pattern { .. } => "see the help of --exclude for the patterns",
            Self::Several { errors, .. } => return errors.first().and_then(Self::hint),
            Self::Io { action, source, .. } => io_hint(action, source)?,
        })
    }
}

fn io_hint(action: &str, source: &io::Error) -> Option<&'static str> {
    Some(match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            if action.contains("temporary") =>
        {
            "free some space, or set TMPDIR to another directory; --dry-run says how large it gets"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or write the image elsewhere; --dry-run says how large it gets"
        }
        io::ErrorKind::FileTooLarge => {
            "raise the limit on file sizes (ulimit -f), or write to a file system that holds large \
             files"
        }
        io::ErrorKind::PermissionDenied if action.contains("temporary") => {
            "set TMPDIR to a directory in which you may create files"
        }
        io::ErrorKind::PermissionDenied if action.contains("image") => {
            "write the image to a directory in which you may create files"
        }
        io::ErrorKind::PermissionDenied => {
            "run as a user who has the permission, or leave the file out with --exclude"
        }
        io::ErrorKind::ReadOnlyFilesystem => "write the image to a file system that is writable",
        io::ErrorKind::NotADirectory => "SOURCE and the parent of IMAGE must be directories",
        io::ErrorKind::NotFound if !Path::new("/proc/self/fd").exists() => "mount /proc",
        io::ErrorKind::NotFound => "check the path",
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, .. } => write!(f, "cannot {action} {}", shown(path)),
            Self::Changed {
                path,
                change: change @ (Change::Shorter | Change::Longer),
            } => write!(f, "{}: {change}", shown(path)),
            Self::Changed { path, change } => {
                write!(f, "{} changed during the build: {change}", shown(path))
            }
            Self::Limit { path, limit } => write!(f, "{}: {limit}", shown(path)),
            Self::Several { errors, more } => {
                let count = more.saturating_add(u64::try_from(errors.len()).unwrap_or(u64::MAX));
                write!(f, "{count} files cannot be read, or be in an image")
            }
            Self::Prefix {
                source_path,
                prefix,
                reason,
            } => {
                let (source, prefix) = (shown(source_path), shown(prefix));
                write!(f, "{source} cannot be at '{prefix}' of the image: {reason}")
            }
            Self::NotPretending { program, variable } => write!(
                f,
                "{variable} is set, but the library of {program} is not loaded: real owners would \
                 be recorded"
            ),
            Self::Exists(path) => write!(f, "{} exists", shown(path)),
            Self::Unsuitable {
                why: why @ Unsuitable::EmptyName,
                ..
            } => write!(f, "IMAGE {why}"),
            Self::Unsuitable { path, why } => write!(f, "{} {why}", shown(path)),
            Self::NotDurable { path, .. } => write!(
                f,
                "the image {} is complete, but its directory cannot be written to disk",
                shown(path)
            ),
            Self::Metadata { path, reason } => write!(f, "{}: {reason}", shown(path)),
            Self::UnknownName { name, list } => write!(
                f,
                "{} is not in /{list} of the image",
                shown(Path::new(name))
            ),
            Self::Pattern { line: None, .. } => f.write_str("bad pattern"),
            Self::Pattern {
                line: Some((path, line)),
                ..
            } => write!(f, "{}, line {line}: bad pattern", shown(path)),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished => f.write_str("it has vanished"),
            Self::Type => f.write_str("its type changed"),
            Self::Size(old, new) => write!(f, "its size was {old} and is {new}"),
            Self::Shorter => f.write_str("it ends before its size"),
            Self::Longer => f.write_str("it goes on behind its size"),
            Self::Modified => f.write_str("it was modified"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io { source, .. } | Self::NotDurable { source, .. } => Some(source),
            Self::Pattern { source, .. } => Some(source),
            _ => None,
        }
    }
}
