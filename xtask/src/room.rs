// SPDX-License-Identifier: MIT OR Apache-2.0
//! Room on a disk: a run that would end in its middle for want of it does not start.

use std::path::Path;

use anyhow::{ensure, Context, Result};

/// Bytes in a GiB.
const GIB: u64 = 1 << 30;

/// Makes sure that `directory`, which exists, lies where `gib` GiB are free.
///
/// # Errors
/// When there is less; the error says how much, and that it is for `purpose`.
pub(crate) fn ensure(directory: &Path, gib: u64, purpose: &str) -> Result<()> {
    let status = rustix::fs::statvfs(directory)
        .with_context(|| format!("cannot look at {}", directory.display()))?;
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    ensure!(
        free >= gib * GIB,
        "{purpose} take {gib} GiB in {}, and {} GiB are free there",
        directory.display(),
        Gib(free),
    );
    Ok(())
}

/// A number of bytes that is printed in GiB.
struct Gib(u64);

impl std::fmt::Display for Gib {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tenths, cut off: what is called free is there.
        let tenths = self.0.saturating_mul(10) / GIB;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_told() {
        let here = Path::new("/");
        assert!(ensure(here, 0, "tests").is_ok());
        let error = ensure(here, 1 << 30, "tests").map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.starts_with("tests take 1073741824 GiB in /, and ")));
    }

    #[test]
    fn what_is_free_is_not_rounded_up() {
        assert_eq!(Gib(GIB * 2 - 1).to_string(), "1.9");
    }
}
