// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building `daxfs.ko` against a kernel.
//!
//! The kernel's build system writes beside the sources unless it is told otherwise, so the objects
//! go to `target/kmod/` (`MO=`). That directory belongs to one kernel at a time: it is emptied
//! when the kernel is another one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use super::build::Kernel;
use super::cache::Lock;
use super::step::{logged, step};
use super::toolchain::Toolchain;
use crate::workspace;

/// Builds the module against the cached guest kernel.
pub(crate) fn build(kernel: &Kernel) -> Result<PathBuf> {
    make(&kernel.toolchain, &kernel.out)
}

/// Builds the module against the user's own kernel build directory.
pub(crate) fn build_against(kdir: &Path) -> Result<PathBuf> {
    let kdir = kdir
        .canonicalize()
        .with_context(|| format!("cannot use {}", kdir.display()))?;
    require_rust(&kdir)?;
    make(&Toolchain::ensure()?, &kdir)
}

/// Says what a kernel tree lacks, before a compiler says it at length.
fn require_rust(kdir: &Path) -> Result<()> {
    let config = fs::read_to_string(kdir.join(".config"))
        .with_context(|| format!("{} is no configured kernel build directory", kdir.display()))?;
    let has = |line: &str| config.lines().any(|have| have == line);
    if !has("CONFIG_RUST=y") {
        bail!(
            "the kernel in {} is built without Rust: set CONFIG_RUST=y (`make LLVM=1 rustavailable` \
             says what that needs), build it, then retry",
            kdir.display()
        );
    }
    for symbol in [
        "MODULES",
        "ZONE_DEVICE",
        "XXHASH",
        "CRYPTO_LIB_SHA256",
        "FS_POSIX_ACL",
        "EXPORTFS",
    ] {
        if !has(&format!("CONFIG_{symbol}=y")) {
            bail!(
                "the kernel in {} lacks CONFIG_{symbol}=y, which daxfs needs",
                kdir.display()
            );
        }
    }
    if !kdir.join("rust/libkernel.rmeta").is_file() || !kdir.join("Module.symvers").is_file() {
        bail!(
            "the kernel in {} is configured but not built: run make there first",
            kdir.display()
        );
    }
    Ok(())
}

fn make(toolchain: &Toolchain, kdir: &Path) -> Result<PathBuf> {
    let _lock = Lock::acquire("kmod")?;
    let objects = objects_for(kdir)?;
    let module = objects.join("daxfs.ko");
    step("building daxfs.ko", || {
        let mut make = toolchain.make(kdir);
        make.arg(assign("M", &workspace::root().join("daxfs-kmod")));
        make.arg(assign("MO", &objects)).arg("modules");
        logged(&mut make, &objects.join("build.log"))
    })?;
    Ok(module)
}

fn assign(name: &str, value: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(value);
    text
}

/// The directory for the objects, empty if another kernel's were in it.
fn objects_for(kdir: &Path) -> Result<PathBuf> {
    let objects = workspace::target_dir().join("kmod");
    let marker = objects.join("kernel.txt");
    let wanted = kdir.display().to_string();
    if fs::read_to_string(&marker).ok().as_deref() != Some(&wanted) {
        if objects.exists() {
            fs::remove_dir_all(&objects)
                .with_context(|| format!("cannot empty {}", objects.display()))?;
        }
        fs::create_dir_all(&objects)
            .with_context(|| format!("cannot create {}", objects.display()))?;
        fs::write(&marker, wanted)?;
    }
    Ok(objects)
}
