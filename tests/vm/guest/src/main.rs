// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program that runs in guests, as their init and as each of their tests.
//!
//! | called as | does |
//! |---|---|
//! | process 1 | sets the guest up, runs the cases of a suite, says what came of them, powers off |
//! | `case NAME` | one case; its exit status is the result, its standard error the reason |
//! | `manifest DIR` | lists everything in a tree (on the host) |
//! | `make-tree DIR IMAGE` | makes the tree that the sample image holds, with another image in it (on the host) |
//! | `make-inner-tree DIR` | makes the tree of that other image (on the host) |
//! | `report ARGUMENTS` | the cases of a suite, under another process 1 |
//! | `hello`, `user`, `read FILE` | what the cases execute from the file system under test |
//!
//! A case is a process of its own, so that one that dies takes no other with it.
//!
//! | module | owns |
//! |---|---|
//! | [`mod@bench`] | what things cost, on this mount and on others |
//! | [`boot`] | the root file system of the cases |
//! | [`cases`] | the cases, one file for each part of the file system |
//! | [`explore`] | everything that can be done with what a mount shows |
//! | [`forge`] | images that lie |
//! | [`control`] | words through which two guests and the host wait for each other |
//! | [`image`] | the image under test, and where it is mounted |
//! | [`init`] | process 1 |
//! | [`klog`] | the kernel's log |
//! | [`leaks`] | what a kernel that looks for mistakes has found |
//! | [`loopdev`] | block devices made of files |
//! | [`manifest`] | lists of everything in a tree |
//! | [`meminfo`] | what the kernel says of the memory |
//! | [`overlay`] | overlays with layers in memory |
//! | [`pattern`] | contents that tell where they belong |
//! | [`sample`] | the tree that the sample image holds |
//! | [`settings`] | the settings of the cases |
//! | [`shared`] | memory that this guest shares with others |
//! | [`stream`] | directories with positions |
//! | [`sys`] | system calls that the standard library lacks |
//! | [`touches`] | how often a mount is touched |
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
mod touches;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Result};

/// What `hello` prints.
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
