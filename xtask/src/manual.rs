// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask help`: the manual page of `cargo xtask`.
//!
//! Names, purposes and synopses come from the command line's definition; the table here adds the
//! needs, the duration and examples of each command.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use clap::{Args, Command};

/// Options of `cargo xtask help`.
#[derive(Args)]
pub(crate) struct HelpArgs {
    /// Show the options of this command instead of the manual page
    command: Vec<String>,
}

impl HelpArgs {
    /// Prints the manual page, or the help of one command.
    ///
    /// # Errors
    /// When there is no such command.
    pub(crate) fn run(&self, root: Command) -> Result<()> {
        if self.command.is_empty() {
            print!("{}", page(root));
            return Ok(());
        }
        let mut command = root;
        command.build();
        for name in &self.command {
            let found = command.find_subcommand(name).cloned();
            command = found.with_context(|| format!("there is no command {name}"))?;
        }
        print!("{}", command.render_long_help());
        Ok(())
    }
}

/// Facts about a command that its definition does not hold.
struct Entry {
    /// The words behind `cargo xtask`.
    command: &'static str,
    needs: &'static str,
    /// Duration on a machine with two cores.
    takes: &'static str,
    /// Command lines behind `cargo xtask`, each with its purpose.
    examples: &'static [(&'static str, &'static str)],
}

/// Columns of an example before its purpose.
const EXAMPLE_WIDTH: usize = 42;

/// Requirements of everything that installs packages.
const DEBIAN: &str = "Debian, root, its package mirror";

/// Requirements of everything that starts a guest.
const GUEST: &str = "Debian, root, its package mirror, 10 GiB of disk";

const ENTRIES: &[Entry] = &[
    Entry {
        command: "check",
        needs: "cargo, git; no root",
        takes: "a few minutes the first time, about one later",
        examples: &[("check", "before each commit")],
    },
    Entry {
        command: "test",
        needs: GUEST,
        takes: "an hour the first time, 15 minutes later",
        examples: &[
            ("test", "what must pass before a change lands"),
            ("test --round-trips", "real trees through the tools alone"),
        ],
    },
    Entry {
        command: "tidy",
        needs: "cargo, git",
        takes: "a second",
        examples: &[],
    },
    Entry {
        command: "setup",
        needs: DEBIAN,
        takes: "a minute; waits while another package manager runs",
        examples: &[],
    },
    Entry {
        command: "kernel",
        needs: GUEST,
        takes: "10 to 25 minutes, once; with --san 20 to 40",
        examples: &[
            (
                "kernel --kernel-src ~/linux",
                "build a kernel source of your own",
            ),
            ("kernel --san", "build the sanitizer kernel"),
        ],
    },
    Entry {
        command: "kmod",
        needs: "what kernel needs, or --kdir with a built kernel, LLVM 19 and rust-src",
        takes: "half a minute",
        examples: &[
            (
                "kmod --kdir ~/linux/build",
                "build for a kernel of your own",
            ),
            ("kmod --panics", "search its format crate for ways to panic"),
        ],
    },
    Entry {
        command: "qemu",
        needs: GUEST,
        takes: "half a minute until the prompt",
        examples: &[("qemu rootfs.daxfs", "a shell with this image on /mnt")],
    },
    Entry {
        command: "qemu-test",
        needs: GUEST,
        takes: "5 minutes; with --san 15, with --full up to an hour",
        examples: &[
            ("qemu-test sample", "one suite"),
            ("qemu-test two-kernels", "two guests on one copy"),
            (
                "qemu-test hostile-peer --san --minutes 60 --seed 21",
                "a longer attack",
            ),
        ],
    },
    Entry {
        command: "hostile",
        needs: "cargo, binutils",
        takes: "up to an hour, by the number of cores; a minute with --quick",
        examples: &[("hostile --quick", "a few values of each byte")],
    },
    Entry {
        command: "fuzz",
        needs: "cargo, a C++ compiler; nightly for --sanitizer address",
        takes: "a minute for each target",
        examples: &[
            ("fuzz trees --seconds 1830", "one target for half an hour"),
            (
                "fuzz --minimize",
                "put the smallest corpus into the repository",
            ),
        ],
    },
    Entry {
        command: "coverage",
        needs: DEBIAN,
        takes: "3 minutes",
        examples: &[],
    },
    Entry {
        command: "mutants",
        needs: "cargo, root, 3 GB of disk",
        takes: "minutes for a change; many hours for all shards",
        examples: &[
            (
                "mutants --in-diff origin/main",
                "the lines that a change touches",
            ),
            (
                "mutants --package mkdaxfs --shard 0/40",
                "a fortieth of a package",
            ),
        ],
    },
    Entry {
        command: "module-patches check",
        needs: "cargo",
        takes: "a second",
        examples: &[],
    },
    Entry {
        command: "module-patches run",
        needs: GUEST,
        takes: "hours for the whole list",
        examples: &[(
            "module-patches run readdir",
            "the patches whose words contain readdir",
        )],
    },
    Entry {
        command: "bench build",
        needs: DEBIAN,
        takes: "15 minutes",
        examples: &[("bench build --tree debian --runs 9", "one tree, more runs")],
    },
    Entry {
        command: "bench mount",
        needs: GUEST,
        takes: "15 minutes",
        examples: &[],
    },
    Entry {
        command: "bench containers",
        needs: GUEST,
        takes: "10 minutes",
        examples: &[],
    },
    Entry {
        command: "bench share",
        needs: GUEST,
        takes: "10 minutes",
        examples: &[],
    },
    Entry {
        command: "dist",
        needs: "cargo",
        takes: "half a minute",
        examples: &[],
    },
    Entry {
        command: "help",
        needs: "cargo",
        takes: "a second",
        examples: &[("help qemu-test", "the options of one command")],
    },
];

