// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unusual uses of a mapping: by other processes, direct I/O, pipes, core dumps, concurrent
//! changes.
//!
//! | module | owns |
//! |---|---|
//! | [`others`] | processes that look at the mapping of another one, or write to it |
//! | [`tables`] | page tables that many change at once |

mod others;
mod tables;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::reading::read_at;
use super::Case;
use crate::loopdev::LoopDevice;
use crate::pattern;
use crate::sample::{BIG_FILE, HUGE_FILE, PAGE, WIDE_FILE};
use crate::sys::{self, Child, End};

pub(super) const CASES: &[Case] = &[
    ("other-processes-look-at-a-mapping", others::look),
    ("others-look-while-a-mapping-changes", others::look_while),
    ("debuggers-write-to-a-mapping", others::poke),
    ("direct-io-from-a-mapping", direct),
    ("vmsplice-from-a-mapping", vmsplice),
    ("core-dumps-hold-mapped-pages", core),
    ("advice-for-parts-of-huge-entries", tables::parts),
    ("page-tables-under-load", tables::load),
    ("faults-on-two-cpus", tables::race),
    ("page-tables-that-go-during-faults", tables::empty_tables),
];

/// A mapping is the source of a direct write to a disk, which takes references to its pages.
fn direct() -> Result<()> {
    let backing = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open("/tmp/backing")?;
    backing.set_len(HUGE_FILE.size)?;
    let disk = LoopDevice::writable(&backing)?;
    let path = disk.path().to_str().context("a name in ASCII")?;
    let target = sys::open(path, libc::O_RDWR | libc::O_DIRECT)?;
    for file in [WIDE_FILE, BIG_FILE, HUGE_FILE] {
        let whole = file.map(PROT_READ, MAP_SHARED)?;
        let length = usize::try_from(file.size / PAGE * PAGE)?;
        let fd = usize::try_from(target.as_raw_fd())?;
        let address = whole.address().addr();
        let written = sys::syscall(libc::SYS_pwrite64, [fd, address, length, 0, 0])?;
        let written = usize::try_from(written)?;
        let bytes = read_at("/tmp/backing".as_ref(), 0, written)?;
        ensure!(written > 0, "nothing written");
        file.expect(&bytes, 0)?;
    }
    Ok(fs::remove_file("/tmp/backing")?)
}

/// Pages of a mapping in a pipe outlive the mapping.
fn vmsplice() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let (read, write) = sys::pipe()?;
        let whole = file.map(PROT_READ, MAP_SHARED)?;
        let length = 16 * 4096;
        let moved = whole.vmsplice(&write, 0, length)?;
        drop(whole);
        let mut bytes = vec![0; moved];
        File::from(read).read_exact(&mut bytes)?;
        file.expect(&bytes, 0)?;
    }
    Ok(())
}

/// A core dump that asks for file mappings holds their bytes.
fn core() -> Result<()> {
    fs::write("/proc/sys/kernel/core_pattern", "/tmp/core")?;
    let end = Child::fork(|| {
        fs::write("/proc/self/coredump_filter", "0x7f")?;
        let limit = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: The limit is readable.
        sys::check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) })?;
        let whole = WIDE_FILE.map(PROT_READ, MAP_PRIVATE)?;
        whole.touch(0);
        // SAFETY: Ends this process with a core dump.
        unsafe { libc::abort() }
    })?;
    ensure!(
        end.wait()? == End::Signal(libc::SIGABRT),
        "the child did not abort"
    );
    let dump = fs::read("/tmp/core").context("no core dump")?;
    fs::remove_file("/tmp/core")?;
    let wanted = pattern::bytes(WIDE_FILE.seed, PAGE, 4096);
    let found = dump.chunks_exact(4096).any(|page| page == wanted);
    ensure!(
        found,
        "the dump of {} bytes lacks the mapped pages",
        dump.len()
    );
    Ok(())
}
