// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running other programs, with errors that name the program and its arguments.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{bail, Context, Result};

/// Runs `command` with the terminal's output and no input.
///
/// # Errors
/// When it cannot be started or does not end with exit status 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    expect_success(command, status)
}

/// Runs `command` and returns its standard output.
///
/// # Errors
/// When it cannot be started, fails, or does not write UTF-8. Its standard error is part of the
/// error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed: {}: {}",
            describe(command),
            output.status,
            stderr.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote output that is not UTF-8", describe(command)))
}

/// Runs `command` and passes each line of its standard output to `on_line` as it comes.
///
/// # Errors
/// When it cannot be started or does not end with exit status 0.
pub(crate) fn each_line(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            on_line(&String::from_utf8_lossy(&line?));
        }
    }
    let status = child.wait()?;
    expect_success(command, status)
}

/// Returns the path of `program` on `PATH`, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Returns a `cargo` command in the workspace's root, by the cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(crate::workspace::root());
    command
}

/// Returns the command line as a user would type it, for messages.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Turns an exit status other than 0 into an error that names the command.
pub(crate) fn expect_success(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}
