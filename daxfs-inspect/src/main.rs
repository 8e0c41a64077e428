// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line program `daxfs-inspect`.

use std::io::{self, BufWriter};
use std::process::ExitCode;

use clap::Parser as _;
use daxfs_image::escape::Charset;
use daxfs_inspect::cli::Cli;
use daxfs_inspect::console::Console;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let charset = Charset::from_locale(|name| std::env::var(name).ok());
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut err = io::stderr().lock();
    let mut console = Console::new(&mut out, &mut err, charset);
    ExitCode::from(daxfs_inspect::run(&cli, &mut console).code())
}
