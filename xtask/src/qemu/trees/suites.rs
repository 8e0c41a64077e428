// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian tree with programs that test file systems, and files for them.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::selftests;
use crate::kernel::cache;
use crate::{process, tree, workspace};

/// The files that fio writes: the name of each set, and the options for its layout.
const FIO_FILES: &[(&str, &[&str])] = &[
    ("large", &["--bs=64k", "--filesize=64m", "--nrfiles=1"]),
    ("medium", &["--bs=4k", "--filesize=1m", "--nrfiles=16"]),
    ("packed", &["--bs=512", "--filesize=2k", "--nrfiles=64"]),
];

/// One more set, in which the byte at this offset is changed afterwards.
const WRONG: (&str, &[&str]) = ("wrong", &["--bs=4k", "--filesize=1m", "--nrfiles=1"]);
const WRONG_BYTE: u64 = 500_000;

/// Makes the tree of the suites: Debian, with the files that the suites work on in `/srv/subject`.
/// An existing tree is kept while its inputs are the same.
pub(super) fn obtain() -> Result<PathBuf> {
    let dir = workspace::scratch_dir()?.join("suites-tree");
    let debian = tree::debian::obtain_with(tree::debian::SUITES)?;
    let inputs = [
        &debian.to_string_lossy(),
        include_str!("suites.rs"),
        selftests::INPUTS,
    ];
    let (key, stamp) = (
        cache::digest(inputs.concat().as_bytes()),
        dir.with_extension("key"),
    );
    if fs::read_to_string(&stamp).is_ok_and(|made| made == key) {
        return Ok(dir);
    }
    tree::remove(&dir)?;
    process::run(
        Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(debian)
            .arg(&dir),
    )?;
    let subject = dir.join("srv/subject");
    fs::create_dir_all(&subject)?;
    fio_files(&dir, &subject)?;
    selftests::build(&subject.join("selftests"))?;
    fs::write(stamp, key)?;
    Ok(dir)
}

/// Makes the files of fio, and a list of their layouts for the guest.
fn fio_files(dir: &Path, subject: &Path) -> Result<()> {
    fs::create_dir(subject.join("fio"))?;
    let mut list = String::new();
    for (name, layout) in FIO_FILES.iter().chain([&WRONG]) {
        fio(dir, name, layout)?;
        list.push_str(&format!("{name} {}\n", layout.join(" ")));
    }
    fs::write(subject.join("fio.list"), list)?;
    let wrong = fs::File::options()
        .read(true)
        .write(true)
        .open(subject.join("fio/wrong.0.0"))?;
    let mut byte = [0];
    wrong.read_exact_at(&mut byte, WRONG_BYTE)?;
    wrong
        .write_all_at(&byte.map(|byte| !byte), WRONG_BYTE)
        .context("cannot change a byte")
}

/// Has the tree's own fio write files, each block with its offset and a CRC.
fn fio(dir: &Path, name: &str, layout: &[&str]) -> Result<()> {
    let mut fio = Command::new("chroot");
    fio.arg(dir)
        .args([
            "fio",
            "--directory=/srv/subject/fio",
            "--rw=write",
            "--ioengine=psync",
            "--thread",
        ])
        .args(["--verify=crc32c", "--do_verify=0", "--output=/dev/null"])
        .arg(format!("--name={name}"))
        .args(layout);
    process::capture(&mut fio).map(drop)
}
