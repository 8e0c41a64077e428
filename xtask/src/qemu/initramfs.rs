// SPDX-License-Identifier: MIT OR Apache-2.0
//! The archive that a guest starts from: the program as `/init`, the module, and a shell.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use super::artifacts::Artifacts;
use crate::workspace;

/// Mount points of the program.
const DIRECTORIES: &[&str] = &["dev", "proc", "sys", "mnt", "tmp", "bin"];

/// Makes the archive `name` and returns its path. The file `extra` becomes `/extra` in it.
pub(super) fn make(
    name: &str,
    artifacts: &Artifacts,
    module: &Path,
    extra: Option<&Path>,
) -> Result<PathBuf> {
    let stage = tempfile::tempdir_in(workspace::scratch_dir()?)?;
    for directory in DIRECTORIES {
        fs::create_dir(stage.path().join(directory))?;
    }
    let files = [
        (artifacts.program.as_path(), "init"),
        (module, "daxfs.ko"),
        (Path::new("/bin/busybox"), "bin/busybox"),
    ];
    for (from, to) in files.into_iter().chain(extra.map(|path| (path, "extra"))) {
        fs::copy(from, stage.path().join(to))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let archive = workspace::scratch_dir()?.join(format!("{name}.cpio"));
    pack(stage.path(), &archive)?;
    Ok(archive)
}

fn pack(from: &Path, archive: &Path) -> Result<()> {
    let output =
        File::create(archive).with_context(|| format!("cannot create {}", archive.display()))?;
    let mut find = Command::new("find")
        .arg(".")
        .current_dir(from)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start find")?;
    let names = find.stdout.take().context("find has no output")?;
    let packed = Command::new("cpio")
        .args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
        .current_dir(from)
        .stdin(names)
        .stdout(output)
        .status()
        .context("cannot start cpio")?;
    if !(find.wait()?.success() && packed.success()) {
        bail!("cannot make {}", archive.display());
    }
    Ok(())
}
