// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory of expensive results, locks on its entries, and digests that name them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, Context, Result};
use rustix::fs::{flock, FlockOperation};
use sha2::{Digest, Sha256};

use crate::tree::record;

/// Creates and returns the cache directory, `$XDG_CACHE_HOME/daxfs` or `~/.cache/daxfs`.
pub(crate) fn directory() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(
            std::env::var_os("HOME")
                .ok_or_else(|| anyhow!("neither XDG_CACHE_HOME nor HOME is set"))?,
        )
        .join(".cache"),
    };
    subdirectory(&base, "daxfs")
}

/// Returns `parent/name`, created if it does not exist.
pub(crate) fn subdirectory(parent: &Path, name: &str) -> Result<PathBuf> {
    let path = parent.join(name);
    fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

/// An exclusive lock on one cache entry, or another file, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock named `name` (two runs of xtask must not build one thing twice).
    pub(crate) fn acquire(name: &str) -> Result<Self> {
        Self::on(&directory()?.join(format!("{name}.lock")))
    }

    /// Waits for the lock on a file.
    pub(crate) fn on(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        flock(&file, FlockOperation::LockExclusive)
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

/// Returns the SHA-256 of `bytes`, as 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the SHA-256 of a file's content, as 64 hexadecimal digits.
pub(crate) fn digest_file(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let digest =
        record::digest(&file).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex(&digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digest_is_sha256_in_hexadecimal() {
        assert_eq!(
            digest(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
