// SPDX-License-Identifier: MIT OR Apache-2.0
//! The early check of an image that exists.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::options::Existing;

/// Checks that an image may be written at this path.
///
/// # Errors
/// When a file is there that may not be replaced.
pub(super) fn check(image: &Path, existing: Existing) -> Result<()> {
    if image.as_os_str().as_bytes().ends_with(b"/") {
        return Err(Error::NotRegular(image.to_owned()));
    }
    let metadata = match fs::symlink_metadata(image) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("look for", image)(error)),
    };
    // A link to a device is refused like a device. A link to a file, or to nothing, is replaced.
    let is_regular = match fs::metadata(image) {
        Ok(target) => target.is_file(),
        Err(_) => metadata.is_symlink(),
    };
    match existing {
        _ if !is_regular => Err(Error::NotRegular(image.to_owned())),
        Existing::Refuse => Err(Error::Exists(image.to_owned())),
        Existing::Replace => Ok(()),
    }
}
