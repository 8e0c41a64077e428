// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes that look at the mapping of another one, or write to it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context, Result};
use daxfs_test_random::Random;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::read_at;
use super::tables::part_of;
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, PAGE, SMALL_FILE, WIDE_FILE};
use crate::sys::{self, Child, Map};

/// The files, small and huge, direct and through the page cache.
const FILES: [SampleFile; 4] = [WIDE_FILE, BIG_FILE, HUGE_FILE, SMALL_FILE];

/// A child that has mapped and touched a file, and waits.
struct Holder {
    child: Child,
    address: usize,
    _ready: std::os::fd::OwnedFd,
}

impl Holder {
    fn start(file: SampleFile, protection: i32, flags: i32) -> Result<Self> {
        Self::doing(file, protection, flags, |_| sys::wait_for_end())
    }

    /// One that changes its mapping all the time.
    fn changing(file: SampleFile, flags: i32) -> Result<Self> {
        Self::doing(file, PROT_READ, flags, |area| {
            change(area, flags, &mut Random::new(file.seed))
        })
    }

    /// One that goes on with `work` after it has touched all of the file.
    fn doing(
        file: SampleFile,
        protection: i32,
        flags: i32,
        work: impl FnOnce(&Map) -> Result<()>,
    ) -> Result<Self> {
        let (read, write) = sys::pipe()?;
        let child = Child::fork(|| {
            let map = file.map(protection, flags)?;
            for offset in (0..map.length()).step_by(4096) {
                map.touch(offset);
            }
            File::from(write).write_all(&map.address().addr().to_ne_bytes())?;
            work(&map)
        })?;
        let mut bytes = [0; 8];
        let mut ready = File::from(read);
        ready.read_exact(&mut bytes)?;
        Ok(Self {
            child,
            address: usize::from_ne_bytes(bytes),
            _ready: ready.into(),
        })
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.pid())
    }

    fn end(self) -> Result<()> {
        self.child.kill().context("the holder died before")
    }
}

pub(super) fn look() -> Result<()> {
    for file in FILES {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            look_at(file, flags).with_context(|| format!("{} with flags {flags}", file.name))?;
        }
    }
    Ok(())
}

fn look_at(file: SampleFile, flags: i32) -> Result<()> {
    let holder = Holder::start(file, PROT_READ, flags)?;
    let (pid, length) = (holder.child.pid(), usize::try_from(file.size)?);
    let bytes = sys::read_memory(pid, holder.address, length)?;
    ensure!(
        bytes.len() == length,
        "process_vm_readv gave {} bytes",
        bytes.len()
    );
    file.expect(&bytes, 0)?;
    let mut bytes = vec![0; length];
    let address = u64::try_from(holder.address)?;
    File::open(holder.proc("mem"))?.read_exact_at(&mut bytes, address)?;
    file.expect(&bytes, 0)?;
    let pages = length.div_ceil(4096);
    let mut entries = vec![0; pages * 8];
    File::open(holder.proc("pagemap"))?.read_exact_at(&mut entries, address / PAGE * 8)?;
    let present = entries
        .chunks_exact(8)
        .filter(|entry| entry[7] & 0x80 != 0)
        .count();
    ensure!(
        present == pages,
        "{present} of {pages} pages present in pagemap"
    );
    for name in ["smaps", "smaps_rollup", "numa_maps", "maps"] {
        // numa_maps exists in some kernels only.
        let _ = fs::read(holder.proc(name));
    }
    for what in ["1", "2", "3", "4", "5"] {
        fs::write(holder.proc("clear_refs"), what)?;
    }
    let bytes = sys::read_memory(pid, holder.address, length)?;
    file.expect(&bytes, 0).context("after clear_refs")?;
    advise_remote(pid, holder.address, length)?;
    let bytes = sys::read_memory(pid, holder.address, length)?;
    file.expect(&bytes, 0).context("after process_madvise")?;
    holder.end()
}

/// process_madvise(2) with the advice that one process may give another.
fn advise_remote(pid: libc::pid_t, address: usize, length: usize) -> Result<()> {
    let pid = usize::try_from(pid)?;
    let fd = usize::try_from(sys::syscall(libc::SYS_pidfd_open, [pid, 0, 0, 0, 0])?)?;
    let range = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: length,
    };
    for advice in [
        libc::MADV_COLD,
        libc::MADV_PAGEOUT,
        libc::MADV_WILLNEED,
        libc::MADV_COLLAPSE,
    ] {
        let advice = usize::try_from(advice)?;
        // Some advice is refused for some mappings; what matters is what the mapping shows after
        // it.
        let _ = sys::syscall(
            libc::SYS_process_madvise,
            [fd, sys::address_of(&range), 1, advice, 0],
        );
    }
    sys::syscall(libc::SYS_close, [fd, 0, 0, 0, 0])?;
    Ok(())
}

