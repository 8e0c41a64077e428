// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `daxfs-fsck` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    match daxfs_fsck::cli::parse() {
        Ok(options) => daxfs_fsck::run::run(&options),
        Err(code) => code,
    }
}
