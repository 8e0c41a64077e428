// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths: the checkout and cargo's target directory.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

/// `f_type` of tmpfs, from statfs(2).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Returns the root of the checkout, the directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Returns cargo's target directory.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the path of a release binary, which exists after `cargo build --release`.
pub(crate) fn release_binary(name: &str) -> PathBuf {
    target_dir().join("release").join(name)
}

/// Returns `/dev/shm`, the tmpfs that every Linux system has.
///
/// # Errors
/// When it is not a tmpfs.
pub(crate) fn tmpfs() -> Result<&'static Path> {
    let path = Path::new("/dev/shm");
    let status = rustix::fs::statfs(path).context("cannot use /dev/shm")?;
    ensure!(
        u64::try_from(status.f_type)? == TMPFS_MAGIC,
        "/dev/shm is not a tmpfs"
    );
    Ok(path)
}

/// Returns a directory in which trees of files are quickly made and removed: on a tmpfs if it keeps
/// their extended attributes (Linux 6.6 and later), else [`scratch_dir`].
///
/// # Errors
/// When no directory can be created.
pub(crate) fn tree_dir() -> Result<PathBuf> {
    let keeps_attributes = |directory: &&Path| {
        let probe = tempfile::NamedTempFile::new_in(directory);
        let flags = rustix::fs::XattrFlags::CREATE;
        probe.is_ok_and(|file| rustix::fs::setxattr(file.path(), "user.x", b"x", flags).is_ok())
    };
    match tmpfs().ok().filter(keeps_attributes) {
        Some(tmpfs) => Ok(tmpfs.to_owned()),
        None => scratch_dir(),
    }
}

/// Returns the directory for logs and scratch files of `cargo xtask`, inside the target directory.
///
/// # Errors
/// When the directory cannot be created.
pub(crate) fn scratch_dir() -> Result<PathBuf> {
    create(target_dir().join("xtask"))
}

fn create(path: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}
