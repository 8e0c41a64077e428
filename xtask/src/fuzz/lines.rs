// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source lines of a program's edges: those of the project, and others.
//!
//! A generic function of a library is compiled, with coverage, into the crate that uses it: the
//! lock of a mutex, the probing of a hash table, the queues of a thread pool. Which of their edges
//! a run passes is decided by the scheduler and by the keys of the hash, and not by the input.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Result};

use crate::{process, workspace};

/// The lines of a program.
pub(super) struct Lines(PathBuf);

impl Lines {
    /// The lines of a program that is loaded at the address it was linked for.
    pub(super) fn of(program: &Path) -> Self {
        Self(program.to_owned())
    }

    /// Returns true for each edge that begins in a line of the project. Edges are given as
    /// libFuzzer prints them: the address after that of the edge's first byte.
    ///
    /// # Errors
    /// When `addr2line` (Debian package binutils) cannot be run or prints too few lines.
    pub(super) fn are_own(&self, edges: &[u64]) -> Result<Vec<bool>> {
        if edges.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = Command::new("addr2line");
        command.arg("--exe").arg(&self.0);
        command.args(
            edges
                .iter()
                .map(|edge| format!("{:#x}", edge.wrapping_sub(1))),
        );
        let text = process::capture(&mut command)?;
        let own: Vec<_> = text.lines().map(is_own).collect();
        ensure!(
            own.len() == edges.len(),
            "{} lines for {} addresses: {}",
            own.len(),
            edges.len(),
            process::describe(&command)
        );
        Ok(own)
    }
}

/// Returns true if a line, `file:line`, is in the project.
fn is_own(line: &str) -> bool {
    Path::new(line).starts_with(workspace::root())
}

/// The address in a line of libFuzzer that names a new edge.
pub(super) fn new_edge(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("NEW_PC: 0x")?;
    let digits = rest.split_whitespace().next()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_read_with_and_without_its_place() {
        assert_eq!(new_edge("\tNEW_PC: 0x2ca89d"), Some(0x2c_a89d));
        assert_eq!(new_edge("\tNEW_PC: 0x10 in main /a/b.rs:3:4"), Some(0x10));
        assert_eq!(new_edge("#12 NEW cov: 3"), None);
    }

    #[test]
    fn lines_of_the_project_are_told_from_others() {
        let own = workspace::root().join("mkdaxfs/src/tree.rs:12");
        assert!(is_own(own.to_str().unwrap()));
        assert!(!is_own("/rust/deps/hashbrown/src/raw/mod.rs:2070"));
        assert!(!is_own("??:0"));
    }

    #[test]
    fn this_test_has_lines_of_its_own() {
        let program = std::env::current_exe().unwrap();
        let symbols = process::capture(Command::new("nm").arg("--defined-only").arg(&program));
        let symbols = symbols.unwrap();
        let address = |name: &str| {
            let line = symbols.lines().find(|line| line.contains(name)).unwrap();
            u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap()
        };
        let edges = [address("5xtask4fuzz5lines"), address("4core3fmt")].map(|edge| edge + 1);
        assert_eq!(Lines::of(&program).are_own(&edges).unwrap(), [true, false]);
    }
}
