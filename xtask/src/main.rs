// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: every chore of the workspace behind one command.
//!
//! | module | owns |
//! |---|---|
//! | [`mod@bench`] | measurements side by side with the peers |
//! | [`check`] | formatting, lints, tests, documentation and the tidy rules |
//! | [`coverage`] | which regions of the format crate tests reach |
//! | [`dist`] | everything that a package installs |
//! | [`fuzz`] | libFuzzer over the targets of `tests/fuzz/targets/` |
//! | [`hostile`] | everything that is enumerated about hostile images |
//! | [`kernel`] | the guest kernel: its source, toolchain, configuration and build |
//! | [`libtest`] | running `cargo test` and counting what it ran |
//! | [`manual`] | the manual page of `cargo xtask` |
//! | [`mutants`] | proof that the tests of tools and libraries can fail |
//! | [`patches`] | proof that guest cases can fail |
//! | [`packages`] | Debian packages, and waiting for the package manager |
//! | [`peers`] | the newest tools of other file systems, beside the machine's own |
//! | [`process`] | running other programs, with errors that name them |
//! | [`qemu`] | guests: a shell, and the tests that run in them |
//! | [`readme`] | commands of the documentation, run as a new user would type them |
//! | [`report`] | stages, their logs, and the final `N passed, N failed` |
//! | [`room`] | free space on disks, checked before it is needed |
//! | [`roundtrip`] | real trees through our tools and those of the peers |
//! | [`setup`] | installing what the other commands need |
//! | [`mod@test`] | everything that must pass before a change lands |
//! | [`tidy`] | rules about the source tree that no compiler checks |
//! | [`tree`] | directory trees as test subjects |
//! | [`workspace`] | paths: checkout, target directory |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a development program: a panic where its output is closed does no harm"
)]
#![forbid(unsafe_code)]

mod bench;
mod check;
mod coverage;
mod dist;
mod fuzz;
mod hostile;
mod kernel;
mod libtest;
mod manual;
mod mutants;
mod packages;
mod patches;
mod peers;
mod process;
mod qemu;
mod readme;
mod report;
mod room;
mod roundtrip;
mod setup;
mod test;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};

/// Build, test and benchmark the DAXFS workspace.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true,
    after_help = "`cargo xtask help` shows what each command needs, how long it takes, and examples."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check formatting, lints, tests, documentation and the tidy rules.
    Check,
    /// Run everything: setup, all checks, README's first command, real trees, and guests.
    Test(test::Args),
    /// Check the tidy rules alone and print the findings.
    Tidy,
    /// Install the Debian packages that the other commands use, and fetch the newest peers.
    Setup,
    /// Obtain, configure and build the guest kernel.
    ///
    /// Fetches the kernel source package of the distribution through this machine's own apt
    /// configuration, with signatures checked, and the toolchain for a kernel with Rust. The result
    /// is kept outside the checkout, so that this takes long only once.
    Kernel(kernel::KernelArgs),
    /// Build the kernel module daxfs.ko.
    Kmod(kernel::KmodArgs),
    /// Start a guest with an image mounted, and a shell.
    Qemu(qemu::ShellArgs),
    /// Run the tests that need a kernel, in guests.
    QemuTest(qemu::TestArgs),
    /// Try every mutant of the reference image, and every word that changes between two loads.
    Hostile(hostile::Args),
    /// Fuzz the readers, the tools and the option parsers with libFuzzer.
    Fuzz(fuzz::Args),
    /// Show which regions of the format crate its tests reach.
    Coverage,
    /// Change the source of tools and libraries, and see tests fail.
    Mutants(mutants::Args),
    /// Change the kernel module by patches, and see guest cases fail.
    #[command(subcommand)]
    ModulePatches(patches::ModulePatches),
    /// Measure against the peers, side by side in one run.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Write everything that a package installs into target/dist.
    Dist,
    /// Show the manual page, or the options of one command.
    Help(manual::HelpArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli.task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: &Task) -> Result<ExitCode> {
    match task {
        Task::Setup => setup::all().map(|()| ExitCode::SUCCESS),
        Task::Check => check::run(),
        Task::Bench(bench) => bench.run(),
        Task::Coverage => coverage::run().map(|()| ExitCode::SUCCESS),
        Task::Dist => dist::run().map(|()| ExitCode::SUCCESS),
        Task::Fuzz(arguments) => arguments.run(),
        Task::Hostile(arguments) => arguments.run(),
        Task::Kernel(arguments) => arguments.run(),
        Task::Kmod(arguments) => arguments.run(),
        Task::Mutants(arguments) => arguments.run(),
        Task::ModulePatches(patches) => patches.run(),
        Task::Qemu(arguments) => arguments.run(),
        Task::QemuTest(arguments) => arguments.run(),
        Task::Help(arguments) => arguments.run(Cli::command()).map(|()| ExitCode::SUCCESS),
        Task::Test(arguments) => arguments.run(),
        Task::Tidy => tidy::print().map(|()| ExitCode::SUCCESS),
    }
}
