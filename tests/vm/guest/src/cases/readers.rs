// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers of existing files, which stress-ng lacks: several threads read, map, lock, advise,
//! splice, seek and list, and compare the results with a copy.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{anyhow, ensure, Context, Result};
use daxfs_test_random::Random;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::Case;
use crate::sys::{self, Map};
use crate::targets::{self, Target};

pub(super) const CASES: &[Case] = &[("readers-of-files", readers)];

/// The number of threads, and of operations of each.
const THREADS: u64 = 4;
const ROUNDS: u64 = 6000;

/// The maximal length in bytes of a comparison.
const MOST: u64 = 256 << 10;

/// An operation on a part of a file.
type Operation = fn(&Part<'_>) -> Result<()>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("pread", pread),
    ("pread, O_DIRECT", direct),
    ("mapping, shared", |part| mapped(part, MAP_SHARED)),
    ("mapping, private", |part| mapped(part, MAP_PRIVATE)),
    ("write to a private mapping", written),
    ("madvise", advised),
    ("mlock", locked),
    ("mincore, mremap", moved),
    ("posix_fadvise, readahead", ahead),
    ("splice", spliced),
    ("sendfile", sent),
    ("SEEK_DATA, SEEK_HOLE", sought),
    ("getdents", listed),
];

/// A range of a file, and the same file in the copy.
struct Part<'a> {
    path: &'a Path,
    file: File,
    copy: File,
    copy_path: &'a Path,
    size: u64,
    offset: u64,
    length: u64,
    /// A random number for further choices.
    chance: u64,
}

impl Part<'_> {
    fn wanted(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length)?];
        self.copy.read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }

    fn compare(&self, found: &[u8]) -> Result<()> {
        let wanted = self.wanted()?;
        let wrong = found
            .iter()
            .zip(&wanted)
            .position(|(found, wanted)| found != wanted);
        ensure!(
            found.len() == wanted.len() && wrong.is_none(),
            "{} bytes, wrong at {wrong:?}",
            found.len()
        );
        Ok(())
    }

    /// Maps the pages of the range. Returns the mapping, and the offset of the range in it.
    fn map(&self, protection: i32, flags: i32) -> Result<(Map, usize)> {
        let start = self.offset / 4096 * 4096;
        let within = self.offset - start;
        let map = Map::new(&self.file, start, within + self.length, protection, flags)?;
        Ok((map, usize::try_from(within)?))
    }

    fn compare_map(&self, map: &Map, within: usize) -> Result<()> {
        self.compare(&map.copy(within, usize::try_from(self.length)?)?)
    }
}

fn readers() -> Result<()> {
    let [ours, ext4, copy] = targets::all()?;
    let files = files(&copy.root)?;
    println!(
        "{} files, {THREADS} threads, {ROUNDS} rounds each",
        files.len()
    );
    for target in [&ours, &ext4] {
        let done = thread::scope(|scope| -> Result<Vec<Vec<u64>>> {
            let (files, copy) = (&files, &copy);
            let threads =
                (1..=THREADS).map(|seed| scope.spawn(move || work(target, copy, files, seed)));
            let threads: Vec<_> = threads.collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a thread has died"))?)
                .collect()
        });
        let done = done.with_context(|| target.name)?;
        for (number, (name, _)) in OPERATIONS.iter().enumerate() {
            let times: u64 = done.iter().filter_map(|counts| counts.get(number)).sum();
            target.tell("readers: operations, all as in the copy", name, times);
        }
    }
    Ok(())
}

