// SPDX-License-Identifier: MIT OR Apache-2.0
//! What else the kernel can be asked to do with a mapping, while other processes use it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{ensure, Context, Result};
use daxfs_test_random::Random;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::mapping::map;
use super::{at, Case};
use crate::klog::KernelLog;
use crate::loopdev::LoopDevice;
use crate::pattern;
use crate::sample::{BIG_FILE, HUGE_FILE, PAGE, SMALL_FILE, WIDE_FILE};
use crate::sys::{self, Child, End, Map};

pub(super) const CASES: &[Case] = &[
    ("other-processes-look-at-a-mapping", look),
    ("others-look-while-a-mapping-changes", look_while),
    ("debuggers-write-to-a-mapping", poke),
    ("direct-io-from-a-mapping", direct),
    ("vmsplice-from-a-mapping", vmsplice),
    ("core-dumps-hold-mapped-pages", core),
    ("advice-for-parts-of-huge-entries", parts),
    ("page-tables-under-load", load),
    ("faults-on-two-cpus", race),
    ("page-tables-that-go-during-faults", empty_tables),
];

/// The files, small and huge, direct and through the page cache.
const FILES: [(&str, u64, u64); 4] = [WIDE_FILE, BIG_FILE, HUGE_FILE, SMALL_FILE];

/// A child that has mapped and touched a file, and waits.
struct Holder {
    child: Child,
    address: usize,
    _ready: std::os::fd::OwnedFd,
}

impl Holder {
    fn start(file: (&'static str, u64, u64), protection: i32, flags: i32) -> Result<Self> {
        Self::doing(file, protection, flags, |_| loop {
            // SAFETY: Waits for a signal.
            unsafe { libc::pause() };
        })
    }

    /// One that changes its mapping all the time.
    fn changing(file: (&'static str, u64, u64), flags: i32) -> Result<Self> {
        Self::doing(file, PROT_READ, flags, |area| {
            change(area, flags, &mut Random::new(file.1))
        })
    }

    /// One that goes on with `work` after it has touched all of the file.
    fn doing(
        file: (&'static str, u64, u64),
        protection: i32,
        flags: i32,
        work: impl FnOnce(&Map) -> Result<()>,
    ) -> Result<Self> {
        let (read, write) = sys::pipe()?;
        let child = Child::fork(|| {
            let map = map(file, protection, flags)?;
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
        self.child.signal(libc::SIGKILL)?;
        ensure!(
            self.child.wait()? == End::Signal(libc::SIGKILL),
            "the holder died before"
        );
        Ok(())
    }
}

fn look() -> Result<()> {
    for file in FILES {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            look_at(file, flags).with_context(|| format!("{} with flags {flags}", file.0))?;
        }
    }
    Ok(())
}

fn look_at(file: (&'static str, u64, u64), flags: i32) -> Result<()> {
    let holder = Holder::start(file, PROT_READ, flags)?;
    let (pid, length) = (holder.child.pid(), usize::try_from(file.2)?);
    let bytes = sys::read_memory(pid, holder.address, length)?;
    ensure!(
        bytes.len() == length,
        "process_vm_readv gave {} bytes",
        bytes.len()
    );
    pattern::expect(&bytes, file.1, 0)?;
    let mut bytes = vec![0; length];
    let address = u64::try_from(holder.address)?;
    File::open(holder.proc("mem"))?.read_exact_at(&mut bytes, address)?;
    pattern::expect(&bytes, file.1, 0)?;
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
    pattern::expect(&bytes, file.1, 0).context("after clear_refs")?;
    advise_remote(pid, holder.address, length)?;
    let bytes = sys::read_memory(pid, holder.address, length)?;
    pattern::expect(&bytes, file.1, 0).context("after process_madvise")?;
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
        // Some advice is refused for some mappings; what matters is what the mapping shows after it.
        let _ = sys::syscall(
            libc::SYS_process_madvise,
            [fd, sys::address_of(&range), 1, advice, 0],
        );
    }
    sys::syscall(libc::SYS_close, [fd, 0, 0, 0, 0])?;
    Ok(())
}

/// How many rounds each process looks at a mapping that changes.
const LOOKS: u64 = 60;

/// While one process changes its mapping in every way, others read it, list its pages, forget its
/// reference bits and give it advice.
fn look_while() -> Result<()> {
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
            let end = watcher.wait()?;
            ensure!(
                end == End::Exit(0),
                "{}: a watcher ended with {end:?}",
                file.0
            );
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
fn watch(pid: libc::pid_t, address: usize, file: (&str, u64, u64), seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let pagemap = File::open(format!("/proc/{pid}/pagemap"))?;
    let first = u64::try_from(address)? / PAGE * 8;
    let mut entries = vec![0; usize::try_from(file.2 / PAGE * 8)?];
    for round in 0..LOOKS {
        let start = usize::try_from(random.below(file.2))?;
        let length = usize::try_from(file.2)? - start;
        let bytes = sys::read_memory(pid, address + start, length.min(300_000))?;
        pattern::expect(&bytes, file.1, u64::try_from(start)?)?;
        pagemap.read_exact_at(&mut entries, first)?;
        fs::read(format!("/proc/{pid}/smaps"))?;
        fs::write(
            format!("/proc/{pid}/clear_refs"),
            (1 + round % 4).to_string(),
        )?;
        advise_remote(pid, address, usize::try_from(file.2)?)?;
    }
    Ok(())
}

/// A debugger's write goes to a copy, even where the process itself may not write.
fn poke() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let holder = Holder::start(file, PROT_READ, MAP_PRIVATE)?;
        let pid = holder.child.pid();
        // SAFETY: The process is a child of ours.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) })?;
        let mut status = 0;
        // SAFETY: The status is writable.
        sys::check(unsafe { libc::waitpid(pid, &mut status, 0) })?;
        let value = 0x0123_4567_89ab_cdef_i64;
        // SAFETY: The kernel checks the address.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_POKEDATA, pid, holder.address, value) })?;
        // SAFETY: As above.
        let found = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, pid, holder.address, 0) };
        ensure!(found == value, "read back {found:#x}");
        // SAFETY: As above.
        sys::check(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) })?;
        let bytes = super::reading::read_at(&at(file.0), 0, 4096)?;
        pattern::expect(&bytes, file.1, 0).context("the image has changed")?;
        holder.end()?;
    }
    Ok(())
}

