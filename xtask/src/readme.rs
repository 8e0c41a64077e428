// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands of the documentation, run as a new user would type them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::report::Log;
use crate::workspace;

/// Runs the first command of README.md.
///
/// # Errors
/// When README.md has no command, or the command fails.
pub(crate) fn first_command(log: &mut Log) -> Result<()> {
    let text = fs::read_to_string(workspace::root().join("README.md"))?;
    let line = first_shell_line(&text).context("README.md has no block of shell commands")?;
    log.run(
        Command::new("sh")
            .args(["-c", line])
            .current_dir(workspace::root()),
    )
}

/// Returns the first block of shell commands in `docs/guide.md` that contains `words`.
///
/// # Errors
/// When the page cannot be read.
pub(crate) fn block_with(words: &str) -> Result<Option<String>> {
    let text = fs::read_to_string(workspace::root().join("docs/guide.md"))?;
    let block = shell_blocks(&text).find(|block| block.contains(words));
    Ok(block.map(str::to_owned))
}

fn shell_blocks(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("```sh\n").skip(1);
    blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
}

fn first_shell_line(page: &str) -> Option<&str> {
    let mut lines = page.lines();
    lines.find(|line| *line == "```sh")?;
    lines.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_the_first_block_is_taken() {
        let readme = "text\n```text\nno\n```\n```sh\nfirst\nsecond\n```\n```sh\nthird\n```\n";
        assert_eq!(first_shell_line(readme), Some("first"));
        assert_eq!(first_shell_line("nothing"), None);
    }

    #[test]
    fn blocks_end_where_they_are_closed() {
        let readme =
            "```text\nno\n```\n```sh\nfirst\n```\nbetween\n```sh\nsecond\nthird\n```\nafter\n";
        assert_eq!(
            shell_blocks(readme).collect::<Vec<_>>(),
            ["first\n", "second\nthird\n"]
        );
    }
}