/// All regular files that hold something, relative to `root`.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut left, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let status = entry.metadata()?;
            if status.is_dir() {
                left.push(entry.path());
            } else if status.is_file() && status.len() > 0 {
                found.push(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns how often each operation was done.
fn work(target: &Target, copy: &Target, files: &[PathBuf], seed: u64) -> Result<Vec<u64>> {
    let mut random = Random::new(seed);
    let mut counts = vec![0; OPERATIONS.len()];
    for round in 0..ROUNDS {
        let name = random.pick(files);
        let (path, copy_path) = (target.root.join(name), copy.root.join(name));
        let copy = File::open(&copy_path)?;
        let size = copy.metadata()?.len();
        let offset = random.below(size);
        let part = Part {
            file: File::open(&path)?,
            path: &path,
            copy,
            copy_path: &copy_path,
            size,
            offset,
            length: 1 + random.below(MOST.min(size - offset)),
            chance: random.any(),
        };
        let number = random.index(OPERATIONS.len());
        let (what, operation) = OPERATIONS.get(number).context("no operation")?;
        operation(&part).with_context(|| {
            format!(
                "{what} of {} at {} + {}, seed {seed}, round {round}",
                path.display(),
                part.offset,
                part.length
            )
        })?;
        if let Some(count) = counts.get_mut(number) {
            *count += 1;
        }
    }
    Ok(counts)
}

fn pread(part: &Part<'_>) -> Result<()> {
    let mut bytes = vec![0; usize::try_from(part.length)?];
    part.file.read_exact_at(&mut bytes, part.offset)?;
    part.compare(&bytes)
}

/// Reads whole blocks into memory that is aligned to them, as ext4 requires.
fn direct(part: &Part<'_>) -> Result<()> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(part.path)?;
    let start = part.offset / 4096 * 4096;
    let room = (part.offset + part.length).next_multiple_of(4096) - start;
    let buffer = Map::anonymous(room)?;
    // SAFETY: The descriptor is open, the buffer is writable.
    let length = unsafe {
        libc::pread(
            file.as_raw_fd(),
            buffer.address().cast(),
            buffer.length(),
            i64::try_from(start)?,
        )
    };
    let length = u64::try_from(sys::length(length)?)?;
    let within = part.offset - start;
    ensure!(length >= within + part.length, "{length} bytes");
    part.compare_map(&buffer, usize::try_from(within)?)
}

fn mapped(part: &Part<'_>, flags: i32) -> Result<()> {
    let (map, within) = part.map(PROT_READ, flags)?;
    part.compare_map(&map, within)
}

/// A private write is visible in the mapping, and not in the file.
fn written(part: &Part<'_>) -> Result<()> {
    let (map, within) = part.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    let changed = !map.touch(within);
    map.write(within, changed);
    ensure!(
        map.touch(within) == changed,
        "what was written is not there"
    );
    pread(part)
}

fn advised(part: &Part<'_>) -> Result<()> {
    const ADVICE: &[i32] = &[
        libc::MADV_NORMAL,
        libc::MADV_RANDOM,
        libc::MADV_SEQUENTIAL,
        libc::MADV_WILLNEED,
        libc::MADV_DONTNEED,
        libc::MADV_COLD,
        libc::MADV_PAGEOUT,
        libc::MADV_POPULATE_READ,
        libc::MADV_HUGEPAGE,
        libc::MADV_NOHUGEPAGE,
    ];
    let (map, within) = part.map(PROT_READ, MAP_PRIVATE)?;
    let mut random = Random::new(part.chance);
    for _ in 0..3 {
        map.advise(*random.pick(ADVICE))?;
        part.compare_map(&map, within)?;
    }
    Ok(())
}

fn locked(part: &Part<'_>) -> Result<()> {
    let (map, within) = part.map(PROT_READ, MAP_PRIVATE)?;
    map.lock()?;
    part.compare_map(&map, within)
}

fn moved(part: &Part<'_>) -> Result<()> {
    let (mut map, within) = part.map(PROT_READ, MAP_SHARED)?;
    part.compare_map(&map, within)?;
    ensure!(
        map.resident()? == map.length().div_ceil(4096),
        "mapped pages are not resident"
    );
    let length = map.length();
    map.resize(length + (1 << 20))?;
    map.resize(length)?;
    part.compare_map(&map, within)
}

fn ahead(part: &Part<'_>) -> Result<()> {
    let (offset, length) = (i64::try_from(part.offset)?, i64::try_from(part.length)?);
    for advice in [
        libc::POSIX_FADV_WILLNEED,
        libc::POSIX_FADV_RANDOM,
        libc::POSIX_FADV_DONTNEED,
        libc::POSIX_FADV_NOREUSE,
    ] {
        // SAFETY: The descriptor is open.
        let error = unsafe { libc::posix_fadvise(part.file.as_raw_fd(), offset, length, advice) };
        ensure!(error == 0, "posix_fadvise {advice}: error {error}");
    }
    // SAFETY: The descriptor is open.
    let result =
        unsafe { libc::readahead(part.file.as_raw_fd(), offset, usize::try_from(length)?) };
    sys::length(result).context("readahead")?;
    pread(part)
}

/// As much as a pipe takes.
fn spliced(part: &Part<'_>) -> Result<()> {
    let (read, write) = sys::pipe()?;
    let mut offset = i64::try_from(part.offset)?;
    // SAFETY: Both descriptors are open, the offset is writable.
    let length = unsafe {
        libc::splice(
            part.file.as_raw_fd(),
            &mut offset,
            write.as_raw_fd(),
            std::ptr::null_mut(),
            usize::try_from(part.length)?,
            libc::SPLICE_F_NONBLOCK,
        )
    };
    let length = sys::length(length)?;
    ensure!(length > 0, "nothing was spliced");
    let mut bytes = vec![0; length];
    File::from(read).read_exact(&mut bytes)?;
    ensure!(part.wanted()?.get(..length) == Some(&bytes), "other bytes");
    Ok(())
}

fn sent(part: &Part<'_>) -> Result<()> {
    // SAFETY: The name is a C string.
    let memory = unsafe { libc::memfd_create(c"sent".as_ptr(), libc::MFD_CLOEXEC) };
    let memory = File::from(sys::descriptor(memory)?);
    let mut offset = i64::try_from(part.offset)?;
    let end = offset + i64::try_from(part.length)?;
    while offset < end {
        // SAFETY: Both descriptors are open, the offset is writable.
        let length = unsafe {
            libc::sendfile(
                memory.as_raw_fd(),
                part.file.as_raw_fd(),
                &mut offset,
                usize::try_from(end - offset)?,
            )
        };
        ensure!(sys::length(length)? > 0, "nothing was sent");
    }
    let mut bytes = vec![0; usize::try_from(part.length)?];
    memory.read_exact_at(&mut bytes, 0)?;
    part.compare(&bytes)
}

/// Data and holes alternate until the end, and holes are zero in the copy.
fn sought(part: &Part<'_>) -> Result<()> {
    let size = i64::try_from(part.size)?;
    let mut at = 0;
    while at < size {
        let data = match sys::seek(&part.file, at, libc::SEEK_DATA) {
            Err(error) if sys::errno(&error) == libc::ENXIO => size,
            result => result?,
        };
        ensure!((at..=size).contains(&data), "data at {data} from {at}");
        if data > at {
            let mut hole = vec![0; usize::try_from((data - at).min(i64::try_from(MOST)?))?];
            part.copy.read_exact_at(&mut hole, u64::try_from(at)?)?;
            ensure!(
                hole.iter().all(|byte| *byte == 0),
                "a hole at {at} holds something"
            );
        }
        if data == size {
            return Ok(());
        }
        at = sys::seek(&part.file, data, libc::SEEK_HOLE)?;
        ensure!(at > data && at <= size, "a hole at {at} from {data}");
    }
    Ok(())
}

fn listed(part: &Part<'_>) -> Result<()> {
    let names = |path: &Path| -> Result<BTreeSet<OsString>> {
        let entries = fs::read_dir(path.parent().context("no directory")?)?;
        Ok(entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<std::io::Result<_>>()?)
    };
    let (found, wanted) = (names(part.path)?, names(part.copy_path)?);
    let differ: Vec<_> = found.symmetric_difference(&wanted).take(3).collect();
    ensure!(differ.is_empty(), "names differ: {differ:?}");
    Ok(())
}
