// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts of guests: kernel, module, program, tools. Each is built unless it is there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use daxfs_vm_protocol::Kernel;

use crate::kernel::config::Configuration;
use crate::kernel::{build, kmod};
use crate::{packages, process, workspace};

/// The packages that guests and their images need, each with a file that it installs.
const PACKAGES: &[(&str, &str)] = &[
    ("qemu-system-x86", "/usr/bin/qemu-system-x86_64"),
    ("busybox-static", "/bin/busybox"),
    ("cpio", "/usr/bin/cpio"),
];

/// A target whose standard library can be linked statically without more packages.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The parts of guests.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    /// The bootable kernel.
    pub(crate) kernel: PathBuf,
    /// The configuration of the kernel.
    pub(crate) configuration: Configuration,
    /// The kernel module.
    pub(crate) module: PathBuf,
    /// The static program that runs in guests.
    pub(crate) program: PathBuf,
    /// The image builder.
    pub(crate) mkdaxfs: PathBuf,
}

impl Artifacts {
    /// Builds the missing parts for a kernel.
    pub(crate) fn build(configuration: Configuration) -> Result<Self> {
        packages::install(PACKAGES)?;
        let kernel = build::ensure(None, configuration)?;
        let module = kmod::build(&kernel)?;
        Ok(Self {
            kernel: kernel.image,
            configuration,
            module,
            program: program()?,
            mkdaxfs: mkdaxfs()?,
        })
    }
}

/// Returns the configuration that builds a kernel of guests.
pub(super) const fn configuration_of(kernel: Kernel) -> Configuration {
    match kernel {
        Kernel::Plain => Configuration::Plain,
        Kernel::San => Configuration::San,
    }
}

/// Returns the kernel of guests that a configuration builds.
pub(super) const fn kernel_of(configuration: Configuration) -> Kernel {
    match configuration {
        Configuration::Plain => Kernel::Plain,
        Configuration::San => Kernel::San,
    }
}

/// Builds the program of `tests/vm/guest`.
fn program() -> Result<PathBuf> {
    linked_statically("daxfs-guest")
}

/// Builds `daxfs-inspect` for the initramfs.
pub(super) fn inspect() -> Result<PathBuf> {
    linked_statically("daxfs-inspect")
}

/// Builds the program of a package, linked statically: an initramfs has no libraries.
fn linked_statically(package: &str) -> Result<PathBuf> {
    let target_dir = workspace::target_dir().join("guest");
    let mut cargo = process::cargo();
    cargo
        .args(["build", "--quiet", "--release", "--package", package])
        .args(["--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    process::run(&mut cargo)?;
    Ok(target_dir.join(TARGET).join("release").join(package))
}

fn mkdaxfs() -> Result<PathBuf> {
    let mut cargo: Command = process::cargo();
    process::run(cargo.args(["build", "--quiet", "--release", "--package", "mkdaxfs"]))?;
    Ok(workspace::release_binary("mkdaxfs"))
}
