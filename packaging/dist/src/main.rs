// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the manual pages and shell completions of the DAXFS tools, from the definitions by which
//! the tools parse their options, so that the three cannot disagree.
//!
//! ```text
//! daxfs-dist DIR
//!     DIR/man/man8/     mkdaxfs.8, daxfs-fsck.8, daxfs-inspect.8, daxfs-inspect-ls.8, ...
//!     DIR/completions/  for bash, fish and zsh
//! ```
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The section of the manual for system administration.
const SECTION: &str = "8";

fn main() -> Result<()> {
    let dir = env::args_os().nth(1).context("usage: daxfs-dist DIR")?;
    write_all(Path::new(&dir))
}

fn tools() -> [Command; 3] {
    [
        mkdaxfs::cli::command(),
        daxfs_fsck::cli::command(),
        daxfs_inspect::cli::command(),
    ]
}

fn write_all(dir: &Path) -> Result<()> {
    let man = create(dir.join("man").join("man8"))?;
    let completions = create(dir.join("completions"))?;
    for tool in tools() {
        write_completions(&tool, &completions)?;
        write_pages(tool, &man)?;
    }
    Ok(())
}

fn create(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

/// One page for the tool and one for each of its subcommands.
fn write_pages(tool: Command, dir: &Path) -> Result<()> {
    // Otherwise the pages of subcommands lack the tool's name before their own.
    let mut tool = tool.disable_help_subcommand(true);
    tool.build();
    for command in tool.get_subcommands() {
        write_page(command.clone(), dir)?;
    }
    write_page(tool, dir)
}

fn write_page(command: Command, dir: &Path) -> Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let path = dir.join(format!("{name}.{SECTION}"));
    let mut page = Vec::new();
    let source = concat!("DAXFS ", env!("CARGO_PKG_VERSION"));
    Man::new(command)
        .section(SECTION)
        .source(source)
        .manual("DAXFS")
        .render(&mut page)?;
    // The text after the options has this title in other manuals.
    let page = String::from_utf8(page)?.replacen(".SH EXTRA\n", ".SH NOTES\n", 1);
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn write_completions(tool: &Command, dir: &Path) -> Result<()> {
    let name = tool.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut tool.clone(), &name, dir)
            .with_context(|| format!("cannot write completions into {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_consistent() {
        for tool in tools() {
            tool.debug_assert();
        }
    }

    #[test]
    fn every_option_is_in_the_page_and_in_the_completions() {
        let place = tempfile::tempdir().unwrap();
        write_all(place.path()).unwrap();
        for tool in tools() {
            let name = tool.get_name();
            let page = place.path().join(format!("man/man8/{name}.{SECTION}"));
            let page = fs::read_to_string(page).unwrap();
            let script = place.path().join(format!("completions/{name}.bash"));
            let script = fs::read_to_string(script).unwrap();
            let shown = tool
                .get_arguments()
                .filter(|argument| !argument.is_hide_set());
            assert!(page.contains("\n.SH NOTES\n"), "no exit status in {name}");
            for option in shown.filter_map(clap::Arg::get_long) {
                let escaped = option.replace('-', "\\-");
                assert!(
                    page.contains(&escaped),
                    "--{option} is not in the page of {name}"
                );
                assert!(
                    script.contains(option),
                    "--{option} is not completed for {name}"
                );
            }
        }
    }

    #[test]
    fn subcommands_have_pages_of_their_own() {
        let place = tempfile::tempdir().unwrap();
        write_all(place.path()).unwrap();
        let page = place.path().join("man/man8/daxfs-inspect-ls.8");
        assert!(fs::read_to_string(page)
            .unwrap()
            .contains("daxfs\\-inspect\\-ls"));
    }
}
