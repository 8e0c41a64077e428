// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building `daxfs.ko` against a kernel.
//!
//! The kernel's build system writes beside the sources unless `MO=` names another directory. Each
//! kernel has a directory of its own for the objects, below `target/kmod/`: objects for one kernel
//! do not fit another, and switching between kernels costs no build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use super::build::Kernel;
use super::cache::{self, Lock};
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

/// Checks that a kernel tree can build the module.
///
/// # Errors
/// When it cannot; the error names the missing settings.
fn require_rust(kdir: &Path) -> Result<()> {
    let config = fs::read_to_string(kdir.join(".config")).with_context(|| {
        format!(
            "{} is not a configured kernel build directory",
            kdir.display()
        )
    })?;
    if !is_set(&config, "RUST", &["y"]) {
        bail!(
            "the kernel in {} is built without Rust: set CONFIG_RUST=y (`make LLVM=1 rustavailable` \
             prints its needs), build it, then retry",
            kdir.display()
        );
    }
    let missing = missing(&config);
    if !missing.is_empty() {
        bail!(
            "the kernel in {} lacks what daxfs needs: {}",
            kdir.display(),
            missing.join(", ")
        );
    }
    if !kdir.join("rust/libkernel.rmeta").is_file() || !kdir.join("Module.symvers").is_file() {
        bail!(
            "the kernel in {} is configured but not built: run make there first",
            kdir.display()
        );
    }
    Ok(())
}

/// Settings that the module needs built in. `helpers.h` has the same list.
const BUILT_IN: &[&str] = &[
    "MODULES",
    "FS_DAX",
    "FS_POSIX_ACL",
    "MEMORY_HOTPLUG",
    "SPARSEMEM_VMEMMAP",
    "TRANSPARENT_HUGEPAGE",
    "ZONE_DEVICE",
];

/// Settings that the module needs built in or as a module.
const BUILT_IN_OR_MODULE: &[&str] = &["CRYPTO_LIB_SHA256", "EXPORTFS", "XXHASH"];

/// Returns the missing settings of a kernel's configuration, with their needed values.
fn missing(config: &str) -> Vec<String> {
    let wanted = |symbols: &'static [&str], values: &'static [&str], how: &'static str| {
        let lacking = symbols
            .iter()
            .filter(move |symbol| !is_set(config, symbol, values));
        lacking.map(move |symbol| format!("CONFIG_{symbol}={how}"))
    };
    wanted(BUILT_IN, &["y"], "y")
        .chain(wanted(BUILT_IN_OR_MODULE, &["y", "m"], "y or m"))
        .collect()
}

/// Returns true if a configuration sets a symbol to one of these values.
fn is_set(config: &str, symbol: &str, values: &[&str]) -> bool {
    let set = |line: &str| {
        let value = line.strip_prefix("CONFIG_")?.strip_prefix(symbol)?;
        value.strip_prefix('=').map(|value| values.contains(&value))
    };
    config.lines().any(|line| set(line) == Some(true))
}

fn make(toolchain: &Toolchain, kdir: &Path) -> Result<PathBuf> {
    // The objects belong to this checkout: other checkouts need not wait.
    let checkout = cache::digest(workspace::root().as_os_str().as_encoded_bytes());
    let _lock = Lock::acquire(&format!("kmod-{}", checkout.get(..16).unwrap_or(&checkout)))?;
    let objects = objects_for(kdir)?;
    let source = workspace::root().join("daxfs-kmod");
    step("building daxfs.ko", || {
        compile(toolchain, kdir, &source, &objects)
    })
}

/// Builds the module from a copy of its source, with the objects in a directory of their own.
pub(crate) fn build_copy(kernel: &Kernel, source: &Path, objects: &Path) -> Result<PathBuf> {
    compile(&kernel.toolchain, &kernel.out, source, objects)
}

fn compile(toolchain: &Toolchain, kdir: &Path, source: &Path, objects: &Path) -> Result<PathBuf> {
    let mut make = toolchain.make(kdir);
    make.arg(assign("M", source));
    make.arg(assign("MO", objects)).arg("modules");
    logged(&mut make, &objects.join("build.log"))?;
    Ok(objects.join("daxfs.ko"))
}

fn assign(name: &str, value: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(value);
    text
}

/// Returns the directory for the objects of a kernel.
fn objects_for(kdir: &Path) -> Result<PathBuf> {
    let digest = cache::digest(kdir.as_os_str().as_encoded_bytes());
    let name = digest.get(..16).unwrap_or(&digest);
    let objects = workspace::target_dir().join("kmod").join(name);
    fs::create_dir_all(&objects).with_context(|| format!("cannot create {}", objects.display()))?;
    fs::write(objects.join("kernel.txt"), kdir.display().to_string())
        .with_context(|| format!("cannot write into {}", objects.display()))?;
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a configuration with all needed settings.
    fn complete() -> String {
        let built_in = BUILT_IN.iter().map(|symbol| format!("CONFIG_{symbol}=y\n"));
        let either = BUILT_IN_OR_MODULE.iter();
        built_in
            .chain(either.map(|symbol| format!("CONFIG_{symbol}=m\n")))
            .collect()
    }

    #[test]
    fn missing_settings_are_named() {
        assert_eq!(missing(&complete()), [""; 0]);
        let config = complete()
            .replace("CONFIG_ZONE_DEVICE=y\n", "CONFIG_ZONE_DEVICE_X=y\n")
            .replace("CONFIG_FS_DAX=y", "CONFIG_FS_DAX=m")
            .replace("CONFIG_XXHASH=m", "# CONFIG_XXHASH is not set");
        assert_eq!(
            missing(&config),
            [
                "CONFIG_FS_DAX=y",
                "CONFIG_ZONE_DEVICE=y",
                "CONFIG_XXHASH=y or m"
            ]
        );
    }

    #[test]
    fn the_header_asks_for_the_same() {
        let header = include_str!("../../../daxfs-kmod/helpers.h");
        for symbol in BUILT_IN.iter().chain(BUILT_IN_OR_MODULE) {
            assert!(
                header.contains(&format!("#error \"daxfs needs CONFIG_{symbol}\"")),
                "{symbol}"
            );
        }
    }

    #[test]
    fn the_guest_kernel_has_it_all() {
        assert_eq!(missing(include_str!("plain.config")), [""; 0]);
    }
}
