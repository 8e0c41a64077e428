// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays with layers in memory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::sys;

/// An overlay, taken away when dropped.
pub(crate) struct Overlay {
    base: String,
    root: String,
}

impl Overlay {
    /// Mounts an overlay of a directory below the directory `base`, with more options, which begin
    /// with a comma.
    pub(crate) fn of(lower: impl AsRef<Path>, base: &str, options: &str) -> Result<Self> {
        let overlay = Self {
            base: base.to_owned(),
            root: format!("{base}/root"),
        };
        fs::create_dir_all(base)?;
        sys::mount("none", base, "tmpfs", 0, "")?;
        for name in ["upper", "work", "root"] {
            fs::create_dir(format!("{base}/{name}"))?;
        }
        let lower = lower.as_ref().display();
        let options =
            format!("lowerdir={lower},upperdir={base}/upper,workdir={base}/work{options}");
        let mounted = sys::mount("overlay", &overlay.root, "overlay", 0, &options);
        mounted.context("cannot mount the overlay")?;
        Ok(overlay)
    }

    /// Returns a path in the overlay.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.root).join(name)
    }

    /// Returns the directory that shows the overlay.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        // An overlay that is still in use goes with its last user.
        let _ = sys::unmount(&self.root, libc::MNT_DETACH);
        let _ = sys::unmount(&self.base, libc::MNT_DETACH);
    }
}
