// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file that an archive is written to.
//!
//! A new file appears under its name when it is complete. An existing FIFO or character device,
//! such as `/dev/null` or the pipe of a shell's `>(zstd)`, is written as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use daxfs_image::escape::printable;
use rustix::fs::{linkat, openat, AtFlags, Mode, OFlags, CWD};
use rustix::io::Errno;

use crate::extract::Existing;

/// The file that an archive is written to.
#[derive(Debug)]
pub enum Archive {
    /// Standard output.
    Standard,
    /// A FIFO or a device.
    Stream(PathBuf),
    /// A regular file that gets this name at the end.
    File(PathBuf, Existing),
}

impl Archive {
    /// The file at `path`, or standard output for `-`. Nothing is opened yet.
    ///
    /// # Errors
    /// A terminal, a file that exists and is not to be replaced, and types that cannot be written.
    pub fn new(path: &Path, existing: Existing) -> Result<Self> {
        if path.as_os_str() == "-" {
            ensure!(
                !io::stdout().is_terminal(),
                "cannot write an archive to a terminal"
            );
            return Ok(Self::Standard);
        }
        let shown = printable(path);
        let kind = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::File(path.to_owned(), existing));
            }
            status => status
                .with_context(|| format!("cannot write {shown}"))?
                .file_type(),
        };
        if kind.is_fifo() || kind.is_char_device() {
            return Ok(Self::Stream(path.to_owned()));
        }
        if existing == Existing::Refuse {
            bail!("cannot write {shown}: it exists (--force replaces it)");
        }
        if kind.is_block_device() {
            return Ok(Self::Stream(path.to_owned()));
        }
        ensure!(
            kind.is_file(),
            "cannot write {shown}: it is not a regular file"
        );
        // The file that a symlink leads to is replaced, not the symlink.
        let path = fs::canonicalize(path).with_context(|| format!("cannot write {shown}"))?;
        Ok(Self::File(path, existing))
    }

    /// Opens the file, passes it to `write`, and gives it its name.
    ///
    /// # Errors
    /// Those of `write` and of the file; then there is no file of this name.
    pub fn fill<T>(&self, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
        match self {
            Self::Standard => {
                // Written in large parts; the lines of the standard library's type cost time.
                let mut out = rustix::io::dup(io::stdout()).map(File::from)?;
                write(&mut out)
            }
            Self::Stream(path) => {
                let cannot = || format!("cannot write {}", printable(path));
                let mut file = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .with_context(cannot)?;
                write(&mut file).with_context(cannot)
            }
            Self::File(path, existing) => replace(path, *existing, write)
                .with_context(|| format!("cannot write {}", printable(path))),
        }
    }
}

/// Writes a file without a name and gives it one. Where the file system has none, it has a temporary
/// name.
fn replace<T>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    let Ok(file) = openat(CWD, directory, flags, mode) else {
        return replace_named(path, directory, existing, write);
    };
    let mut file = File::from(file);
    let written = write(&mut file)?;
    file.sync_all()?;
    match link(&file, path) {
        Err(Errno::EXIST) if existing == Existing::Replace => {
            // A directory that only this user may access keeps the second name from others.
            let between = tempfile::Builder::new()
                .prefix(".daxfs-fsck.")
                .tempdir_in(directory)?;
            let name = between.path().join("archive");
            link(&file, &name)?;
            fs::rename(&name, path)?;
        }
        linked => linked?,
    }
    Ok(written)
}

/// Gives a name to a file without one.
fn link(file: &File, path: &Path) -> Result<(), Errno> {
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

fn replace_named<T>(
    path: &Path,
    directory: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let permissions = fs::Permissions::from_mode(0o666);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".daxfs-fsck.").permissions(permissions);
    let mut file = builder.tempfile_in(directory)?;
    let written = write(&mut file)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Replace => file.persist(path).map_err(|error| error.error)?,
        Existing::Refuse => file.persist_noclobber(path).map_err(|error| error.error)?,
    };
    Ok(written)
}
