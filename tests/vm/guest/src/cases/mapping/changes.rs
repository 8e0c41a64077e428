// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mappings that change or are shared, and what the kernel counts of them.

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::touch_all;
use crate::meminfo;
use crate::sample::{SampleFile, HUGE_FILE, MIB, ODD_FILE, PAGE, SMALL_FILE, WIDE_FILE};
use crate::sys::{self, drop_caches, in_child, read_text, Child, Gate};

pub(super) fn change() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let mut mine = file.map(PROT_READ, MAP_PRIVATE)?;
        touch_all(&mine)?;
        in_child(|| {
            file.expect_map(&mine)?;
            mine.protect(PROT_READ | PROT_WRITE)?;
            mine.write(10, 0);
            Ok(())
        })?;
        file.expect_map(&mine)
            .context("the child's write is seen")?;
        let length = mine.length();
        mine.resize(length / 2)?;
        mine.resize(length)?;
        file.expect_map(&mine).context("after mremap")?;
        mine.protect(PROT_READ | PROT_WRITE)?;
        mine.write(length - 1, 0);
        mine.write(length / 2 + 5000, 0);
        in_child(|| {
            mine.write(20, 1);
            Ok(())
        })?;
        mine.protect(PROT_READ)?;
        file.expect(&mine.copy(0, 4096)?, 0)?;
        mine.protect(libc::PROT_NONE)?;
    }
    Ok(())
}

pub(super) fn advise() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE, SMALL_FILE] {
        let whole = file.map(PROT_READ, MAP_SHARED)?;
        for advice in [
            libc::MADV_WILLNEED,
            libc::MADV_SEQUENTIAL,
            libc::MADV_RANDOM,
            libc::MADV_NORMAL,
            libc::MADV_COLD,
            libc::MADV_PAGEOUT,
            libc::MADV_POPULATE_READ,
            libc::MADV_HUGEPAGE,
            libc::MADV_NOHUGEPAGE,
            libc::MADV_DONTNEED,
        ] {
            // Some make no sense for a file; what matters is that the mapping stays what it is.
            let _ = whole.advise(advice);
            file.expect_map(&whole)
                .with_context(|| format!("after advice {advice}"))?;
        }
        whole.lock()?;
        file.expect_map(&whole)?;
        ensure!(
            whole.resident()? == whole.length().div_ceil(4096),
            "a locked page is not there"
        );
    }
    Ok(())
}

/// A number of /proc/self/smaps for the mapping at `address`, in kB.
fn smaps(address: usize, field: &str) -> Result<u64> {
    let text = read_text("/proc/self/smaps")?;
    let head = format!("{address:x}-");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&head));
    let line = lines
        .find(|line| line.starts_with(field))
        .context("no such mapping")?;
    Ok(line
        .split_whitespace()
        .nth(1)
        .context("no number")?
        .parse()?)
}

pub(super) fn resident() -> Result<()> {
    for file in [ODD_FILE, WIDE_FILE, HUGE_FILE] {
        let whole = file.map(PROT_READ, MAP_SHARED)?;
        let address = whole.address().addr();
        ensure!(
            smaps(address, "Rss:")? == 0,
            "pages before they are touched"
        );
        touch_all(&whole)?;
        let rss = smaps(address, "Rss:")?;
        ensure!(
            rss == file.size.div_ceil(PAGE) * 4,
            "{}: {rss} kB resident",
            file.name
        );
        let pss = smaps(address, "Pss:")?;
        ensure!(pss == rss, "{}: {pss} kB in proportion", file.name);
        let (ready, done) = (Gate::new()?, Gate::new()?);
        let other = Child::fork(|| {
            touch_all(&whole)?;
            ready.open()?;
            done.wait()
        })?;
        ready.wait()?;
        let half = smaps(address, "Pss:")?;
        done.open()?;
        other.expect_success()?;
        ensure!(
            half.abs_diff(rss / 2) <= 1,
            "{}: shared by two it counts {half} of {rss}",
            file.name
        );
    }
    Ok(())
}

/// Four processes map 8 MiB privately and touch all of it: that takes no memory for the content.
pub(super) fn shared_pages() -> Result<()> {
    drop_caches()?;
    let before = meminfo::free()?;
    let ready = Gate::new()?;
    let start = || {
        Child::fork(|| {
            let mine = HUGE_FILE.map(PROT_READ, MAP_PRIVATE)?;
            touch_all(&mine)?;
            ready.open()?;
            sys::wait_for_end()
        })
    };
    let children = (0..4).map(|_| start()).collect::<Result<Vec<_>>>()?;
    for _ in &children {
        ready.wait()?;
    }
    let used = before - meminfo::free()?;
    children.into_iter().try_for_each(Child::kill)?;
    println!("4 processes with 8 MiB each: {used} kB");
    ensure!(used < 4096, "{used} kB for four mappings of 8 MiB");
    Ok(())
}

/// A marker of userfaultfd stands where a page table would have an entry. A read maps the page in
/// its place, and does not fault for ever.
pub(super) fn markers() -> Result<()> {
    for file in [WIDE_FILE, SampleFile::new("holed", 26, 5 * MIB)] {
        let whole = file.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let watch = sys::WriteProtect::new(&whole)?;
        sys::alarm(60);
        file.expect_map(&whole)?;
        whole.write(5000, 1);
        whole.write(9 * 4096, 1);
        sys::alarm(0);
        drop(watch);
    }
    Ok(())
}
