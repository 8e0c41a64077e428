// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file that IMAGE names, and the early check that an image may be written there.
//!
//! | IMAGE | |
//! |---|---|
//! | standard output | a stream; not a terminal |
//! | a name that does not exist | a new file |
//! | a regular file | replaced with `--force`, as a whole and under this name only |
//! | a symbolic link | followed; not if it leads nowhere |
//! | a FIFO | a stream |
//! | a block device | overwritten with `--force`, if nothing else uses it |
//! | anything else | refused |

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    accessat, fcntl_getfl, openat, statx, Access, AtFlags, Mode, OFlags, StatxAttributes,
    StatxFlags, CWD,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::file::{open_directory, parent};
use crate::error::{Error, Result, Unsuitable};
use crate::options::{is_stdout, Existing};

/// The bit of a directory's mode that keeps the files of others.
const STICKY: u32 = 0o1000;

/// The kind of file that an image is written to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// The regular file at this path, which may not exist.
    File(PathBuf),
    /// A file that gets the image when it is complete.
    Stream(Stream),
}

/// A file that cannot be replaced, and is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Fifo,
    Device,
}

impl Destination {
    /// Finds the file that `image` names.
    ///
    /// # Errors
    /// When an image may not be written there.
    pub(super) fn of(image: &Path, existing: Existing) -> Result<Self> {
        if is_stdout(image) {
            return check_stdout(image).map(|()| Self::Stream(Stream::Stdout));
        }
        match image.as_os_str().as_bytes() {
            [] => return Err(unsuitable(image, Unsuitable::EmptyName)),
            [.., b'/'] => return Err(unsuitable(image, Unsuitable::Directory)),
            _ => {}
        }
        match fs::symlink_metadata(image) {
            Ok(status) if status.is_symlink() => Self::existing(image, follow(image)?, existing),
            Ok(_) => Self::existing(image, image.to_owned(), existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                check_directory(image)?;
                Ok(Self::File(image.to_owned()))
            }
            Err(error) => Err(Error::io("look for the image", image)(error)),
        }
    }

    /// The destination that is a file that exists, with its path behind links.
    fn existing(image: &Path, path: PathBuf, existing: Existing) -> Result<Self> {
        let status = fs::metadata(&path).map_err(Error::io("look for the image", image))?;
        let kind = status.file_type();
        let why = match existing {
            _ if kind.is_fifo() => return Ok(Self::Stream(Stream::Fifo)),
            _ if kind.is_dir() => Unsuitable::Directory,
            _ if kind.is_char_device() => Unsuitable::CharDevice,
            _ if kind.is_socket() => Unsuitable::Socket,
            Existing::Refuse if kind.is_block_device() => Unsuitable::BlockDevice,
            Existing::Refuse => return Err(Error::Exists(image.to_owned())),
            Existing::Replace if kind.is_block_device() => {
                return open_device(image).map(|_| Self::Stream(Stream::Device));
            }
            Existing::Replace => {
                check_directory(&path)?;
                match obstacle(&path, &status) {
                    None => return Ok(Self::File(path)),
                    Some(why) => why,
                }
            }
        };
        Err(unsuitable(image, why))
    }
}

/// The error of an image that may not be written to a file.
pub(super) fn unsuitable(image: &Path, why: Unsuitable) -> Error {
    Error::Unsuitable {
        path: image.to_owned(),
        why,
    }
}

/// Opens standard output as a file: that of the library takes a closed one for written.
pub(super) fn open_stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(stdout.into())
}

fn check_stdout(image: &Path) -> Result<()> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return Err(unsuitable(image, Unsuitable::Terminal));
    }
    match fcntl_getfl(stdout.as_fd()) {
        Ok(flags) if flags & OFlags::RWMODE == OFlags::RDONLY => {
            Err(unsuitable(image, Unsuitable::ReadOnly))
        }
        _ => Ok(()),
    }
}

/// The path of a link's target. The system judges whether the link may be followed, which in a
/// directory such as `/tmp` depends on its owner.
fn follow(link: &Path) -> Result<PathBuf> {
    match openat(CWD, link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(_) => {}
        Err(Errno::NOENT) => return Err(unsuitable(link, Unsuitable::DanglingLink)),
        Err(errno) => return Err(Error::io("follow the link", link)(errno)),
    }
    match fs::metadata(link) {
        // A pipe or a device behind a link in /proc has no path.
        Ok(status) if !status.is_file() => Ok(link.to_owned()),
        _ => fs::canonicalize(link).map_err(Error::io("follow the link", link)),
    }
}

/// Opens a block device that nothing else uses.
pub(super) fn open_device(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::BUSY => unsuitable(path, Unsuitable::InUse),
        errno => Error::io("open the image", path)(errno),
    })
}

/// Checks that files may be created in the directory of `path`.
fn check_directory(path: &Path) -> Result<()> {
    let directory = parent(path);
    let open = open_directory(directory)?;
    accessat(
        open,
        ".",
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    )
    .map_err(Error::io("create the image in", directory))
}

/// The reason why a regular file cannot be replaced. The system decides when the image gets its
/// name; this saves the work.
fn obstacle(path: &Path, status: &Metadata) -> Option<Unsuitable> {
    let directory = parent(path);
    if is_immutable(path) || is_immutable(directory) {
        return Some(Unsuitable::Immutable);
    }
    let directory = fs::metadata(directory).ok()?;
    let owners = [0, status.uid(), directory.uid()];
    let is_kept = directory.mode() & STICKY != 0 && !owners.contains(&geteuid().as_raw());
    is_kept.then_some(Unsuitable::Sticky)
}

/// Returns true if names cannot be replaced because of a flag that chattr(1) sets.
fn is_immutable(path: &Path) -> bool {
    let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    statx(CWD, path, AtFlags::empty(), StatxFlags::empty())
        .is_ok_and(|status| status.stx_attributes.intersects(fixed))
}
