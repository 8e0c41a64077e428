// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allocations that fail: the first of an operation, the second, and so on until there are no more.
//! Each time the operation reports lack of memory, or succeeds with its usual result, and the file
//! system is as before. The leak check at the end of the suite finds lost memory.
//!
//! | module | owns |
//! |---|---|
//! | [`files`] | lookup, reading, listing, attributes, handles |
//! | [`injector`] | making allocations fail |
//! | [`mappings`] | mappings and faults |
//! | [`mounts`] | mounts and unmounts |

mod files;
mod injector;
mod mappings;
mod mounts;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

use anyhow::{bail, ensure, Context, Result};
use libc::c_long;

use super::mounting::claims;
use super::{at, Case};
use crate::image::{is_mounted, mount_image, MOUNT};
use crate::sample::SMALL_FILE;
use crate::sys;
use injector::Injector;

pub(super) const CASES: &[Case] = &[
    ("failing-allocations-of-lookup", files::lookup),
    ("failing-allocations-of-open-and-read", files::read),
    ("failing-allocations-of-readdir", files::readdir),
    ("failing-allocations-of-symlinks", files::symlinks),
    ("failing-allocations-of-attributes", files::attributes),
    ("failing-allocations-of-handles", files::open_handles),
    ("failing-allocations-of-mmap", mappings::mmap),
    ("failing-allocations-of-faults", mappings::touch),
    ("page-tables-that-find-no-memory", mappings::populate),
    ("failing-allocations-of-mount", mounts::mount),
    ("failing-allocations-of-unmount", mounts::unmount),
];

/// More allocations than any operation makes.
const LIMIT: u32 = 5000;

/// The number of allocations between two lines on the console.
const SAY_EVERY: u32 = 20;

/// An operation whose allocations are to fail.
struct Operation<'a> {
    name: &'a str,
    /// Done before each attempt.
    prepare: &'a dyn Fn() -> Result<()>,
    /// The operation; -1 is a failure.
    act: &'a mut dyn FnMut() -> c_long,
    /// Checks a success, and undoes it.
    judge: &'a dyn Fn(c_long) -> Result<()>,
    /// Errors for lack of memory.
    errors: &'a [i32],
}

/// Makes every allocation of an operation fail once.
fn exhaust(operation: Operation<'_>) -> Result<()> {
    let Operation {
        name,
        prepare,
        act,
        judge,
        errors,
    } = operation;
    let mut injector = Injector::new()?;
    let mut outcomes: BTreeMap<i32, u32> = BTreeMap::new();
    for nth in 1..LIMIT {
        prepare()?;
        let (result, injected) = injector.attempt(nth, act)?;
        if let Ok(result) = result {
            judge(result).with_context(|| format!("{name}: allocation {nth}"))?;
        }
        injector
            .log
            .expect_no_bug()
            .with_context(|| format!("{name}: allocation {nth}"))?;
        match result {
            Err(error) if !injected => bail!("{name} failed by itself with error {error}"),
            Ok(_) if !injected => {
                print(name, nth - 1, &outcomes);
                return Ok(());
            }
            Err(error) => {
                ensure!(
                    errors.contains(&error),
                    "{name}: allocation {nth}: error {error}"
                );
                *outcomes.entry(error).or_default() += 1;
            }
            Ok(_) => *outcomes.entry(0).or_default() += 1,
        }
        if nth % SAY_EVERY == 0 {
            injector.log.say(&format!("{name}: {nth}"))?;
        }
        well().with_context(|| format!("{name}: after allocation {nth} had failed"))?;
    }
    bail!("{name}: allocations without end")
}

fn print(name: &str, injected: u32, outcomes: &BTreeMap<i32, u32>) {
    let outcomes: Vec<String> = outcomes
        .iter()
        .map(|(error, count)| match error {
            0 => format!("{count} succeeded without"),
            error => format!("{count}: {}", io::Error::from_raw_os_error(*error)),
        })
        .collect();
    println!(
        "{name}: {injected} allocations failed: {}",
        outcomes.join(", ")
    );
}

/// Fails unless the file system is mounted and readable, or not mounted and without a claim.
fn well() -> Result<()> {
    let mounted = is_mounted();
    let claims = claims()?;
    ensure!(
        claims == usize::from(mounted),
        "{claims} claims, mounted: {mounted}"
    );
    if mounted {
        SMALL_FILE.expect_read()?;
        ensure!(
            fs::read_dir(at("deep"))?.count() == 1,
            "a directory has changed"
        );
    }
    Ok(())
}

fn nothing() -> Result<()> {
    Ok(())
}

/// Mounts the image again, so that only the root's inode is cached. Dropping caches leaves varying
/// names and inodes.
fn forget_names() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    mount_image()
}

/// Fails unless a descriptor is one of this file; closes it.
fn expect_file(fd: c_long, name: &str) -> Result<()> {
    let file = File::from(sys::descriptor(fd)?);
    let (found, wanted) = (file.metadata()?.ino(), fs::metadata(at(name))?.ino());
    ensure!(found == wanted, "inode {found} for {wanted}");
    Ok(())
}

/// Fails unless an operation has put the wanted bytes into `buffer`.
fn expect_bytes(buffer: &RefCell<Vec<u8>>, length: c_long, wanted: &[u8]) -> Result<()> {
    let buffer = buffer.borrow();
    let found = buffer.get(..usize::try_from(length)?);
    ensure!(found == Some(wanted), "{length} bytes, or other ones");
    Ok(())
}

fn path(name: &str) -> Result<CString> {
    sys::cstring(at(name))
}
