// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that start from the mount.

use std::process::Command;

use anyhow::{ensure, Result};

use super::{at, sample, Case};
use crate::HELLO;

pub(super) const CASES: &[Case] = &[
    sample("a-program-starts", program),
    sample("a-script-starts", script),
    sample("setuid", setuid),
];

fn expect_hello(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "ended with {}", output.status);
    ensure!(
        output.stdout == format!("{HELLO}\n").as_bytes(),
        "it said {:?}",
        output.stdout
    );
    Ok(())
}

fn program() -> Result<()> {
    for _ in 0..5 {
        expect_hello(Command::new(at("prog")).arg("hello"))?;
    }
    Ok(())
}

fn script() -> Result<()> {
    expect_hello(&mut Command::new(at("script")))
}

/// The bits arrive; what they do is the kernel's.
fn setuid() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(at("setuid"))?;
    ensure!(
        found.mode() & 0o7777 == 0o4755 && found.uid() == 1000,
        "mode {:o}",
        found.mode()
    );
    Ok(())
}
