// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `daxfs-fsck` command.

use std::process::ExitCode;

use daxfs_cli::signals;
use daxfs_fsck::report::PROGRAM;
use daxfs_fsck::{cli, interrupt, run, status};

fn main() -> ExitCode {
    let options = match cli::parse() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Err(error) = signals::watch(PROGRAM, interrupt::last_steps) {
        PROGRAM.message(format_args!("cannot watch for signals: {error}"));
        return ExitCode::from(status::OPERATIONAL);
    }
    run::run(&options)
}
