// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory trees as test subjects: obtaining them, and from `daxfs-testtree` recording,
//! comparing and copying them.
//!
//! | module | owns |
//! |---|---|
//! | [`debian`] | a Debian root file system, made by `mmdebstrap` |

pub(crate) mod debian;

use std::path::Path;

use anyhow::{Context, Result};
pub(crate) use daxfs_testtree::{compare, oddities, record, replicate};

/// Removes `dir` with all its entries, if it exists.
///
/// # Errors
/// When something in it cannot be removed.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