/// The number of times that each process reads a mapping that changes.
const LOOKS: u64 = 60;

/// While one process changes its mapping in every way, others read it, list its pages, forget its
/// reference bits and give it advice.
pub(super) fn look_while() -> Result<()> {
    for (file, flags) in [
        (HUGE_FILE, MAP_PRIVATE),
        (HUGE_FILE, MAP_SHARED),
        (WIDE_FILE, MAP_PRIVATE),
    ] {
        let changing = Holder::changing(file, flags)?;
        let (pid, address) = (changing.child.pid(), changing.address);
        let watchers: Vec<Child> = (1..=2_u64)
            .map(|seed| Child::fork(move || watch(pid, address, file, seed)))
            .collect::<Result<_>>()?;
        for watcher in watchers {
            watcher.expect_success().context(file.name)?;
        }
        changing.end()?;
    }
    Ok(())
}

/// Changes a mapping, which stays where it is and shows the same bytes, until killed.
fn change(area: &Map, flags: i32, random: &mut Random) -> Result<()> {
    loop {
        let (page, pages) = part_of(area, random);
        let (offset, length) = (page * 4096, pages * 4096);
        match random.below(9) {
            0 => drop(area.advise_part(offset, length, libc::MADV_DONTNEED)),
            1 => drop(area.advise_part(offset, length, libc::MADV_COLD)),
            2 => drop(area.advise_part(offset, length, libc::MADV_PAGEOUT)),
            3 => drop(area.advise(libc::MADV_DONTNEED)),
            4 if flags == MAP_PRIVATE => {
                area.protect(PROT_READ | PROT_WRITE)?;
                area.write(offset, area.touch(offset));
                area.protect(PROT_READ)?;
            }
            5 => area.lock()?,
            6 => area.unlock()?,
            7 => sys::in_child(|| {
                area.touch(offset);
                Ok(())
            })?,
            _ => (page..page + pages).for_each(|page| {
                area.touch(page * 4096);
            }),
        }
    }
}

/// Looks at the mapping of another process; what it reads is the file.
fn watch(pid: libc::pid_t, address: usize, file: SampleFile, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let pagemap = File::open(format!("/proc/{pid}/pagemap"))?;
    let first = u64::try_from(address)? / PAGE * 8;
    let mut entries = vec![0; usize::try_from(file.size / PAGE * 8)?];
    for round in 0..LOOKS {
        let start = usize::try_from(random.below(file.size))?;
        let length = usize::try_from(file.size)? - start;
        let bytes = sys::read_memory(pid, address + start, length.min(300_000))?;
        file.expect(&bytes, u64::try_from(start)?)?;
        pagemap.read_exact_at(&mut entries, first)?;
        fs::read(format!("/proc/{pid}/smaps"))?;
        fs::write(
            format!("/proc/{pid}/clear_refs"),
            (1 + round % 4).to_string(),
        )?;
        advise_remote(pid, address, usize::try_from(file.size)?)?;
    }
    Ok(())
}

/// A debugger's write goes to a copy, even where the process itself may not write.
pub(super) fn poke() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let holder = Holder::start(file, PROT_READ, MAP_PRIVATE)?;
        let pid = holder.child.pid();
        // SAFETY: The process is a child of ours.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) })?;
        let mut status = 0;
        // SAFETY: The status is writable.
        sys::check(unsafe { libc::waitpid(pid, &mut status, 0) })?;
        let value = 0x0123_4567_89ab_cdef_i64;
        // SAFETY: The process is traced and stopped, and the kernel checks the address.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_POKEDATA, pid, holder.address, value) })?;
        // SAFETY: The process is traced and stopped, and the kernel checks the address.
        let found = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, pid, holder.address, 0) };
        ensure!(found == value, "read back {found:#x}");
        // SAFETY: The process is traced and stopped.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) })?;
        let bytes = read_at(&file.path(), 0, 4096)?;
        file.expect(&bytes, 0).context("the image has changed")?;
        holder.end()?;
    }
    Ok(())
}
