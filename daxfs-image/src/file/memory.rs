// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file or block device as the memory of an image, with a small cache.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use daxfs_format::{Memory, ReadFault};

/// The size of a cached chunk in bytes.
const CHUNK: usize = 64 << 10;
/// Chunks in a set. With several, streams through an image do not evict each other.
const WAYS: usize = 4;
/// Sets. The cache holds `SETS * WAYS` chunks, 4 MiB.
const SETS: u64 = 16;

/// A file or block device as the memory of an image.
///
/// It serves one thread; [`FileMemory::share`] makes another view of the same file for another
/// thread.
pub struct FileMemory {
    file: Arc<File>,
    size: u64,
    /// Start and end of the bytes that bypass the cache: each of them is read once, if ever.
    uncached: Cell<(u64, u64)>,
    cache: RefCell<Cache>,
}

struct Cache {
    sets: Vec<Vec<Chunk>>,
    clock: u64,
    error: Option<io::Error>,
}

struct Chunk {
    index: u64,
    used: u64,
    bytes: Vec<u8>,
}

impl FileMemory {
    /// The whole of the file or block device at a path.
    ///
    /// # Errors
    /// Those of `open`. Other types are refused: a FIFO, without waiting for a writer, and a
    /// character device, because it has no length and may have no end.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(open_readable(path)?)
    }

    /// The whole of an open file or block device.
    ///
    /// # Errors
    /// Those of `lseek`.
    pub fn new(file: File) -> io::Result<Self> {
        let size = (&file).seek(SeekFrom::End(0))?;
        Ok(Self::view(Arc::new(file), size))
    }

    fn view(file: Arc<File>, size: u64) -> Self {
        let sets = (0..SETS).map(|_| Vec::with_capacity(WAYS)).collect();
        Self {
            file,
            size,
            uncached: Cell::default(),
            cache: RefCell::new(Cache {
                sets,
                clock: 0,
                error: None,
            }),
        }
    }

    /// Another view of the same file, with a cache of its own.
    #[must_use]
    pub fn share(&self) -> Self {
        let view = Self::view(reopen(&self.file), self.size);
        view.uncached.set(self.uncached.get());
        view
    }

    /// Makes reads that begin at the offsets `start` to `end` bypass the cache.
    pub(super) fn bypass(&self, start: u64, end: u64) {
        self.uncached.set((start, end));
    }

    /// The error of the operating system behind the last [`ReadFault`], if there was one.
    pub fn take_error(&self) -> Option<io::Error> {
        self.cache.borrow_mut().error.take()
    }

    fn pread(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        read_exact(&self.file, into, offset).map_err(|error| {
            self.cache.borrow_mut().error = Some(error);
            ReadFault::of(offset, into)
        })
    }

    /// Copies from one chunk, which is read first if it is not in the cache.
    fn read_chunk(&self, index: u64, start: usize, into: &mut [u8]) -> Result<(), ReadFault> {
        let cache = &mut *self.cache.borrow_mut();
        cache.clock += 1;
        let set = usize::try_from(index % SETS)
            .ok()
            .and_then(|set| cache.sets.get_mut(set));
        let fault = ReadFault {
            offset: index * Self::chunk_size(),
            length: Self::chunk_size(),
        };
        let set = set.ok_or(fault)?;
        let way = match set.iter().position(|chunk| chunk.index == index) {
            Some(way) => way,
            None => match load(&self.file, self.size, index, set) {
                Ok(way) => way,
                Err(error) => {
                    cache.error = Some(error);
                    return Err(fault);
                }
            },
        };
        let chunk = set.get_mut(way).ok_or(fault)?;
        chunk.used = cache.clock;
        into.copy_from_slice(chunk.bytes.get(start..start + into.len()).ok_or(fault)?);
        Ok(())
    }

    fn chunk_size() -> u64 {
        u64::try_from(CHUNK).unwrap_or(u64::MAX)
    }
}

/// The same file, opened once more if possible. Threads that share one open file contend for its
/// reference count, which slows short reads down.
fn reopen(file: &Arc<File>) -> Arc<File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    File::open(path).map_or_else(|_| Arc::clone(file), Arc::new)
}

/// Fills `into`. The file was long enough when it was opened.
fn read_exact(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(into, offset)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the file became shorter while it was read")
            }
            _ => error,
        })
}

/// Reads a chunk into a free slot of its set, or into that of the least recently used chunk.
fn load(file: &File, size: u64, index: u64, set: &mut Vec<Chunk>) -> io::Result<usize> {
    let offset = index * FileMemory::chunk_size();
    let length = usize::try_from(size.saturating_sub(offset))
        .unwrap_or(usize::MAX)
        .min(CHUNK);
    let way = if set.len() < WAYS {
        set.push(Chunk {
            index: u64::MAX,
            used: 0,
            bytes: Vec::new(),
        });
        set.len() - 1
    } else {
        set.iter()
            .enumerate()
            .min_by_key(|(_, chunk)| chunk.used)
            .map_or(0, |(way, _)| way)
    };
    let chunk = &mut set[way];
    chunk.index = u64::MAX;
    chunk.bytes.resize(length, 0);
    read_exact(file, &mut chunk.bytes, offset)?;
    chunk.index = index;
    Ok(way)
}

impl Memory for FileMemory {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let fault = ReadFault::of(offset, into);
        let end = offset
            .checked_add(fault.length)
            .filter(|&end| end <= self.size);
        end.ok_or(fault)?;
        let (start, end) = self.uncached.get();
        if into.len() >= CHUNK || (start..end).contains(&offset) {
            return self.pread(offset, into);
        }
        let mut at = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let start = usize::try_from(at % Self::chunk_size()).map_err(|_| fault)?;
            let count = rest.len().min(CHUNK - start);
            let (part, after) = rest.split_at_mut(count);
            self.read_chunk(at / Self::chunk_size(), start, part)?;
            at += u64::try_from(count).map_err(|_| fault)?;
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Debug for FileMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileMemory")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Opens a regular file or a block device. Does not wait for a writer of a FIFO.
fn open_readable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() && !kind.is_block_device() {
        let text = "an image is a regular file or a block device";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(file)
}
