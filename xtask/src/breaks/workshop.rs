// SPDX-License-Identifier: MIT OR Apache-2.0
//! The copy of the source in which breaks are made; the checkout is never changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::list::{Break, Edit};
use super::subject::{Runner, Subject};
use crate::kernel::cache::Lock;
use crate::{process, workspace};

/// A copy of the source, and the means to run cases on what is built from it. The copy is gone in the end.
pub(super) struct Workshop {
    dir: PathBuf,
    runner: Box<dyn Runner>,
    /// Another run in this checkout would build in the same copy.
    _lock: Lock,
}

impl Workshop {
    /// Copies the source, once no other run has a copy, and sees the cases of the breaks pass on it.
    pub(super) fn open(subject: &Subject, breaks: &[&Break]) -> Result<Self> {
        let all = workspace::scratch_dir()?.join("breaks");
        fs::create_dir_all(&all)?;
        let lock = Lock::on(&all.join(format!("{}.lock", subject.name)))?;
        let dir = all.join(subject.name);
        remove(&dir)?;
        copy(subject.sources, &dir)?;
        let runner = (subject.runner)(&dir)?;
        let mut workshop = Self {
            dir,
            runner,
            _lock: lock,
        };
        let cases: BTreeSet<&str> = breaks
            .iter()
            .flat_map(|entry| &entry.cases)
            .map(String::as_str)
            .collect();
        workshop.runner.passes_unbroken(&cases)?;
        Ok(workshop)
    }

    /// Makes a break, runs its cases, and mends it; returns the cases that did not fail.
    pub(super) fn try_break(&mut self, entry: &Break) -> Result<Vec<String>> {
        let whole = entry.edits.iter().map(|edit| self.read(edit));
        let whole = whole.collect::<Result<Vec<_>>>()?;
        let result = self.make_and_run(entry);
        // From the copy, for the checkout may have changed since.
        for (path, text) in whole {
            fs::write(path, text)?;
        }
        result
    }

    fn make_and_run(&mut self, entry: &Break) -> Result<Vec<String>> {
        for edit in &entry.edits {
            let (path, text) = self.read(edit)?;
            fs::write(path, edit.apply(&text)?)?;
        }
        self.runner.passing(entry)
    }

    fn read(&self, edit: &Edit) -> Result<(PathBuf, String)> {
        let path = self.dir.join(&edit.file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path, text))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // The next run begins by removing it too, and says so if it cannot.
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

/// Copies what git knows or would add: neither what was built nor what is ignored.
fn copy(sources: &[&str], dir: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--"])
        .args(sources)
        .current_dir(workspace::root());
    for name in process::capture(&mut list)?.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), dir.join(name));
        // A file that is deleted but still in git's index is no source file.
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

    use super::super::subject::Cases;
    use super::*;

    const SUBJECT: Subject = Subject {
        name: "workshop-test",
        list: "",
        sources: &["Cargo.toml"],
        cases: || Ok(Cases::default()),
        runner: |_| Ok(Box::new(Nothing)),
    };

    struct Nothing;

    impl Runner for Nothing {
        fn passing(&mut self, _: &Break) -> Result<Vec<String>> {
            Ok(Vec::new())
        }

        fn passes_unbroken(&mut self, _: &BTreeSet<&str>) -> Result<()> {
            Ok(())
        }
    }

    /// The second one removed the copy of the first.
    #[test]
    fn two_runs_follow_each_other() {
        let first = Workshop::open(&SUBJECT, &[]).unwrap();
        let (done, second) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| done.send(Workshop::open(&SUBJECT, &[]).is_ok()));
            assert!(second.recv_timeout(Duration::from_millis(300)).is_err());
            assert!(first.dir.join("Cargo.toml").exists());
            drop(first);
            assert_eq!(second.recv_timeout(Duration::from_secs(60)), Ok(true));
        });
    }
}
