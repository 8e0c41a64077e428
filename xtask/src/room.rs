// SPDX-License-Identifier: MIT OR Apache-2.0
//! Free space on disks: a run that would exhaust it does not start.

use std::path::Path;

use anyhow::{ensure, Context, Result};

/// Bytes in a GiB.
const GIB: u64 = 1 << 30;

/// Checks that `gib` GiB are free on the disk of `directory`, which must exist.
///
/// # Errors
/// When there is less. The error names the amount and the `purpose`.
pub(crate) fn ensure(directory: &Path, gib: u64, purpose: &str) -> Result<()> {
    let status = rustix::fs::statvfs(directory)
        .with_context(|| format!("cannot read the free space of {}", directory.display()))?;
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
        // Tenths, rounded down: no more is reported than is free.
        let tenths = self.0.saturating_mul(10) / GIB;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_is_an_error() {
        let here = Path::new("/");
        assert!(ensure(here, 0, "tests").is_ok());
        let error = ensure(here, 1 << 30, "tests").map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.starts_with("tests take 1073741824 GiB in /, and ")));
    }

    #[test]
    fn free_space_is_not_rounded_up() {
        assert_eq!(Gib(GIB * 2 - 1).to_string(), "1.9");
    }
}