/// A mapping is the source of a direct write to a disk, which takes references to its pages.
fn direct() -> Result<()> {
    let backing = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open("/tmp/backing")?;
    backing.set_len(HUGE_FILE.2)?;
    let disk = LoopDevice::writable(&backing)?;
    let path = disk.path().to_str().context("a name in ASCII")?;
    let target = sys::open(path, libc::O_RDWR | libc::O_DIRECT)?;
    for file in [WIDE_FILE, BIG_FILE, HUGE_FILE] {
        let whole = map(file, PROT_READ, MAP_SHARED)?;
        let length = usize::try_from(file.2 / PAGE * PAGE)?;
        let fd = usize::try_from(target.as_raw_fd())?;
        let address = whole.address().addr();
        let written = sys::syscall(libc::SYS_pwrite64, [fd, address, length, 0, 0])?;
        let written = usize::try_from(written)?;
        let bytes = super::reading::read_at("/tmp/backing".as_ref(), 0, written)?;
        ensure!(written > 0, "nothing written");
        pattern::expect(&bytes, file.1, 0)?;
    }
    Ok(fs::remove_file("/tmp/backing")?)
}

/// Pages of a mapping in a pipe outlive the mapping.
fn vmsplice() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let (read, write) = sys::pipe()?;
        let whole = map(file, PROT_READ, MAP_SHARED)?;
        let length = 16 * 4096;
        let moved = whole.vmsplice(&write, 0, length)?;
        drop(whole);
        let mut bytes = vec![0; moved];
        File::from(read).read_exact(&mut bytes)?;
        pattern::expect(&bytes, file.1, 0)?;
    }
    Ok(())
}

/// A core dump that asks for file mappings holds their bytes.
fn core() -> Result<()> {
    fs::write("/proc/sys/kernel/core_pattern", "/tmp/core")?;
    let (_, seed, _) = WIDE_FILE;
    let end = Child::fork(|| {
        fs::write("/proc/self/coredump_filter", "0x7f")?;
        let limit = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: The limit is readable.
        sys::check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) })?;
        let whole = map(WIDE_FILE, PROT_READ, MAP_PRIVATE)?;
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
    let wanted = pattern::bytes(seed, PAGE, 4096);
    let found = dump.chunks_exact(4096).any(|page| page == wanted);
    ensure!(
        found,
        "the dump of {} bytes lacks the mapped pages",
        dump.len()
    );
    Ok(())
}

/// Several processes change the page tables of one file in every way at once.
fn load() -> Result<()> {
    let children: Vec<Child> = (0..6_u64)
        .map(|seed| Child::fork(move || mangle(seed)))
        .collect::<Result<_>>()?;
    for child in children {
        let end = child.wait()?;
        ensure!(end == End::Exit(0), "a child ended with {end:?}");
    }
    Ok(())
}

/// Returns the first page and the number of pages of a random part of an area.
fn part_of(area: &Map, random: &mut Random) -> (usize, usize) {
    let pages = area.length() / 4096;
    let first = random.index(pages);
    (first, 1 + random.index((pages - first).min(700)))
}

