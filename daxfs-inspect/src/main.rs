// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line program `daxfs-inspect`.

use std::ffi::OsString;
use std::io::{self, BufWriter};
use std::process::ExitCode;

use daxfs_cli::arguments::refuse;
use daxfs_image::escape::Charset;
use daxfs_inspect::cli;
use daxfs_inspect::console::{Console, PROGRAM};

/// The exit status of a wrong command line.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let cli = match cli::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, PROGRAM.name(), USAGE),
    };
    let charset = Charset::from_locale(|name| std::env::var(name).ok());
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut err = io::stderr().lock();
    let mut console = Console::new(&mut out, &mut err, charset);
    ExitCode::from(daxfs_inspect::run(&cli, &mut console).code())
}
