// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that a tool may make of any file system: syncing, ioctl(2), its state in sysfs.

use std::fs::File;
use std::io::Error;
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};

use super::mounting::identity_at;
use super::{at, Case};
use crate::image::{phys, MOUNT};
use crate::sample::HUGE_FILE;
use crate::sys::{self, expect_errno, read_text};

pub(super) const CASES: &[Case] = &[
    ("syncing-succeeds", syncing),
    ("requests-of-ioctl", requests),
    ("state-in-sysfs", state),
];

const FS_IOC_GETFSLABEL: u64 = 0x8100_9431;
const FS_IOC_GETFSUUID: u64 = 0x8011_1500;
const FS_IOC_GETFSSYSFSPATH: u64 = 0x8081_1501;
/// A request of a disk, which no file takes.
const BLKRRPART: u64 = 0x125f;

/// Size in bytes of the largest buffer of these requests.
const BUFFER: usize = 256;

/// There is nothing to write, so that each way of syncing succeeds at once.
fn syncing() -> Result<()> {
    for name in ["small", "huge", "sparse", "many"] {
        let file = File::open(at(name))?;
        file.sync_all().with_context(|| format!("fsync {name}"))?;
        file.sync_data()
            .with_context(|| format!("fdatasync {name}"))?;
        // SAFETY: The descriptor is open.
        sys::check(unsafe { libc::syncfs(file.as_raw_fd()) })?;
    }
    let map = HUGE_FILE.map(libc::PROT_READ, libc::MAP_SHARED)?;
    map.sync()
}

/// Makes a request that fills a buffer. Returns the buffer.
fn ask(name: &str, request: u64) -> Result<[u8; BUFFER]> {
    let file = File::open(at(name))?;
    let mut buffer = [0xff; BUFFER];
    // SAFETY: The descriptor is open, and the buffer is as large as any of these requests demands.
    sys::check(unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut buffer) })?;
    Ok(buffer)
}

/// Returns the bytes before the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

/// Label, UUID and the directory in sysfs, for files and directories; other requests are refused.
fn requests() -> Result<()> {
    let label = read_state("label")?;
    let uuid = read_state("uuid")?.replace('-', "");
    for name in ["small", "many"] {
        let found = ask(name, FS_IOC_GETFSLABEL)?;
        ensure!(
            text(&found) == label,
            "label {:?}, not {label:?}",
            text(&found)
        );
        let end = found.get(label.len()..).context("a label without an end")?;
        ensure!(end.iter().all(|&byte| byte == 0), "bytes behind the label");

        let found = ask(name, FS_IOC_GETFSUUID)?;
        let hex: String = found[1..17]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ensure!(found[0] == 16 && hex == uuid, "UUID {hex}, not {uuid}");

        let found = text(&ask(name, FS_IOC_GETFSSYSFSPATH)?[1..]);
        let wanted = format!("daxfs/{}", name_of_mount()?);
        ensure!(found == wanted, "{found} in sysfs, not {wanted}");

        expect_errno("BLKRRPART", ask(name, BLKRRPART), libc::ENOTTY)?;
    }
    let file = File::open(at("small"))?;
    let nowhere = std::ptr::without_provenance_mut::<u8>(1);
    // SAFETY: The descriptor is open. The kernel checks the address.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_GETFSLABEL, nowhere) };
    ensure!(
        result == -1 && Error::last_os_error().raw_os_error() == Some(libc::EFAULT),
        "a label for nowhere"
    );
    Ok(())
}

/// The name of the directory in sysfs: the address, in hexadecimal digits.
fn name_of_mount() -> Result<String> {
    let phys = phys();
    let address = match phys.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16)?,
        None => phys.parse()?,
    };
    Ok(format!("{address:#x}"))
}

/// Returns the text of a file in the mount's directory.
fn read_state(name: &str) -> Result<String> {
    let path = format!("/sys/fs/daxfs/{}/{name}", name_of_mount()?);
    let text = read_text(path)?;
    let line = text.strip_suffix('\n').context("no end of the line")?;
    Ok(line.to_owned())
}

/// Returns the number in a file of the mount's directory.
fn number(name: &str) -> Result<u64> {
    Ok(read_state(name)?.parse()?)
}

fn state() -> Result<()> {
    let identity = format!("sha256:{}", identity_at(&phys())?);
    ensure!(read_state("identity")? == identity, "another identity");
    ensure!(
        read_state("source")? == format!("phys={}", name_of_mount()?),
        "source {}",
        read_state("source")?
    );
    let bytes = number("image_bytes")?;
    ensure!(
        bytes / 4096 == sys::statfs(MOUNT)?.f_blocks,
        "{bytes} bytes"
    );
    ensure!(number("struct_page_bytes")? <= bytes / 32, "struct pages");
    let map = HUGE_FILE.map(libc::PROT_READ, libc::MAP_SHARED)?;
    HUGE_FILE.expect_map(&map)?;
    ensure!(number("huge_folios")? > 0, "no folio for a huge mapping");
    ensure!(number("poisoned_pages")? == 0, "poisoned pages");
    let deferred = read_text("/sys/fs/daxfs/deferred")?;
    ensure!(deferred.is_empty(), "deferred: {deferred}");
    Ok(())
}
