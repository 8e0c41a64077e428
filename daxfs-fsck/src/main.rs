// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `daxfs-fsck` command.

use std::process::ExitCode;
use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

fn main() -> ExitCode {
    // A write that exceeds the limit on file sizes fails, and does not end the process. Without
    // this the signal still ends it, so a failure is no reason to stop.
    let _ = flag::register(SIGXFSZ, Arc::default());
    match daxfs_fsck::cli::parse() {
        Ok(options) => daxfs_fsck::run::run(&options),
        Err(code) => code,
    }
}
