// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where things are: the checkout and cargo's target directory.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the checkout, where the workspace's `Cargo.toml` lies.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Cargo's target directory.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The directory for logs and scratch files of `cargo xtask`, inside the target directory.
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
