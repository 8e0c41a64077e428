// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that change areas of memory.

use anyhow::{ensure, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{each_mapping, expect_all_right, expect_in_place, map_all, touch};
use crate::sample::{HUGE_FILE, WIDE_FILE};
use crate::sys::{self, address_of, Child, Map};

const LOCK_ON_FAULT: usize = 1;

/// Advice that changes nothing that a mapping shows.
const ADVICE: [libc::c_int; 8] = [
    libc::MADV_COLD,
    libc::MADV_PAGEOUT,
    libc::MADV_WILLNEED,
    libc::MADV_COLLAPSE,
    libc::MADV_POPULATE_READ,
    libc::MADV_DONTNEED,
    libc::MADV_RANDOM,
    libc::MADV_SEQUENTIAL,
];

/// Locking, moving, advice by others, sealing: contents stay.
pub(super) fn calls() -> Result<()> {
    each_mapping(|file, map| {
        let (start, length) = (map.address().addr(), map.length());
        sys::syscall(libc::SYS_mlock2, [start, length, LOCK_ON_FAULT, 0, 0])?;
        map.advise(libc::MADV_DONTNEED).err();
        touch(map);
        expect_in_place(file, map)?;
        map.unlock()?;
        for advice in ADVICE {
            // Not all advice is accepted for all mappings.
            let _ = map.advise(advice);
            touch(map);
            expect_in_place(file, map)?;
        }
        advise_self(start, length)?;
        touch(map);
        expect_in_place(file, map)
    })?;
    moved()?;
    sealed()?;
    expect_all_right()
}

/// process_madvise(2) of this process.
fn advise_self(start: usize, length: usize) -> Result<()> {
    let own = usize::try_from(std::process::id())?;
    let pidfd = usize::try_from(sys::syscall(libc::SYS_pidfd_open, [own, 0, 0, 0, 0])?)?;
    let range = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(start),
        iov_len: length,
    };
    for advice in [libc::MADV_COLD, libc::MADV_PAGEOUT] {
        let advice = usize::try_from(advice)?;
        let arguments = [pidfd, address_of(&range), 1, advice, 0];
        let advised = sys::syscall(libc::SYS_process_madvise, arguments)?;
        ensure!(
            usize::try_from(advised)? == length,
            "{advised} bytes advised"
        );
    }
    sys::syscall(libc::SYS_close, [pidfd, 0, 0, 0, 0])?;
    Ok(())
}

/// Mappings that shrink and grow show the file.
fn moved() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let mut map = map_all(file, flags)?;
            let whole = map.length();
            map.resize(whole / 2)?;
            file.expect_map(&map)?;
            map.resize(whole)?;
            touch(&map);
            expect_in_place(file, &map)?;
        }
    }
    Ok(())
}

/// A sealed mapping can be neither unmapped nor changed, and goes with its process.
fn sealed() -> Result<()> {
    const SYS_MSEAL: libc::c_long = 462;
    Child::fork(|| {
        let map = map_all(HUGE_FILE, MAP_PRIVATE)?;
        let (start, length) = (map.address().addr(), map.length());
        sys::syscall(SYS_MSEAL, [start, length, 0, 0, 0])?;
        let change = map.protect(PROT_READ | PROT_WRITE);
        sys::expect_errno("mprotect", change, libc::EPERM)?;
        let unmap = sys::syscall(libc::SYS_munmap, [start, length, 0, 0, 0]);
        sys::expect_errno("munmap", unmap, libc::EPERM)?;
        expect_in_place(HUGE_FILE, &map)
    })?
    .expect_success()
}

/// Secret memory takes no pages from the image, and lets none of its own be read from it.
pub(super) fn secret() -> Result<()> {
    const SIZE: u64 = 1 << 20;
    sys::in_child(|| {
        let fd = sys::descriptor(sys::syscall(libc::SYS_memfd_secret, [0; 5])?)?;
        let file = std::fs::File::from(fd);
        file.set_len(SIZE)?;
        let secret = Map::new(&file, 0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED)?;
        let bytes = HUGE_FILE
            .map(PROT_READ, MAP_SHARED)?
            .copy(0, usize::try_from(SIZE)?)?;
        secret.fill(&bytes);
        HUGE_FILE.expect(&secret.bytes()?, 0)?;
        expect_in_place(HUGE_FILE, &map_all(HUGE_FILE, MAP_PRIVATE)?)?;
        // A read of the file into it is one of the kernel's, to an address of a process.
        let mut length = 0;
        while length < 65536 {
            let into = secret.address().addr() + length;
            let fd = HUGE_FILE.open()?;
            let fd = usize::try_from(std::os::fd::AsRawFd::as_raw_fd(&fd))?;
            let read = sys::syscall(libc::SYS_pread64, [fd, into, 65536 - length, length, 0])?;
            length += usize::try_from(read)?;
        }
        HUGE_FILE.expect(&secret.bytes()?, 0)
    })?;
    expect_all_right()
}

/// userfaultfd(2) offers missing pages of memory and of tmpfs only.
pub(super) fn user_faults() -> Result<()> {
    each_mapping(|file, map| {
        for mode in [sys::FaultMode::Missing, sys::FaultMode::Minor] {
            let refused = sys::register_faults(map, mode);
            sys::expect_errno("registering", refused, libc::EINVAL)?;
        }
        expect_in_place(file, map)
    })?;
    expect_all_right()
}
