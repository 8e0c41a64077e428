// SPDX-License-Identifier: MIT OR Apache-2.0
//! The copy of the source to which patches are applied; the checkout is never changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::list::{Edit, Patch};
use crate::kernel::cache::Lock;
use crate::{process, workspace};

/// A copy of some directories of the checkout. It is removed when dropped.
pub(super) struct SourceCopy {
    dir: PathBuf,
    /// Held against other runs in this checkout, which would build in the same copy.
    _lock: Lock,
}

impl SourceCopy {
    /// Copies the directories as soon as no other run has a copy of this name.
    pub(super) fn new(name: &str, sources: &[&str]) -> Result<Self> {
        let all = workspace::scratch_dir()?.join("patches");
        fs::create_dir_all(&all)?;
        let lock = Lock::on(&all.join(format!("{name}.lock")))?;
        let dir = all.join(name);
        remove(&dir)?;
        copy(sources, &dir)?;
        Ok(Self { dir, _lock: lock })
    }

    /// The directory of the copy.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs `work` on the copy with a patch applied, and restores the copy.
    pub(super) fn with<T>(&self, patch: &Patch, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let whole = patch.edits.iter().map(|edit| self.read(edit));
        let whole = whole.collect::<Result<Vec<_>>>()?;
        let result = self.apply(patch).and_then(|()| work());
        // From the copy, for the checkout may have changed since.
        for (path, text) in whole {
            fs::write(path, text)?;
        }
        result
    }

    fn apply(&self, patch: &Patch) -> Result<()> {
        for edit in &patch.edits {
            let (path, text) = self.read(edit)?;
            fs::write(path, edit.apply(&text)?)?;
        }
        Ok(())
    }

    fn read(&self, edit: &Edit) -> Result<(PathBuf, String)> {
        let path = self.dir.join(&edit.file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path, text))
    }
}

impl Drop for SourceCopy {
    fn drop(&mut self) {
        // The next run begins by removing it too, and reports an error.
        let _ = remove(&self.dir);
    }
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Copies the files that git knows or would add: neither what was built nor what is ignored.
fn copy(sources: &[&str], dir: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--"])
        .args(sources)
        .current_dir(workspace::root());
    for name in process::capture(&mut list)?.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), dir.join(name));
        // A file that is deleted but still in git's index is no longer source.
        if !from.exists() {
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&from, &to).with_context(|| format!("cannot copy {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// The second one removed the copy of the first.
    #[test]
    fn two_runs_follow_each_other() {
        let new = || SourceCopy::new("copy-test", &["Cargo.toml"]);
        let first = new().unwrap();
        let (done, second) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| done.send(new().is_ok()));
            assert!(second.recv_timeout(Duration::from_millis(300)).is_err());
            assert!(first.dir().join("Cargo.toml").exists());
            drop(first);
            assert_eq!(second.recv_timeout(Duration::from_secs(60)), Ok(true));
        });
    }
}
