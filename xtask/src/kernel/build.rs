// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building the guest kernel, once for each combination of source, configuration and toolchain.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cache::{self, Lock};
use super::config::{self, Configuration};
use super::source::{self, Source};
use super::step::{logged, step};
use super::toolchain::Toolchain;

/// A built kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The build directory (`O=`), against which modules are built.
    pub(crate) out: PathBuf,
    /// The bootable image.
    pub(crate) image: PathBuf,
    /// Its version, as `uname -r` prints it.
    pub(crate) release: String,
    /// Its toolchain, with which modules must be built.
    pub(crate) toolchain: Toolchain,
}

/// Returns the kernel of the chosen source (or the distribution's), built if it is not in the
/// cache.
pub(crate) fn ensure(chosen: Option<&Path>, configuration: Configuration) -> Result<Kernel> {
    let toolchain = Toolchain::ensure()?;
    let source = source::select(chosen)?;
    let inputs = inputs(&source, configuration.fragment(), &toolchain)?;
    let key = cache::digest(inputs.as_bytes());
    let key = key.get(..16).unwrap_or(&key);
    let _lock = Lock::acquire(&format!("kernel-{key}"))?;
    let out = cache::subdirectory(&cache::directory()?, "kernel")?.join(key);
    // In a directory of the user's, make finds the changes.
    if !source.is_fixed || !out.join("complete").is_file() {
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        fs::write(out.join("key.txt"), inputs)?;
        build(&toolchain, &source, configuration, &out)?;
        fs::write(out.join("complete"), "").context("cannot mark the build as complete")?;
    }
    let release = fs::read_to_string(out.join("include/config/kernel.release"))
        .context("the kernel build has no release")?;
    let image = out.join("arch/x86/boot/bzImage");
    Ok(Kernel {
        out,
        image,
        release: release.trim().to_owned(),
        toolchain,
    })
}

/// Returns all inputs on which the build's result depends, as text.
fn inputs(source: &Source, fragment: &str, toolchain: &Toolchain) -> Result<String> {
    Ok(format!(
        "source {}\nconfig {}\n{}",
        source.identity,
        cache::digest(fragment.as_bytes()),
        toolchain.versions()?
    ))
}

fn build(
    toolchain: &Toolchain,
    source: &Source,
    configuration: Configuration,
    out: &Path,
) -> Result<()> {
    let what = format!(
        "building the {} kernel {} ({}, once; log {}/build.log)",
        configuration.name(),
        source.identity,
        configuration.duration(),
        out.display()
    );
    step(&what, || {
        config::configure(toolchain, &source.dir, out, configuration.fragment())?;
        let mut make = toolchain.make(&source.dir);
        make.arg(format!("O={}", out.display()))
            .args(["bzImage", "modules"]);
        logged(&mut make, &out.join("build.log"))
    })
}
