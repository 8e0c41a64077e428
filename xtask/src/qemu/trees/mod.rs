// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trees that images are made of.
//!
//! | module | owns |
//! |---|---|
//! | [`selftests`] | the kernel's own tests, built from its source |
//! | [`suites`] | Debian with programs that test file systems |

mod selftests;
mod suites;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use daxfs_vm_protocol::suite::Image;

use super::artifacts::Artifacts;
use super::files;
use crate::kernel::step::step;
use crate::{process, tree, workspace};

/// The number of names in the large directory of the benchmark, and the size in bytes of its large
/// file.
const MANY: u32 = 10_000;
const LARGE: u64 = 64 << 20;

/// Returns the name of a tree's files in the scratch directory.
pub(super) const fn name(image: Image) -> &'static str {
    match image {
        Image::Sample => "sample",
        Image::Debian => "debian",
        Image::Suites => "suites",
        Image::Containers => "containers",
        Image::Bench => "bench",
    }
}

/// Makes a tree, where it is not there yet.
pub(super) fn obtain(image: Image, artifacts: &Artifacts) -> Result<PathBuf> {
    match image {
        Image::Sample => sample(artifacts),
        Image::Debian => tree::debian::obtain(),
        Image::Suites => step("making the tree of the suites", suites::obtain),
        Image::Containers => tree::debian::obtain_with(tree::debian::CONTAINERS),
        Image::Bench => step("making the tree of the benchmark", bench),
    }
}

/// Makes the tree that the program in the guest knows by heart: the program makes it here, and
/// compares the guest's image with what it would make. An image of another tree lies in it.
fn sample(artifacts: &Artifacts) -> Result<PathBuf> {
    let inner = fresh("sample-inner")?;
    let program = || Command::new(&artifacts.program);
    process::run(program().arg("make-inner-tree").arg(&inner))?;
    let inner = files::build_into(artifacts, &inner, "sample-inner")?;
    let dir = fresh("sample")?;
    process::run(program().arg("make-tree").args([&dir, &inner]))?;
    Ok(dir)
}

/// Returns the path of a directory in the scratch space that does not exist.
fn fresh(name: &str) -> Result<PathBuf> {
    let dir = workspace::scratch_dir()?.join(name);
    tree::remove(&dir)?;
    Ok(dir)
}

/// Makes the Debian tree with a large directory and a large file.
fn bench() -> Result<PathBuf> {
    let dir = workspace::scratch_dir()?.join("bench-tree");
    if dir.join("large").exists() {
        return Ok(dir);
    }
    let mut copy = Command::new("cp");
    process::run(
        copy.args(["-a", "--reflink=auto"])
            .arg(tree::debian::obtain()?)
            .arg(&dir),
    )?;
    fs::create_dir(dir.join("many"))?;
    for number in 0..MANY {
        File::create(dir.join(format!("many/name-{number:05}")))?;
    }
    let words =
        (0..LARGE / 8).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    fs::write(dir.join("large"), words.collect::<Vec<u8>>())?;
    Ok(dir)
}
