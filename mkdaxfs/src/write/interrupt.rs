// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of all builds when a signal ends the process.

use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::output::temporary::remove_leftovers;
use crate::error::{shown, Result};
use crate::pool::lock;

/// The state of the image on which a build works, or has worked last.
static LEFT: Mutex<Left> = Mutex::new(Left::Nothing);

/// The image that an interrupted build leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// None.
    Nothing,
    /// The complete image.
    Complete(PathBuf),
    /// A part of the image: in a stream, or on a device, where it is not valid.
    Incomplete(PathBuf),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing was written"),
            Self::Complete(path) => write!(f, "the image {} is complete", shown(path)),
            Self::Incomplete(path) => write!(f, "the image {} is incomplete", shown(path)),
        }
    }
}

/// Ends all builds of this process, which must end now: removes the incomplete images that have
/// temporary names, and returns the state of the image. No image gets its name any more.
#[must_use]
pub fn interrupt() -> Left {
    let left = lock(&LEFT);
    remove_leftovers();
    let state = left.clone();
    // Held for ever, so that the state stays as it is returned.
    mem::forget(left);
    state
}

/// States that from now on the file at `path` has a part of the image.
pub(super) fn begin(path: &Path) {
    *lock(&LEFT) = Left::Incomplete(path.to_owned());
}

/// Runs the step after which the image at `path` is complete.
///
/// # Errors
/// Those of the step.
pub(super) fn complete(path: &Path, step: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut left = lock(&LEFT);
    step()?;
    *left = Left::Complete(path.to_owned());
    Ok(())
}