/// A pseudo-random walk over what can be done with a mapping.
fn mangle(seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    for _ in 0..60 {
        let file = *random.pick(&[WIDE_FILE, BIG_FILE, HUGE_FILE]);
        let flags = *random.pick(&[MAP_SHARED, MAP_PRIVATE]);
        let mut area = map(file, PROT_READ, flags)?;
        for _ in 0..6 {
            step(&mut area, file, flags, &mut random)?;
        }
    }
    Ok(())
}

fn step(area: &mut Map, file: (&str, u64, u64), flags: i32, random: &mut Random) -> Result<()> {
    let place = usize::try_from(random.below(file.2 / 2))?.min(area.length() - 1);
    let (page, pages) = part_of(area, random);
    match random.below(12) {
        0 => {
            area.touch(place);
        }
        1 => pattern::expect(
            &area.copy(place, (area.length() - place).min(10_000))?,
            file.1,
            u64::try_from(place)?,
        )?,
        2 => drop(area.advise(libc::MADV_DONTNEED)),
        3 => drop(area.advise(libc::MADV_COLD)),
        4 => drop(area.advise(libc::MADV_PAGEOUT)),
        5 => area.resize(usize::try_from(file.2)? / 2 + place)?,
        6 if flags == MAP_PRIVATE => {
            area.protect(PROT_READ | PROT_WRITE)?;
            let byte = area.touch(place);
            area.write(place, byte);
            area.protect(PROT_READ)?;
        }
        7 => {
            area.lock()?;
            pattern::expect(&area.copy(0, 5000)?, file.1, 0)?;
        }
        8 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_DONTNEED)),
        9 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_COLD)),
        10 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_PAGEOUT)),
        _ => sys::in_child(|| pattern::expect(&area.copy(0, 9000)?, file.1, 0))?,
    }
    Ok(())
}

/// Advice for some pages of a huge entry splits it; the mapping still shows the file, and its pages
/// are all given back.
fn parts() -> Result<()> {
    let (_, seed, size) = HUGE_FILE;
    for flags in [MAP_SHARED, MAP_PRIVATE] {
        for advice in [libc::MADV_COLD, libc::MADV_PAGEOUT, libc::MADV_DONTNEED] {
            for (page, pages) in [(0, 1), (37, 100), (511, 2), (512 + 5, 507), (1000, 600)] {
                let area = map(HUGE_FILE, PROT_READ, flags)?;
                let length = usize::try_from(size)?;
                area.advise(libc::MADV_HUGEPAGE)?;
                pattern::expect(&area.copy(0, length)?, seed, 0)?;
                area.advise_part(page * 4096, pages * 4096, advice)?;
                pattern::expect(&area.copy(0, length)?, seed, 0)
                    .with_context(|| format!("advice {advice} for {pages} pages at {page}"))?;
            }
        }
    }
    Ok(())
}

/// Two threads fault the same area, so that huge and small entries meet.
fn race() -> Result<()> {
    for round in 0..8_usize {
        let area = map(HUGE_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let (start, length) = (area.address().addr(), area.length());
        std::thread::scope(|scope| {
            for thread in 0..2_usize {
                scope.spawn(move || {
                    for offset in (thread * 4096 * 3..length).step_by(4096 * 7) {
                        let byte: *mut u8 = std::ptr::with_exposed_provenance_mut(start + offset);
                        // SAFETY: The byte lies in the mapping, which outlives the scope; pages are
                        // private, and both threads write what they read.
                        let value = unsafe { byte.read_volatile() };
                        if (offset / 4096 + round) % 11 == thread {
                            // SAFETY: As above.
                            unsafe { byte.write_volatile(value) };
                        }
                    }
                });
            }
        });
        pattern::expect(&area.copy(0, length)?, HUGE_FILE.1, 0)?;
    }

    Ok(())
}

/// One thread faults pages in, another takes them out, and with the last one of a page table the kernel takes the table.
/// A fault that misses it is no lack of memory, of which the kernel's log would tell.
fn empty_tables() -> Result<()> {
    const ROUNDS: usize = 20_000;
    let mut log = KernelLog::follow()?;
    let area = map(HUGE_FILE, PROT_READ, MAP_SHARED)?;
    area.advise(libc::MADV_NOHUGEPAGE)?;
    let (start, length) = (area.address().addr(), area.length());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for offset in (0..length).step_by(16 * 4096) {
                    let byte: *mut u8 = std::ptr::with_exposed_provenance_mut(start + offset);
                    // SAFETY: The byte lies in the mapping, which outlives the scope and which nobody writes.
                    unsafe { byte.read_volatile() };
                }
            }
        });
        let result = (0..ROUNDS).try_for_each(|_| area.advise(libc::MADV_DONTNEED));
        done.store(true, Ordering::Relaxed);
        result
    })?;
    log.take()?;
    pattern::expect(&area.copy(0, length)?, HUGE_FILE.1, 0)
}
