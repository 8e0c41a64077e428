// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image in the memory BAR of a device, as one kernel shares it with another.

use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::mounting::attempt;
use super::{at, Case};
use crate::image::{mount_image, MOUNT};
use crate::pattern;
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, WIDE_FILE};
use crate::shared::Bar;
use crate::sys::{self, Map};

pub(super) const CASES: &[Case] = &[
    ("devices-finds-the-image", devices),
    ("files-in-a-bar", files),
    ("a-high-bar-is-mapped-write-back", cached),
    ("a-low-bar-is-mapped-uncached", uncached),
    ("a-store-into-the-bar-is-seen", store),
    ("ima-measures-what-others-have-changed", measure),
];

/// `daxfs-inspect devices` says what it is and prints a command that mounts it, and, while it is
/// mounted, that it is taken.
fn devices() -> Result<()> {
    let here = Bar::nth(0)?;
    let taken = inspect(&["devices"])?;
    ensure!(taken.contains("daxfs"), "not said to be taken: {taken}");
    // Other devices of the guest may be offered.
    let offer = format!("mount -t daxfs -o phys={:#x} none /mnt", here.address);
    ensure!(!taken.contains(&offer), "offered while taken: {taken}");
    sys::unmount(MOUNT, 0)?;
    let text = inspect(&["devices"])?;
    ensure!(
        text.contains("1af4:1110"),
        "the device is not listed: {text}"
    );
    let offers = text.lines().filter(|line| line.trim() == offer).count();
    ensure!(offers == 1, "{offers} lines say {offer}: {text}");
    let json = inspect(&["devices", "--json"])?;
    ensure!(json.contains("\"state\":\"image\""), "no image in {json}");
    run(&offer)?;
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

/// Returns the offset of a file's first page in the BAR.
fn place_of(memory: &Map, file: SampleFile) -> Result<usize> {
    let wanted = pattern::bytes(file.seed, 0, 4096);
    let mut places = (0..memory.length()).step_by(4096);
    places
        .find(|&place| memory.copy(place, 4096).is_ok_and(|page| page == wanted))
        .context("the file's first page is not in the BAR")
}

/// A store by another program is visible to readers and mappings: there is one copy.
fn store() -> Result<()> {
    let SampleFile { name, .. } = HUGE_FILE;
    let memory = Bar::nth(0)?.map()?;
    let map = HUGE_FILE.map(libc::PROT_READ, libc::MAP_SHARED)?;
    let place = place_of(&memory, HUGE_FILE)?;
    let byte = memory.touch(place);
    memory.write(place, !byte);
    let seen = [map.touch(0), super::reading::read_at(&at(name), 0, 1)?[0]];
    memory.write(place, byte);
    ensure!(seen == [!byte; 2], "seen {seen:?}, not {}", !byte);
    drop(map);
    sys::unmount(MOUNT, 0)?;
    mount_image()
}

/// The module's words for memory that the kernel maps uncached.
const UNCACHED: &str = "is mapped uncached";

/// Returns the mode in which the kernel maps the image, and the messages of a mount of it.
fn mode() -> Result<(String, String)> {
    let bar = Bar::nth(0)?;
    let list = sys::read_text("/sys/kernel/debug/x86/pat_memtype_list")?;
    let start = format!("[mem {:#018x}-", bar.address);
    let line = list.lines().find(|line| line.contains(&start));
    let mode = line.with_context(|| format!("no {start} in {list}"))?;
    let mode = mode.rsplit(' ').next().unwrap_or_default().to_owned();
    sys::unmount(MOUNT, 0)?;
    let (number, messages) = attempt(&format!("phys={:#x}", bar.address))?;
    ensure!(number == 0, "error {number}: {messages}");
    mount_image()?;
    Ok((mode, messages))
}

fn cached() -> Result<()> {
    let (mode, messages) = mode()?;
    ensure!(mode == "write-back", "mapped {mode}");
    ensure!(!messages.contains(UNCACHED), "a mount warns: {messages}");
    ensure!(!sys::kernel_log()?.contains(UNCACHED), "the log warns");
    Ok(())
}

/// A mount of memory that the firmware does not declare as write-back warns, in both logs.
fn uncached() -> Result<()> {
    let (mode, messages) = mode()?;
    ensure!(mode == "uncached-minus", "mapped {mode}");
    ensure!(messages.contains(UNCACHED), "no warning: {messages:?}");
    ensure!(sys::kernel_log()?.contains(UNCACHED), "none in the log");
    WIDE_FILE.expect_read()?;
    files()
}

const SECURITY: &str = "/sys/kernel/security";

/// IMA measures a file when it is opened. One that another party has changed since then is measured
/// again, and one that is the same is not listed again.
fn measure() -> Result<()> {
    if !std::path::Path::new(SECURITY).join("ima").exists() {
        sys::mount("none", SECURITY, "securityfs", 0, "")?;
    }
    let policy = "measure func=FILE_CHECK mask=MAY_READ fsmagic=0x46584144\n";
    std::fs::write(format!("{SECURITY}/ima/policy"), policy).context("cannot set the policy")?;
    let memory = Bar::nth(0)?.map()?;
    let place = place_of(&memory, WIDE_FILE)?;
    WIDE_FILE.expect_read()?;
    WIDE_FILE.expect_read()?;
    ensure!(measurements()? == 1, "{} at first", measurements()?);
    let byte = memory.touch(place);
    memory.write(place, !byte);
    let opened = WIDE_FILE.open().map(drop);
    memory.write(place, byte);
    opened?;
    ensure!(measurements()? == 2, "{} after a change", measurements()?);
    WIDE_FILE.expect_read()
}

/// Returns the number of measurements of the file.
fn measurements() -> Result<usize> {
    let list = sys::read_text(format!("{SECURITY}/ima/ascii_runtime_measurements"))?;
    let path = WIDE_FILE.path();
    let path = path.to_str().context("a name in ASCII")?;
    Ok(list.lines().filter(|line| line.ends_with(path)).count())
}
