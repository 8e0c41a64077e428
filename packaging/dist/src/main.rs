// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes everything of the DAXFS tools that a package holds beside the programs, in a tree that is
//! copied to `/`. Pages and completions come from the definitions by which the tools parse their
//! options, so that the three cannot disagree. `packaging/README.md` lists the files.
//!
//! ```text
//! daxfs-dist DIR
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`completions`] | completions for bash, fish and zsh |
//! | [`date`] | the date in manual pages |
//! | [`pages`] | manual pages |
#![forbid(unsafe_code)]

mod completions;
mod date;
mod pages;

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;

/// Magic for file(1).
const MAGIC: &str = include_str!("../../magic/daxfs");

fn main() -> Result<()> {
    let dir = env::args_os().nth(1).context("usage: daxfs-dist DIR")?;
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    write_all(Path::new(&dir), epoch.as_deref())
}

/// Returns the tools, each with the name by which mkfs(8) or fsck(8) finds it.
fn tools() -> [(Command, Option<&'static str>); 3] {
    [
        (mkdaxfs::cli::command(), Some("mkfs.daxfs")),
        (daxfs_fsck::cli::command(), Some("fsck.daxfs")),
        (daxfs_inspect::cli::command(), None),
    ]
}

fn write_all(root: &Path, epoch: Option<&str>) -> Result<()> {
    let date = date::of(epoch)?;
    let man = create(root.join("usr/share/man/man8"))?;
    let sbin = create(root.join("usr/sbin"))?;
    pages::write_format(&create(root.join("usr/share/man/man5"))?, &date)?;
    for (tool, alias) in tools() {
        completions::write(&tool, alias, root)?;
        if let Some(alias) = alias {
            pages::write_alias(&man, alias, tool.get_name())?;
            link(&format!("../bin/{}", tool.get_name()), &sbin.join(alias))?;
        }
        pages::write_tool(tool, &man, &date)?;
    }
    let share = create(root.join("usr/share/daxfs"))?;
    let magic = share.join("magic");
    fs::write(&magic, MAGIC).with_context(|| format!("cannot write {}", magic.display()))
}

fn create(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn link(target: &str, path: &Path) -> Result<()> {
    if path.is_symlink() {
        fs::remove_file(path)?;
    }
    symlink(target, path).with_context(|| format!("cannot create {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_consistent() {
        for (tool, _) in tools() {
            completions::hinted(tool).debug_assert();
        }
    }

    #[test]
    fn every_option_is_in_the_page_and_in_the_completions() {
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path(), None).unwrap();
        for (tool, _) in tools() {
            let name = tool.get_name();
            let share = dir.path().join("usr/share");
            let page = fs::read_to_string(share.join(format!("man/man8/{name}.8"))).unwrap();
            let script = share.join("bash-completion/completions").join(name);
            let script = fs::read_to_string(script).unwrap();
            for section in ["EXIT STATUS", "EXAMPLES", "FILES", "SEE ALSO"] {
                assert!(
                    page.contains(&format!("\n.SH {section}\n")),
                    "{section} of {name}"
                );
            }
            let shown = tool
                .get_arguments()
                .filter(|argument| !argument.is_hide_set());
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
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path(), Some("0")).unwrap();
        let page = dir.path().join("usr/share/man/man8/daxfs-inspect-ls.8");
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains("daxfs\\-inspect\\-ls"));
        assert!(
            page.contains(".TH DAXFS-INSPECT-LS 8 1970-01-01 "),
            "{page}"
        );
        assert!(page.contains(".SH EXIT STATUS\n") && page.contains(".SH SEE ALSO\n"));
    }
}