const DESCRIPTION: &str = "       Each chore of the workspace is a command: building, testing, measuring. A command starts
       the project's programs as a user would and links none of them.

       Commands that need Debian packages install them when root runs them, and wait while
       another package manager runs. Expensive results (kernel source, kernels, Debian trees) are
       kept in the cache and are keyed by their inputs; they can be removed at any time.
";

const TAIL: &str = "\
EXIT STATUS
       0      everything passed
       1      a stage or a case failed, or something needed is missing; the message names it
       2      the command line is wrong

       Commands that test end with the line `N passed, N failed`. Nothing is skipped in silence: a
       stage that cannot run fails and says why.

ENVIRONMENT
       XDG_CACHE_HOME      directory of the cache; ~/.cache by default
       CARGO_TARGET_DIR    directory for everything that is built; target/ by default
       XTASK_APT_TIMEOUT   seconds to wait for locks of the package manager; 1800 by default
       PROPTEST_RNG_SEED, PROPTEST_CASES
                           seed and number of the random trees, to repeat a run
       SOURCE_DATE_EPOCH   read by mkdaxfs, see mkdaxfs(1)

FILES
       target/xtask/logs/  the output of each stage of the last run
       target/kmod/        daxfs.ko and its objects, a directory for each kernel
       target/dist/        programs, links, manual pages, completions, magic
       target/fuzz/        inputs found by fuzzing
       $XDG_CACHE_HOME/daxfs/
                           kernel source, kernels, bindgen, Debian trees, and in
                           trees/peers-forky the newest tools of EROFS and SquashFS with the
                           libraries that they need; remove it to fetch newer ones

SEE ALSO
       README.md, CONTRIBUTING.md, docs/testing.md
";

/// Returns the manual page.
fn page(mut root: Command) -> String {
    root.build();
    let about = root.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let mut page = format!(
        "NAME\n       cargo xtask - {}\n\n\
         SYNOPSIS\n       cargo xtask COMMAND [OPTIONS]\n       cargo xtask help [COMMAND]\n\n\
         DESCRIPTION\n{DESCRIPTION}\nCOMMANDS\n",
        about.trim_end_matches('.')
    );
    for entry in ENTRIES {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", paragraph(&root, entry));
    }
    page + TAIL
}

fn paragraph(root: &Command, entry: &Entry) -> String {
    let mut text = String::new();
    if let Some(mut command) = find(root, entry.command) {
        let usage = command.render_usage().to_string();
        let usage = usage
            .trim_start_matches("Usage: ")
            .trim_start_matches("cargo xtask ");
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        text = format!("   {usage}\n       {}.\n", about.trim_end_matches('.'));
    }
    text += &format!(
        "       Needs: {}.\n       Takes: {}.\n",
        entry.needs, entry.takes
    );
    for (line, purpose) in entry.examples {
        text += &format!(
            "           {:EXAMPLE_WIDTH$}  # {purpose}\n",
            format!("cargo xtask {line}")
        );
    }
    text
}

fn find(root: &Command, words: &str) -> Option<Command> {
    let mut command = root;
    for word in words.split(' ') {
        command = command.find_subcommand(word)?;
    }
    Some(command.clone())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::Cli;

    /// The words of each command that has no subcommands.
    fn leaves(command: &Command, words: &[String]) -> Vec<String> {
        let subcommands: Vec<&Command> = command.get_subcommands().collect();
        if subcommands.is_empty() {
            return vec![words.join(" ")];
        }
        let below = |subcommand: &&Command| {
            let name = subcommand.get_name().to_owned();
            leaves(subcommand, &[words, &[name]].concat())
        };
        subcommands.iter().flat_map(below).collect()
    }

    #[test]
    fn each_command_appears_once() {
        let mut expected = leaves(&Cli::command(), &[]);
        let mut listed: Vec<_> = ENTRIES.iter().map(|entry| entry.command).collect();
        expected.sort();
        listed.sort_unstable();
        assert_eq!(listed, expected);
        let page = page(Cli::command());
        for command in expected {
            let head = format!("   {command}");
            let heads = page.lines().filter_map(|line| line.strip_prefix(&head));
            let heads = heads.filter(|rest| rest.is_empty() || rest.starts_with(" ["));
            assert_eq!(heads.count(), 1, "{command}");
        }
    }

    #[test]
    fn each_example_is_a_command_line() {
        for (line, _) in ENTRIES.iter().flat_map(|entry| entry.examples) {
            let words = ["cargo xtask"].into_iter().chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn the_page_has_purposes_and_fits_a_terminal() {
        let page = page(Cli::command());
        assert!(
            page.contains("   check\n       Check formatting, lints"),
            "{page}"
        );
        for line in page.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
