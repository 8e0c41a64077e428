// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image below others: overlayfs, bind mounts, chroot.

use std::fs;
use std::os::unix::fs::{symlink, FileExt, MetadataExt};

use anyhow::{ensure, Result};

use super::reading::read_at;
use super::{at, Case};
use crate::image::MOUNT;
use crate::loopdev::{Access, LoopDevice};
use crate::overlay::Overlay;
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, SMALL_FILE};
use crate::{pattern, sys};

pub(super) const CASES: &[Case] = &[
    ("overlayfs-lower-layer", overlay),
    ("overlayfs-with-all-features", overlay_features),
    ("direct-io-through-overlayfs", direct),
    ("bind-mounts", bind),
    ("chroot", chroot),
];

/// Mounts an overlay of the image with more options.
fn layered(options: &str) -> Result<Overlay> {
    Overlay::of(MOUNT, "/tmp/overlay", options)
}

fn exercise(overlay: &Overlay) -> Result<()> {
    let SampleFile { name, seed, size } = BIG_FILE;
    let bytes = fs::read(overlay.path(name))?;
    ensure!(u64::try_from(bytes.len())? == size, "{} bytes", bytes.len());
    pattern::expect(&bytes, seed, 0)?;
    fs::write(overlay.path("small"), "changed")?;
    fs::remove_file(overlay.path("odd"))?;
    fs::rename(overlay.path("page"), overlay.path("moved"))?;
    fs::write(overlay.path("deep/deeper/new"), "new")?;
    sys::chmod(&overlay.path("hard1"), 0o600)?;
    ensure!(
        fs::read(overlay.path("small"))? == b"changed",
        "the change is gone"
    );
    ensure!(
        !overlay.path("odd").exists() && overlay.path("moved").exists(),
        "names are wrong"
    );
    ensure!(
        fs::read(overlay.path("deep/deeper/file"))? == b"deep",
        "a lower file is gone"
    );
    let names = fs::read_dir(overlay.path("many"))?.count();
    ensure!(
        names == crate::sample::MANY,
        "{names} names in a merged directory"
    );
    ensure!(
        fs::metadata(overlay.path("hard1"))?.mode() & 0o777 == 0o600,
        "the mode is lost"
    );
    ensure!(
        fs::metadata(at("hard1"))?.mode() & 0o777 == 0o644,
        "the image has changed"
    );
    ensure!(
        fs::metadata(at("small"))?.len() == 100 && at("odd").exists(),
        "the image has changed"
    );
    Ok(())
}

fn overlay() -> Result<()> {
    exercise(&layered("")?)
}

/// These need file handles and a file system identity of the lower layer.
fn overlay_features() -> Result<()> {
    let overlay = layered(",index=on,metacopy=on,redirect_dir=on,xino=on")?;
    let options = sys::read_text("/proc/mounts")?;
    let line = options
        .lines()
        .find(|line| line.starts_with("overlay"))
        .unwrap_or_default();
    ensure!(
        line.contains("index=on") && line.contains("metacopy=on"),
        "shown as {line}"
    );
    exercise(&overlay)?;
    fs::rename(overlay.path("deep"), overlay.path("shallow"))?;
    ensure!(
        fs::read(overlay.path("shallow/deeper/file"))? == b"deep",
        "a renamed directory is lost"
    );
    fs::write(overlay.path("hard2"), "both change")?;
    ensure!(
        fs::read(overlay.path("hard1"))? == b"both change",
        "a hard link is broken"
    );
    Ok(())
}

/// A read with O_DIRECT of a file that is still the lower layer's, and a loop device over it.
fn direct() -> Result<()> {
    let overlay = layered("")?;
    for SampleFile { name, seed, size } in [BIG_FILE, SMALL_FILE] {
        let file = sys::open(overlay.path(name), libc::O_RDONLY | libc::O_DIRECT)?;
        let mut buffer = vec![0; 1 << 20];
        let length = fs::File::from(file).read_at(&mut buffer, 4096 % size)?;
        let wanted = (size - 4096 % size).min(1 << 20);
        ensure!(
            u64::try_from(length)? == wanted,
            "{name}: {length} bytes, not {wanted}"
        );
        pattern::expect(&buffer[..length], seed, 4096 % size)?;
    }
    let SampleFile { name, seed, size } = HUGE_FILE;
    let device = LoopDevice::read_only(&fs::File::open(overlay.path(name))?, Access::Direct)?;
    ensure!(device.attribute("loop/dio")? == "1", "no direct I/O");
    let bytes = read_at(device.path(), 0, usize::try_from(size)?)?;
    pattern::expect(&bytes, seed, 0)
}

fn bind() -> Result<()> {
    fs::create_dir_all("/tmp/bound")?;
    sys::mount("/mnt/deep", "/tmp/bound", "", libc::MS_BIND, "")?;
    let text = fs::read("/tmp/bound/deeper/file");
    sys::unmount("/tmp/bound", 0)?;
    ensure!(text? == b"deep", "another file");
    Ok(())
}

fn chroot() -> Result<()> {
    sys::in_child(|| {
        std::os::unix::fs::chroot("/mnt")?;
        std::env::set_current_dir("/")?;
        ensure!(fs::read("/deep/deeper/file")? == b"deep", "another file");
        ensure!(symlink("x", "/y").is_err(), "a link in the image");
        let output = std::process::Command::new("/prog")
            .arg("hello")
            .stdin(std::process::Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "the program ended with {}",
            output.status
        );
        Ok(())
    })
}
