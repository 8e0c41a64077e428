// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failing allocations of mounts and unmounts.

use std::ffi::{CStr, CString};
use std::fs::{self};

use anyhow::{ensure, Context, Result};
use libc::c_long;

use super::super::at;
use super::super::mounting::{claims, identity_at};
use super::{exhaust, nothing, Operation};
use crate::image::{is_mounted, mount_image, phys, MODULE, MOUNT};
use crate::sample::{ODD_FILE, SMALL_FILE};
use crate::sys;

/// The arguments of mount(2), made before allocations fail.
struct Mount {
    target: &'static CStr,
    options: CString,
}

impl Mount {
    fn new(target: &'static CStr, options: &str) -> Result<Self> {
        let options = CString::new(format!("phys={}{options}", phys()))?;
        Ok(Self { target, options })
    }

    fn once(&self) -> c_long {
        let (target, options) = (self.target.as_ptr(), self.options.as_ptr().cast());
        // SAFETY: All strings are C strings.
        unsafe { libc::mount(c"none".as_ptr(), target, c"daxfs".as_ptr(), 0, options) }.into()
    }
}

/// The kernel reports a claim that finds no memory as an address range in use.
const MOUNT_ERRORS: &[i32] = &[libc::ENOMEM, libc::EBUSY];

pub(super) fn mount() -> Result<()> {
    let identity = identity_at(&phys())?;
    sys::unmount(MOUNT, 0)?;
    for options in ["", ",validate", &format!(",identity=sha256:{identity}")] {
        let mount = Mount::new(c"/mnt", options)?;
        let name = match options.split('=').next() {
            Some("") | None => "mount".to_owned(),
            Some(option) => format!("mount with {}", option.trim_start_matches(',')),
        };
        exhaust(Operation {
            name: &name,
            prepare: &nothing,
            act: &mut || mount.once(),
            judge: &|_| sys::unmount(MOUNT, 0),
            errors: MOUNT_ERRORS,
        })?;
    }
    nothing_is_left()?;
    mount_image()?;
    fs::create_dir_all("/tmp/again")?;
    let again = Mount::new(c"/tmp/again", "")?;
    exhaust(Operation {
        name: "mount of what is mounted",
        prepare: &nothing,
        act: &mut || again.once(),
        judge: &|_| sys::unmount("/tmp/again", 0),
        errors: &[libc::ENOMEM],
    })
}

/// Fails unless the module can be unloaded. The kernel warns about a cache that still has inodes.
/// Freed ones are in quarantine, so their number means nothing.
fn nothing_is_left() -> Result<()> {
    gone()?;
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    sys::load_module(MODULE).context("cannot load it again")
}

fn gone() -> Result<()> {
    ensure!(claims()? == 0, "a claim is left");
    Ok(())
}

pub(super) fn unmount() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    let use_it = || -> Result<()> {
        mount_image()?;
        for name in [SMALL_FILE.name, "sparse", "deep/deeper/file"] {
            fs::read(at(name))?;
        }
        ODD_FILE.open().map(drop)
    };
    exhaust(Operation {
        name: "unmount",
        prepare: &|| {
            if is_mounted() {
                sys::unmount(MOUNT, 0)?;
            }
            use_it()
        },
        // SAFETY: The path is a C string.
        act: &mut || unsafe { libc::umount2(c"/mnt".as_ptr(), 0) }.into(),
        judge: &|_| gone(),
        errors: &[libc::ENOMEM],
    })?;
    nothing_is_left()?;
    mount_image()
}
