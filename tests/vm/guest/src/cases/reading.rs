// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading, by every system call that reads.

use std::fs::File;
use std::io::{IoSliceMut, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context, Result};

use super::{at, Case};
use crate::loopdev::{Access, LoopDevice};
use crate::pattern;
use crate::sample::{
    SampleFile, BIG_FILE, HUGE_FILE, MIB, ODD_FILE, PAGE, SMALL_FILE, SPARSE_PIECES, SPARSE_SIZE,
    VAST_PIECE, VAST_SIZE,
};
use crate::sys::{self, Map};

pub(super) const CASES: &[Case] = &[
    ("read-and-pread", reads),
    ("reads-at-and-behind-the-end", ends),
    ("readv", readv),
    ("bad-buffers", bad_buffers),
    ("sparse-files", sparse),
    ("offsets-beyond-4-gib", vast),
    ("direct-io", direct),
    ("loop-devices", loop_device),
    ("splice-and-sendfile", splice),
    ("copying-to-another-file-system", copy),
    ("leases", leases),
    ("a-long-read-ends-with-its-process", long_read),
];

/// Up to `length` bytes of a file from `offset` on.
pub(super) fn read_at(path: &Path, offset: u64, length: usize) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match file.read_at(&mut bytes[done..], offset + u64::try_from(done)?)? {
            0 => break,
            more => done += more,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// Reads of many lengths at many offsets give the bytes of that place.
fn reads() -> Result<()> {
    for SampleFile { name, seed, size } in [SMALL_FILE, ODD_FILE, BIG_FILE, HUGE_FILE] {
        let lengths = [1, 7, 100, 4095, 4096, 4097, 70_000, 2 * MIB + 5];
        let offsets = [0, 1, 4095, 4096, 8191, 2 * MIB - 3, 2 * MIB, size - 1];
        for offset in offsets.into_iter().filter(|offset| *offset < size) {
            for length in lengths {
                let found = read_at(&at(name), offset, usize::try_from(length)?)?;
                let wanted = length.min(size - offset);
                ensure!(
                    u64::try_from(found.len())? == wanted,
                    "{name}: {} bytes",
                    found.len()
                );
                pattern::expect(&found, seed, offset)?;
            }
        }
    }
    Ok(())
}

fn ends() -> Result<()> {
    let SampleFile { name, seed, size } = ODD_FILE;
    let mut file = File::open(at(name))?;
    let mut all = Vec::new();
    file.read_to_end(&mut all)?;
    ensure!(u64::try_from(all.len())? == size, "{} bytes", all.len());
    pattern::expect(&all, seed, 0)?;
    ensure!(file.read(&mut [0; 10])? == 0, "bytes behind the end");
    for offset in [
        size,
        size + 1,
        size + PAGE,
        1 << 40,
        u64::try_from(i64::MAX)? - 100,
    ] {
        ensure!(
            file.read_at(&mut [0; 100], offset)? == 0,
            "bytes at {offset}"
        );
    }
    ensure!(
        file.seek(SeekFrom::End(-3))? == size - 3,
        "the end is elsewhere"
    );
    ensure!(file.read(&mut [0; 10])? == 3, "not the last three bytes");
    Ok(())
}

fn readv() -> Result<()> {
    let SampleFile { name, seed, .. } = ODD_FILE;
    let mut file = File::open(at(name))?;
    let (mut one, mut two, mut three) = ([0; 3], [0; 5000], [0; 1]);
    let buffers = &mut [
        IoSliceMut::new(&mut one),
        IoSliceMut::new(&mut two),
        IoSliceMut::new(&mut three),
    ];
    ensure!(file.read_vectored(buffers)? == 5004, "short");
    pattern::expect(&[&one[..], &two, &three].concat(), seed, 0)
}

/// A buffer that cannot be written is an error; one that ends early gives a short read.
fn bad_buffers() -> Result<()> {
    let file = BIG_FILE.open()?;
    let read = |address: usize, length: usize| {
        let fd = usize::try_from(file.as_raw_fd())?;
        sys::syscall(libc::SYS_pread64, [fd, address, length, 0, 0])
    };
    sys::expect_errno("a null buffer", read(0, 100), libc::EFAULT)?;
    sys::expect_errno(
        "a kernel address",
        read(0xffff_8880_0000_0000, 100),
        libc::EFAULT,
    )?;
    let room = Map::anonymous(2 * PAGE)?;
    let second = room.address().addr() + usize::try_from(PAGE)?;
    let page = usize::try_from(PAGE)?;
    sys::syscall(libc::SYS_munmap, [second, page, 0, 0, 0])?;
    ensure!(
        read(room.address().addr(), 2 * page)? == i64::try_from(PAGE)?,
        "not one page"
    );
    BIG_FILE.expect(&room.copy(0, page)?, 0)
}

/// Holes are zeros, parts are in their places.
fn sparse() -> Result<()> {
    let found = read_at(&at("sparse"), 0, usize::try_from(SPARSE_SIZE + 100)?)?;
    ensure!(
        u64::try_from(found.len())? == SPARSE_SIZE,
        "{} bytes",
        found.len()
    );
    let mut wanted = vec![0; found.len()];
    for (offset, length) in SPARSE_PIECES {
        let start = usize::try_from(offset)?;
        let bytes = pattern::bytes(23, offset, usize::try_from(length)?);
        wanted[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    ensure!(found == wanted, "content differs");
    let hole = read_at(&at("hole"), 5 * MIB, 1 << 20)?;
    ensure!(
        hole.len() == 1 << 20 && hole.iter().all(|byte| *byte == 0),
        "no hole"
    );
    Ok(())
}

fn vast() -> Result<()> {
    let (offset, length) = VAST_PIECE;
    let found = read_at(&at("vast"), offset - 100, usize::try_from(length + 200)?)?;
    ensure!(
        found[..100].iter().all(|byte| *byte == 0),
        "bytes before the part"
    );
    pattern::expect(&found[100..100 + usize::try_from(length)?], 24, offset)?;
    ensure!(
        found[found.len() - 100..].iter().all(|byte| *byte == 0),
        "bytes behind the part"
    );
    ensure!(
        read_at(&at("vast"), VAST_SIZE - 5, 100)?.len() == 5,
        "the end is elsewhere"
    );
    Ok(())
}

fn direct() -> Result<()> {
    for SampleFile { name, seed, size } in [BIG_FILE, SMALL_FILE] {
        let file = File::from(sys::open(at(name), libc::O_RDONLY | libc::O_DIRECT)?);
        let mut buffer = vec![0; 1 << 20];
        let length = file.read_at(&mut buffer, 0)?;
        ensure!(
            u64::try_from(length)? == size.min(1 << 20),
            "{name}: {length} bytes"
        );
        pattern::expect(&buffer[..length], seed, 0)?;
    }
    Ok(())
}

/// A loop device reads a file of the mount, through the page cache and directly.
fn loop_device() -> Result<()> {
    let SampleFile { name, seed, size } = HUGE_FILE;
    let backing = File::open(at(name))?;
    for (access, wanted) in [(Access::Cached, "0"), (Access::Direct, "1")] {
        let device = LoopDevice::read_only(&backing, access)?;
        let direct = device.attribute("loop/dio")?;
        ensure!(direct == wanted, "direct I/O is {direct}");
        let bytes = read_at(device.path(), 0, usize::try_from(size)?)?;
        ensure!(u64::try_from(bytes.len())? == size, "{} bytes", bytes.len());
        pattern::expect(&bytes, seed, 0)?;
    }
    Ok(())
}

fn splice() -> Result<()> {
    let SampleFile { name, seed, size } = BIG_FILE;
    let file = File::open(at(name))?;
    let (read, write) = sys::pipe()?;
    let mut pipe = File::from(read);
    let mut done = 0_u64;
    while done < size {
        let none = std::ptr::null_mut();
        // SAFETY: The descriptors are open, and no offset is given.
        let moved =
            unsafe { libc::splice(file.as_raw_fd(), none, write.as_raw_fd(), none, 50_000, 0) };
        let moved = sys::check(i64::try_from(moved)?)?;
        let mut bytes = vec![0; usize::try_from(moved)?];
        pipe.read_exact(&mut bytes)?;
        pattern::expect(&bytes, seed, done)?;
        done += u64::try_from(moved)?;
    }
    let target = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .read(true)
        .open("/tmp/sent")?;
    let mut left = usize::try_from(size)?;
    let mut offset = 0_i64;
    while left > 0 {
        // SAFETY: The descriptors are open, the offset is writable.
        let sent =
            unsafe { libc::sendfile(target.as_raw_fd(), file.as_raw_fd(), &mut offset, left) };
        left -= usize::try_from(sys::check(i64::try_from(sent)?)?)?;
    }
    let sent = read_at(Path::new("/tmp/sent"), 0, usize::try_from(size)?)?;
    pattern::expect(&sent, seed, 0)
}

/// As cp(1) and the standard library do it: copy_file_range, or what they fall back to.
fn copy() -> Result<()> {
    for name in ["big", "small", "sparse", "empty"] {
        std::fs::copy(at(name), "/tmp/copy")?;
        ensure!(
            std::fs::read("/tmp/copy")? == std::fs::read(at(name))?,
            "{name} differs"
        );
    }
    Ok(())
}

/// `struct delegation`: flags, type, padding.
#[repr(C)]
struct Delegation(u32, u16, u16);

/// Files can be leased for reading, files and directories delegated, as servers do.
fn leases() -> Result<()> {
    const F_GETDELEG: libc::c_int = 1024 + 15;
    const F_SETDELEG: libc::c_int = 1024 + 16;
    let fd = sys::open(at("small"), libc::O_RDONLY)?;
    let lease = |command, kind: libc::c_int| {
        // SAFETY: The descriptor is open.
        sys::check(unsafe { libc::fcntl(fd.as_raw_fd(), command, kind) })
    };
    lease(libc::F_SETLEASE, libc::F_RDLCK).context("a lease")?;
    let held = lease(libc::F_GETLEASE, 0)?;
    ensure!(held == i64::from(libc::F_RDLCK), "the lease is {held}");
    lease(libc::F_SETLEASE, libc::F_UNLCK)?;
    for name in ["small", "many"] {
        let fd = sys::open(at(name), libc::O_RDONLY)?;
        let mut delegation = Delegation(0, u16::try_from(libc::F_RDLCK)?, 0);
        for command in [F_SETDELEG, F_GETDELEG] {
            // SAFETY: The descriptor is open, the structure is the one of the command.
            sys::check(unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw mut delegation) })
                .with_context(|| format!("a delegation of {name}"))?;
        }
        ensure!(
            i32::from(delegation.1) == libc::F_RDLCK,
            "{name} is not delegated"
        );
    }
    Ok(())
}

/// Reads 512 MiB with one call, into the same 2 MiB again and again.
fn read_vast(file: &File, room: &Map) -> Result<()> {
    let part = libc::iovec {
        iov_base: room.address().cast(),
        iov_len: room.length(),
    };
    let parts = [part; 256];
    // SAFETY: The descriptor is open, and all parts are the same writable memory.
    let read = unsafe { libc::preadv(file.as_raw_fd(), parts.as_ptr(), 256, 0) };
    ensure!(
        usize::try_from(read)? == parts.len() * room.length(),
        "{read} bytes"
    );
    Ok(())
}

/// A process that is killed in the middle of a long read takes less time on its processor than one
/// that reads to the end.
fn long_read() -> Result<()> {
    let file = File::open(at("vast"))?;
    let room = Map::anonymous(2 * MIB)?;
    let before = sys::time_of_children()?;
    sys::in_child(|| read_vast(&file, &room))?;
    let whole = sys::time_of_children()? - before;
    let child = sys::Child::fork(|| read_vast(&file, &room))?;
    std::thread::sleep(whole / 20);
    child.kill()?;
    let part = sys::time_of_children()? - before - whole;
    println!("512 MiB take {whole:?}, {part:?} when killed");
    ensure!(part < whole / 2, "it read to the end");
    Ok(())
}
