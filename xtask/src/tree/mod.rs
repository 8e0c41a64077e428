// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory trees as test subjects: obtaining, recording, comparing and copying them.
//!
//! Everything here is written against the file system calls alone and shares no code with the
//! product, so that a mistake of the tools cannot hide behind the same mistake in their test.
//!
//! | module | owns |
//! |---|---|
//! | [`compare`] | the differences of two recorded trees, sorted by what they concern |
//! | [`debian`] | a Debian root file system, made by `mmdebstrap` |
//! | [`oddities`] | entries that a distribution does not ship: devices, holes, ACLs, odd names |
//! | [`record`] | everything observable about each entry of a tree |
//! | [`replicate`] | a faithful copy of a tree, created in a chosen order |

pub(crate) mod compare;
pub(crate) mod debian;
pub(crate) mod oddities;
pub(crate) mod record;
pub(crate) mod replicate;

use std::path::Path;

use anyhow::{Context, Result};

/// Removes `dir` with everything in it; it need not exist.
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
