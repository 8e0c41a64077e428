// SPDX-License-Identifier: MIT OR Apache-2.0
//! A search of the built module for ways to panic in the format crate's code.
//!
//! A kernel that panics in Rust code stops, so no image may cause a panic. Neither the object of the
//! format crate nor the copies of its generic code in the object of the module may refer to the
//! functions of `core` that panic.

use std::path::Path;

use anyhow::{bail, ensure, Context, Result};

use super::build::Kernel;
use super::kmod;
use crate::process;

/// Part of the name of each function that panics.
const SIGN: &str = "core::panicking";

/// Prefix of the names of the format crate's functions, behind brackets and attributes.
const CRATE: &str = "daxfs_format::";

/// References to panics in one object.
#[derive(Debug, Default, PartialEq, Eq)]
struct References {
    /// Names of functions of the format crate that have one.
    format: Vec<String>,
    /// Number from other functions.
    others: usize,
    /// Number of functions of the format crate.
    functions: usize,
}

/// Builds the module, searches it, and returns a sentence with the counts.
///
/// # Errors
/// When the format crate can panic, or the search found no function of it.
pub(crate) fn search(kernel: &Kernel) -> Result<String> {
    let module = kmod::build(kernel)?;
    let objects = module.parent().context("a module without a directory")?;
    let own = references(kernel, &objects.join("daxfs_format.o"))?;
    let copies = references(kernel, &objects.join("daxfs_main.o"))?;
    ensure!(
        own.functions > 0 && copies.functions > 0,
        "the module has no code of the format crate: the search is broken"
    );
    let found: Vec<String> = own.format.into_iter().chain(copies.format).collect();
    if !found.is_empty() {
        bail!("the format crate can panic in {}", found.join(", "));
    }
    Ok(format!(
        "{} functions of the format crate cannot panic; {} references from the rest of the module",
        own.functions + copies.functions,
        own.others + copies.others
    ))
}

fn references(kernel: &Kernel, object: &Path) -> Result<References> {
    let mut dump = kernel.toolchain.program("llvm-objdump");
    dump.args(["-d", "-r", "--demangle", "--no-show-raw-insn"]);
    Ok(parse(&process::capture(dump.arg(object))?))
}

/// Reads a disassembly with relocations.
fn parse(text: &str) -> References {
    let mut found = References::default();
    let mut function = "";
    for line in text.lines() {
        if let Some(name) = header(line) {
            function = name;
            found.functions += usize::from(is_format(name));
        } else if line.contains("R_X86_64_") && line.contains(SIGN) {
            if is_format(function) {
                found.format.push(function.to_owned());
            } else {
                found.others += 1;
            }
        }
    }
    found.format.dedup();
    found
}

/// Returns the function that begins at a line such as `0000000000000010 <name>:`.
fn header(line: &str) -> Option<&str> {
    let (address, rest) = line.split_once(" <")?;
    let is_address = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit());
    rest.strip_suffix(">:").filter(|_| is_address)
}

fn is_format(function: &str) -> bool {
    function.trim_start_matches('<').starts_with(CRATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
0000000000000000 <daxfs::mount::get_tree>:
       0: pushq %rbp
\t\t0000000000000005:  R_X86_64_PLT32\tcore::panicking::panic_const::add-0x4
0000000000000010 <<daxfs_format::superblock::SuperblockCopy>::validate::<daxfs::hash::Xxh64>>:
      12: callq 0x17
\t\t0000000000000013:  R_X86_64_PLT32\tcore::panicking::panic-0x4
\t\t0000000000000023:  R_X86_64_PLT32\tcore::panicking::panic-0x4
0000000000000040 <daxfs_format::acl::is_valid_acl>:
\t\t0000000000000043:  R_X86_64_PLT32\tmemcpy-0x4
";

    #[test]
    fn references_are_counted_by_the_function_that_makes_them() {
        let found = parse(DUMP);
        let name = "<daxfs_format::superblock::SuperblockCopy>::validate::<daxfs::hash::Xxh64>";
        assert_eq!(found.format, [name]);
        assert_eq!((found.others, found.functions), (1, 2));
    }
}
