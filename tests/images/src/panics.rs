// SPDX-License-Identifier: MIT OR Apache-2.0
//! A search of compiled code for ways to panic.
//!
//! The crate `daxfs-panic-free` uses every reader and every check of the format crate. In an
//! optimised build of the two, with checks for overflow, nothing may refer to the functions of
//! `core` that panic. `cargo xtask kmod --panics` searches the objects that a kernel's build makes
//! of the crate.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{bail, Context, Result};

use crate::document::file;

/// Parts of the names of functions that panic, found in hardly any other name.
const SIGNS: &[&str] = &["panic", "_fail", "failed", "abort", "unwind"];

/// The libraries of an optimised build of `package`: of itself and of the crates of this workspace
/// and of the format crate's dependencies.
///
/// # Errors
/// When it cannot be built.
pub fn build(package: &str) -> Result<Vec<PathBuf>> {
    let root = file("");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--release",
            "--message-format=json",
            "--package",
            package,
        ])
        // Kernels check for overflow by default: what panics there must not hide here.
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        // Not the directory of the build that may be running this.
        .arg("--target-dir")
        .arg(root.join("target/panic-free"))
        .current_dir(&root);
    let text = run(&mut command).with_context(|| format!("cannot build {package}"))?;
    let names = text.split('"').filter(|name| name.ends_with(".rlib"));
    Ok(names.map(PathBuf::from).collect())
}

/// Returns the functions that the code of `libraries` refers to and whose names look like panics.
///
/// The linker keeps the functions that the libraries reach: generic code of `core` that the
/// compiler kept after inlining it everywhere does not count.
///
/// # Errors
/// When `ld`, `nm` or `objdump` (of binutils, which the compiler's linker needs too) cannot be run.
pub fn suspects(libraries: &[PathBuf]) -> Result<Vec<String>> {
    let directory = libraries.first().and_then(|library| library.parent());
    let object = directory.context("no library")?.join("reachable.o");
    let mut link = Command::new("ld");
    link.args(["--relocatable", "--gc-sections", "--whole-archive", "-o"])
        .arg(&object);
    for library in libraries {
        for symbol in run(Command::new("nm")
            .args(["--defined-only", "--extern-only"])
            .arg(library))?
        .lines()
        {
            if let Some((_, name)) = symbol
                .split_once(" T ")
                .filter(|(_, name)| name.contains("daxfs"))
            {
                link.args(["--undefined", name]);
            }
        }
        link.arg(library);
    }
    run(&mut link)?;
    // The linker leaves the names of functions that it drops, so the references count.
    let text = run(Command::new("objdump")
        .args(["--reloc", "--demangle"])
        .arg(&object))?;
    let references = text
        .lines()
        .filter_map(|line| line.split_once("R_")?.1.split_once(' '));
    // Sections begin with a dot, and the name of the crate itself has a sign in it.
    let symbols = references.map(|(_, symbol)| symbol.trim());
    let symbols = symbols.filter(|symbol| !symbol.starts_with('.'));
    let symbols = symbols.filter(|symbol| !symbol.contains("daxfs_panic_free"));
    let is_suspect = |symbol: &&str| SIGNS.iter().any(|sign| symbol.contains(sign));
    let mut found: Vec<_> = symbols.filter(is_suspect).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Runs a program and returns its output.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("cannot run {name}; install binutils"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the functions through which `daxfs-format` may panic if everything of it is used.
///
/// # Errors
/// When it cannot be built or searched, or a library is missing.
pub fn search() -> Result<Vec<String>> {
    let is_ours = |library: &PathBuf| {
        let name = library.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libdaxfs_format") || name.starts_with("libdaxfs_panic_free")
    };
    let mut libraries = build("daxfs-panic-free")?;
    libraries.retain(is_ours);
    if libraries.len() != 2 {
        bail!("expected two libraries, not {libraries:?}");
    }
    suspects(&libraries)
}
