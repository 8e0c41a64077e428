// SPDX-License-Identifier: MIT OR Apache-2.0
//! File handles.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{ensure, Result};

use super::{at, Case};
use crate::sys::{self, cstring, expect_errno};

pub(super) const CASES: &[Case] = &[
    ("handles-survive-an-empty-cache", survive),
    ("forged-handles-are-refused", forged),
];

/// `struct file_handle` with room for one.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Handle {
    bytes: u32,
    kind: i32,
    words: [u32; 8],
}

pub(super) fn handle_of(path: &str, flags: i32) -> Result<Handle> {
    handle_of_path(&at(path), flags)
}

fn handle_of_path(path: &Path, flags: i32) -> Result<Handle> {
    let path = cstring(path)?;
    let mut handle = Handle {
        bytes: 32,
        ..Handle::default()
    };
    let mut mount = 0_i32;
    // SAFETY: The path is a C string; the structures have the room that they state.
    let result = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            flags,
        )
    };
    sys::check(result)?;
    Ok(handle)
}

fn open(handle: &Handle) -> Result<File> {
    open_with(handle, libc::O_RDONLY)
}

fn open_with(handle: &Handle, flags: i32) -> Result<File> {
    let root = File::open("/mnt")?;
    Ok(sys::descriptor(open_raw(&root, handle, flags))?.into())
}

/// open_by_handle_at(2) and nothing else.
pub(super) fn open_raw(root: &File, handle: &Handle, flags: i32) -> libc::c_long {
    // SAFETY: The descriptor is open; the structure has the room that it states.
    unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            root.as_raw_fd(),
            std::ptr::from_ref(handle),
            flags,
        )
    }
}

/// Flags for which no file waits.
const AT_ONCE: i32 = libc::O_RDONLY | libc::O_NONBLOCK;

/// Opens a path by its handle.
pub(super) fn reopen(path: &Path) -> Result<()> {
    open_with(&handle_of_path(path, 0)?, AT_ONCE).map(drop)
}

/// Opens what a handle of these words means, of the kind that `path` has one of.
pub(super) fn reopen_forged(path: &Path, words: [u64; 3]) -> Result<()> {
    let mut handle = handle_of_path(path, 0)?;
    let [which, value, any] = words;
    let word = usize::try_from(which % 3)?;
    handle.words[word] = u32::try_from(value)?;
    if which % 5 == 0 {
        handle.words[(word + 1) % 3] = u32::try_from(any >> 32)?;
    }
    open_with(&handle, AT_ONCE).map(drop)
}

fn survive() -> Result<()> {
    let deep = "deep/deeper/deeper/deeper/deeper";
    let (file, dir) = (handle_of("deep/deeper/file", 0)?, handle_of(deep, 0)?);
    let inode = fs::metadata(at(deep))?.ino();
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    let mut text = String::new();
    open(&file)?.read_to_string(&mut text)?;
    ensure!(text == "deep", "read {text:?}");
    let dir = open(&dir)?;
    ensure!(dir.metadata()?.ino() == inode, "another directory");
    let path = fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
    ensure!(path == at(deep), "connected as {}", path.display());
    Ok(())
}

fn forged() -> Result<()> {
    let good = handle_of("small", 0)?;
    ensure!(open(&good).is_ok(), "the true handle is refused");
    let with = |word: usize, value: u32| {
        let mut bad = good;
        bad.words[word] = value;
        open(&bad)
    };
    for number in [0, 1 << 30, 1 << 31, u32::MAX] {
        expect_errno("another inode number", with(0, number), libc::ESTALE)?;
    }
    expect_errno(
        "another generation",
        with(1, good.words[1] ^ 1),
        libc::ESTALE,
    )?;
    let short = Handle { bytes: 4, ..good };
    ensure!(open(&short).is_err(), "a short handle is accepted");
    for kind in [0, 3, 77, 255] {
        ensure!(
            open(&Handle { kind, ..good }).is_err(),
            "kind {kind} is accepted"
        );
    }
    Ok(())
}
