// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program that runs in guests, as their init and as each of their tests.
//!
//! | called as | does |
//! |---|---|
//! | process 1 | sets the guest up, runs the cases of a suite, reports verdicts, powers off |
//! | `case NAME` | runs one case; the exit status is the verdict, standard error the reason |
//! | `manifest DIR` | lists everything in a tree (on the host) |
//! | `make-tree DIR IMAGE` | makes the tree that the sample image holds, with another image in it (on the host) |
//! | `make-inner-tree DIR` | makes the tree of that other image (on the host) |
//! | `report ARGUMENTS` | runs the cases of a suite, under another process 1 |
//! | `hello`, `user`, `read FILE` | acts as a program on the file system under test |
//!
//! A case is a process of its own, so that its death does not end others.
//!
//! | module | owns |
//! |---|---|
//! | [`mod@bench`] | the cost of operations on this mount and on others |
//! | [`boot`] | the root file system of the cases |
//! | [`cases`] | the cases, a file or a directory for each part of the file system |
//! | [`explore`] | walks over a mount and over its image |
//! | [`forge`] | forged images |
//! | [`control`] | control words of two guests and the host |
//! | [`image`] | the image under test, and where it is mounted |
//! | [`init`] | process 1 |
//! | [`klog`] | the kernel's log |
//! | [`leaks`] | the findings of the sanitizer kernel |
//! | [`loopdev`] | block devices made of files |
//! | [`manifest`] | lists of everything in a tree |
//! | [`meminfo`] | the kernel's counts of memory |
//! | [`overlay`] | overlays with layers in memory |
//! | [`pattern`] | contents that identify file and offset |
//! | [`sample`] | the tree that the sample image holds |
//! | [`settings`] | the settings of the cases |
//! | [`shared`] | memory that this guest shares with others |
//! | [`stream`] | directories with positions |
//! | [`sys`] | system calls that the standard library lacks |
//! | [`targets`] | one tree on three file systems |
//! | [`touches`] | counts of accesses to a mount |
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a development program: a panic where its output is closed does no harm"
)]
#![allow(
    unsafe_code,
    reason = "the tests make system calls that no safe interface has"
)]

mod bench;
mod boot;
mod cases;
mod control;
mod explore;
mod forge;
mod image;
mod init;
mod klog;
mod leaks;
mod loopdev;
mod manifest;
mod meminfo;
mod overlay;
mod pattern;
mod sample;
mod settings;
mod shared;
mod stream;
mod sys;
mod targets;
mod touches;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Result};

/// The output of `hello`.
const HELLO: &str = "hello from the image";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = if std::process::id() == 1 {
        init::run(&arguments)
    } else {
        dispatch(&arguments)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["case", name] => cases::run(name),
        ["report", arguments @ ..] => init::report(arguments),
        ["manifest", dir] => manifest::print(Path::new(dir)),
        ["make-tree", dir, inner] => sample::make(Path::new(dir), Path::new(inner)),
        ["make-inner-tree", dir] => sample::make_inner(Path::new(dir)),
        ["hello", ..] => {
            println!("{HELLO}");
            Ok(())
        }
        ["user"] => {
            // SAFETY: Asks for a number.
            println!("{}", unsafe { libc::geteuid() });
            Ok(())
        }
        ["read", file] => {
            print!("{}", std::fs::read_to_string(file)?);
            Ok(())
        }
        _ => bail!("usage: daxfs-guest make-tree DIR IMAGE | make-inner-tree DIR | manifest DIR"),
    }
}
