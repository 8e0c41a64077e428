// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image in the memory BAR of a device, as one kernel shares it with another.

use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::{at, Case};
use crate::image::{mount_image, MOUNT};
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, WIDE_FILE};
use crate::shared::Bar;
use crate::{pattern, sys};

pub(super) const CASES: &[Case] = &[
    ("devices-finds-the-image", devices),
    ("files-in-a-bar", files),
    ("a-store-into-the-bar-is-seen", store),
];

/// `daxfs-inspect devices` says what it is and prints a command that mounts it, and, while it is
/// mounted, that it is taken.
fn devices() -> Result<()> {
    let here = Bar::nth(0)?;
    let taken = inspect(&["devices"])?;
    ensure!(taken.contains("daxfs"), "not said to be taken: {taken}");
    ensure!(
        !taken.contains("mount -t daxfs"),
        "offered while taken: {taken}"
    );
    sys::unmount(MOUNT, 0)?;
    let text = inspect(&["devices"])?;
    ensure!(
        text.contains("1af4:1110"),
        "the device is not listed: {text}"
    );
    let commands: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("mount -t daxfs"))
        .collect();
    ensure!(
        commands
            == [format!(
                "mount -t daxfs -o phys={:#x} none /mnt",
                here.address
            )],
        "the commands are {commands:?}"
    );
    let json = inspect(&["devices", "--json"])?;
    ensure!(json.contains("\"state\":\"image\""), "no image in {json}");
    run(commands[0])?;
    WIDE_FILE.expect_read()
}

fn inspect(arguments: &[&str]) -> Result<String> {
    let output = Command::new("/extra").args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run(command: &str) -> Result<()> {
    let status = Command::new("/bin/busybox")
        .args(command.split(' '))
        .status()?;
    ensure!(status.success(), "{command}: {status}");
    Ok(())
}

fn files() -> Result<()> {
    for file in [WIDE_FILE, BIG_FILE, HUGE_FILE] {
        file.expect_read().context(file.name)?;
        for flags in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
            let map = file.map(libc::PROT_READ, flags)?;
            file.expect_map(&map).context(file.name)?;
        }
    }
    let output = Command::new(at("prog")).arg("hello").output()?;
    ensure!(output.status.success(), "the program: {}", output.status);
    Ok(())
}

/// A store by another program is visible to readers and mappings: there is one copy.
fn store() -> Result<()> {
    let SampleFile { name, seed, .. } = HUGE_FILE;
    let memory = Bar::nth(0)?.map()?;
    let map = HUGE_FILE.map(libc::PROT_READ, libc::MAP_SHARED)?;
    let wanted = pattern::bytes(seed, 0, 4096);
    let mut places = (0..memory.length()).step_by(4096);
    let place = places
        .find(|&place| memory.copy(place, 4096).is_ok_and(|page| page == wanted))
        .context("the file's first page is not in the BAR")?;
    let byte = memory.touch(place);
    memory.write(place, !byte);
    let seen = [map.touch(0), super::reading::read_at(&at(name), 0, 1)?[0]];
    memory.write(place, byte);
    ensure!(seen == [!byte; 2], "seen {seen:?}, not {}", !byte);
    drop(map);
    sys::unmount(MOUNT, 0)?;
    mount_image()
}
