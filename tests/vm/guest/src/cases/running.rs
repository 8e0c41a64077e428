// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that start from the mount.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use anyhow::{ensure, Result};

use super::{at, Case};
use crate::sample::USER;
use crate::HELLO;

pub(super) const CASES: &[Case] = &[
    ("a-program-starts", program),
    ("a-script-starts", script),
    ("set-user-id-programs", setuid),
    ("file-capabilities", capability),
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

/// Returns the output of a program from the mount, run by a user.
fn said_to_user(name: &str, arguments: &[&str], uid: u32) -> Result<String> {
    use std::os::unix::process::CommandExt;
    let output = Command::new(at(name))
        .args(arguments)
        .uid(uid)
        .gid(uid)
        .output()?;
    let (said, why) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {}", output.status, why.trim());
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// A set-user-id program runs as its owner.
fn setuid() -> Result<()> {
    let found = std::fs::metadata(at("setuid"))?;
    ensure!(found.mode() & 0o7777 == 0o4755, "mode {:o}", found.mode());
    let (owner, other) = (USER, USER + 1);
    ensure!(
        said_to_user("setuid", &["user"], other)? == owner.to_string(),
        "a set-user-ID program does not run as its owner"
    );
    ensure!(
        said_to_user("prog", &["user"], other)? == other.to_string(),
        "a plain program runs as another user"
    );
    Ok(())
}

/// A capability in the file's attributes lets a user's process read what the user may not.
fn capability() -> Result<()> {
    let private = at("private");
    let arguments = ["read", private.to_str().unwrap_or_default()];
    ensure!(
        said_to_user("prog", &arguments, USER).is_err(),
        "a user reads a private file"
    );
    ensure!(
        said_to_user("capable", &arguments, USER)? == "private",
        "content differs"
    );
    Ok(())
}
