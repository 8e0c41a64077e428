// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that is marked as broken while it is mapped.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Result};
use libc::{c_int, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::Case;
use crate::image::{mount_image, MOUNT};
use crate::sample::{SampleFile, HUGE_FILE, WIDE_FILE};
use crate::sys::{self, Child, End, Map};

pub(super) const CASES: &[Case] = &[
    ("broken-memory-in-small-pages", small),
    ("broken-memory-under-huge-entries", huge),
];

const MADV_HWPOISON: c_int = 100;
const PAGE: usize = 4096;

/// A file whose page with this index breaks.
#[derive(Clone, Copy)]
struct Broken {
    file: SampleFile,
    page: usize,
}

fn small() -> Result<()> {
    check(Broken {
        file: WIDE_FILE,
        page: 37,
    })
}

fn huge() -> Result<()> {
    check(Broken {
        file: HUGE_FILE,
        page: 700,
    })
}

fn check(broken: Broken) -> Result<()> {
    let mine = broken.file.map(PROT_READ, MAP_SHARED)?;
    broken.file.expect_map(&mine)?;
    let (other, go) = other_mapper(broken)?;
    let place = mine.address().wrapping_add(broken.page * PAGE);
    // SAFETY: The page is mapped. Nothing of Rust lies in it.
    sys::check(unsafe { libc::madvise(place.cast(), PAGE, MADV_HWPOISON) })?;
    drop(go);
    ensure!(
        other.wait()? == End::Signal(libc::SIGBUS),
        "another mapper still sees the page"
    );
    broken.expect_signal("the mapping", &mine, Map::touch)?;
    broken.expect_rest(&mine)?;
    broken.expect_new_mappings()?;
    broken.expect_reads()?;
    drop(mine);
    sys::unmount(MOUNT, 0)?;
    mount_image()?;
    let fresh = broken.file.map(PROT_READ, MAP_SHARED)?;
    broken.file.expect_map(&fresh)?;
    broken.file.expect_read()
}

/// A process that has mapped the file, and touches the page when the pipe ends.
fn other_mapper(broken: Broken) -> Result<(Child, OwnedFd)> {
    let (ready, start) = (sys::pipe()?, sys::pipe()?);
    let go = usize::try_from(start.1.as_raw_fd())?;
    let child = Child::fork(|| {
        // The parent's end; the pipe would not end otherwise.
        sys::syscall(libc::SYS_close, [go, 0, 0, 0, 0])?;
        let map = broken.file.map(PROT_READ, MAP_PRIVATE)?;
        broken.file.expect_map(&map)?;
        drop(ready.1);
        std::io::copy(&mut File::from(start.0), &mut std::io::sink())?;
        broken.expect_rest(&map)?;
        map.touch(broken.page * PAGE);
        Ok(())
    })?;
    std::io::copy(&mut File::from(ready.0), &mut std::io::sink())?;
    Ok((child, start.1))
}

impl Broken {
    /// Fails unless touching the page kills.
    fn expect_signal<T>(self, what: &str, map: &Map, touch: fn(&Map, usize) -> T) -> Result<()> {
        let child = Child::fork(|| {
            touch(map, self.page * PAGE);
            Ok(())
        })?;
        ensure!(
            child.wait()? == End::Signal(libc::SIGBUS),
            "{what} still shows the page"
        );
        Ok(())
    }

    /// Fails unless all other pages are what they were.
    fn expect_rest(self, map: &Map) -> Result<()> {
        let (end, next) = (self.page * PAGE, (self.page + 1) * PAGE);
        self.file.expect(&map.copy(0, end)?, 0)?;
        let rest = map.copy(next, map.length() - next)?;
        self.file.expect(&rest, u64::try_from(next)?)
    }

    fn expect_new_mappings(self) -> Result<()> {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let fresh = self.file.map(PROT_READ, flags)?;
            self.expect_signal("a new mapping", &fresh, Map::touch)?;
            // One of them at least is in the window that a fault of the page would be in.
            self.expect_signal("a fault beside it", &fresh, |map, at| {
                map.touch(at - PAGE);
                map.touch(at + PAGE);
                map.touch(at)
            })?;
            self.expect_rest(&fresh)?;
        }
        let private = self.file.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        self.expect_signal("a private copy", &private, |map, at| map.write(at, 1))
    }

    /// A read of the page fails, one that begins before it ends there.
    fn expect_reads(self) -> Result<()> {
        let file = self.file.open()?;
        let begin = u64::try_from(self.page * PAGE)?;
        let mut bytes = vec![0; 3 * PAGE];
        let read = file.read_at(&mut bytes, begin).map_err(Into::into);
        sys::expect_errno("a read of the page", read, libc::EIO)?;
        let log = sys::kernel_log()?;
        ensure!(
            log.contains(&format!("daxfs: image at phys={}: ", crate::image::phys())),
            "the kernel log does not tell which image"
        );
        let before = begin - 2 * u64::try_from(PAGE)?;
        let length = file.read_at(&mut bytes, before)?;
        ensure!(length == 2 * PAGE, "{length} bytes before the page");
        self.file.expect(&bytes[..length], before)?;
        let length = file.read_at(&mut bytes, begin + u64::try_from(PAGE)?)?;
        self.file
            .expect(&bytes[..length], begin + u64::try_from(PAGE)?)
    }
}
