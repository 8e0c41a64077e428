// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading, looking up, listing.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{cost, drop_caches, Figures, ROOT};
use crate::sys;

/// The number of small files to open, and of absent names to look up.
const SAMPLE: usize = 2000;

pub(super) fn measure(figures: &Figures) -> Result<()> {
    reads(figures)?;
    let (files, directories) = walk()?;
    stats(figures, &files)?;
    listings(figures, &directories, files.len())?;
    opens(figures, &files)?;
    absent(figures)
}

fn per(total: i64, count: usize) -> i64 {
    total / i64::try_from(count.max(1)).unwrap_or(i64::MAX)
}

fn reads(figures: &Figures) -> Result<()> {
    drop_caches()?;
    let mut buffer = vec![1_u8; 1 << 20];
    for row in [
        "read, 1 MiB calls, per 4 KiB, cold",
        "read, 1 MiB calls, per 4 KiB, warm",
    ] {
        let mut file = File::open(format!("{ROOT}/large"))?;
        let (cost, length) = cost(|| -> Result<usize> {
            let mut all = 0;
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(all),
                    length => all += length,
                }
            }
        });
        figures.tell(row, per(cost, length? / 4096));
    }
    let mut file = File::open(format!("{ROOT}/large"))?;
    let small = buffer.get_mut(..4096).context("a short buffer")?;
    let (sequential, result) = cost(|| (0..4096).try_for_each(|_| file.read_exact(small)));
    result?;
    figures.tell("read, 4 KiB calls", per(sequential, 4096));
    let (random, result) = cost(|| {
        (0..4096_u64)
            .try_for_each(|i| file.read_exact_at(small, i.wrapping_mul(7919) % 16384 * 4096))
    });
    result?;
    figures.tell("pread at random, 4 KiB calls", per(random, 4096));
    Ok(())
}

/// All paths as C strings, and all directories.
fn walk() -> Result<(Vec<CString>, Vec<PathBuf>)> {
    let (mut all, mut directories, mut next) = (Vec::new(), vec![PathBuf::from(ROOT)], 0);
    while let Some(directory) = directories.get(next).cloned() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            all.push(CString::new(entry.path().as_os_str().as_bytes())?);
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            }
        }
        next += 1;
    }
    Ok((all, directories))
}

fn stat_all(paths: &[CString]) -> Result<()> {
    let mut stat: libc::stat = sys::zeroed();
    for path in paths {
        // SAFETY: The path is a C string, the buffer is writable.
        sys::check(unsafe { libc::lstat(path.as_ptr(), &mut stat) })?;
    }
    Ok(())
}

fn stats(figures: &Figures, paths: &[CString]) -> Result<()> {
    drop_caches()?;
    for row in ["stat of every entry, cold", "stat of every entry, warm"] {
        let (cost, result) = cost(|| stat_all(paths));
        result?;
        figures.tell(row, per(cost, paths.len()));
    }
    Ok(())
}

/// Reads a directory to its end with getdents64(2); returns the length of its entries in bytes.
fn list(path: &PathBuf, buffer: &mut [u8]) -> Result<usize> {
    let directory = File::open(path)?;
    let mut all = 0;
    loop {
        let fd = usize::try_from(directory.as_raw_fd())?;
        let room = sys::address_of_mut(buffer);
        let length = sys::syscall(libc::SYS_getdents64, [fd, room, buffer.len(), 0, 0])?;
        match usize::try_from(length)? {
            0 => return Ok(all),
            length => all += length,
        }
    }
}

fn listings(figures: &Figures, directories: &[PathBuf], entries: usize) -> Result<()> {
    let mut buffer = vec![0; 32768];
    drop_caches()?;
    for row in [
        "readdir of all, per entry, cold",
        "readdir of all, per entry, warm",
    ] {
        let (cost, result) = cost(|| {
            directories
                .iter()
                .try_for_each(|path| list(path, &mut buffer).map(drop))
        });
        result?;
        figures.tell(row, per(cost, entries));
    }
    drop_caches()?;
    let large = PathBuf::from(format!("{ROOT}/many"));
    for row in [
        "readdir of 10,000 names, cold",
        "readdir of 10,000 names, warm",
    ] {
        let (cost, result) = cost(|| list(&large, &mut buffer));
        result?;
        figures.tell(row, per(cost, 10_000));
    }
    Ok(())
}

fn opens(figures: &Figures, paths: &[CString]) -> Result<()> {
    let small: Vec<&CString> = paths
        .iter()
        .filter(|path| {
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(path.to_bytes()));
            fs::symlink_metadata(path)
                .is_ok_and(|found| found.is_file() && (1..4096).contains(&found.len()))
        })
        .take(SAMPLE)
        .collect();
    let mut buffer = [0_u8; 4096];
    for (what, reads) in [
        ("open, close", false),
        ("open, read, close of a small file", true),
    ] {
        drop_caches()?;
        for when in ["cold", "warm"] {
            let (cost, result) = cost(|| {
                small
                    .iter()
                    .try_for_each(|path| open(path, reads, &mut buffer))
            });
            result?;
            figures.tell(&format!("{what}, {when}"), per(cost, small.len()));
        }
    }
    Ok(())
}

fn open(path: &CString, reads: bool, buffer: &mut [u8]) -> Result<()> {
    // SAFETY: The path is a C string.
    let fd = i32::try_from(sys::check(unsafe {
        libc::open(path.as_ptr(), libc::O_RDONLY)
    })?)?;
    if reads {
        // SAFETY: The descriptor is open, the buffer writable.
        let length = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        sys::check(i64::try_from(length)?)?;
    }
    // SAFETY: The descriptor is open and ours.
    sys::check(unsafe { libc::close(fd) })?;
    Ok(())
}

fn absent(figures: &Figures) -> Result<()> {
    let names = (0..SAMPLE).map(|i| CString::new(format!("{ROOT}/many/nothing-{i}")));
    let names: Vec<CString> = names.collect::<std::result::Result<_, _>>()?;
    // The directory itself is known.
    stat_all(&[CString::new(format!("{ROOT}/many/name-00000"))?])?;
    for row in ["an absent name, first", "an absent name, again"] {
        let (cost, found) = cost(|| {
            names
                .iter()
                .filter(|name| stat_all(std::slice::from_ref(*name)).is_ok())
                .count()
        });
        anyhow::ensure!(found == 0, "{found} absent names exist");
        figures.tell(row, per(cost, names.len()));
    }
    Ok(())
}
