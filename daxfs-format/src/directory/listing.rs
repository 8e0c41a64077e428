// SPDX-License-Identifier: MIT OR Apache-2.0
//! Iteration over a directory, with copies of the entries ahead.

use core::mem::size_of;

use zerocopy::FromBytes as _;

use super::cookie::Cookie;
use super::name::has_separator;
use super::unit::{DirEntry, Directory, RawDirEntry};
use crate::error::{Error, Result};
use crate::limits::MAX_NAME;
use crate::memory::{Memory, ReadFault};
use crate::num::{from_usize, to_usize};

/// An entry of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'b> {
    /// The entry.
    pub entry: DirEntry,
    /// Its position.
    pub cookie: Cookie,
    /// Its name, which is valid.
    pub name: &'b [u8],
}

/// A buffer for the entries that an iteration reads ahead, and for their names.
///
/// Entries and names of a directory follow each other in order, so one copy of some hundred bytes
/// serves many of them. The buffer records the image offset of its bytes, hence it serves several
/// directories in turn, but of one image only.
#[derive(Clone, Debug)]
pub struct ListBuf {
    entries: Window<ENTRY_ROOM>,
    names: Window<NAME_ROOM>,
    /// True if `names` holds no byte that is invalid in a name.
    plain: bool,
}

/// The number of bytes of entries and of names that are copied at once. Names are shorter than 48
/// bytes as a rule. A kernel holds the buffer on its stack.
const ENTRY_ROOM: usize = 256;
const NAME_ROOM: usize = 768;

const _: () = assert!(NAME_ROOM >= MAX_NAME);

impl ListBuf {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Window::new(),
            names: Window::new(),
            plain: true,
        }
    }
}

impl Default for ListBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy of contiguous bytes of an image.
#[derive(Clone, Debug)]
struct Window<const N: usize> {
    bytes: [u8; N],
    /// The offset of the bytes in the image.
    start: u64,
    length: usize,
}

/// The fault of a request for more bytes than a window has room for. There is no such request.
#[cold]
fn lost(at: usize, length: usize) -> Error {
    let fault = ReadFault {
        offset: from_usize(at),
        length: from_usize(length),
    };
    fault.into()
}

impl<const N: usize> Window<N> {
    const fn new() -> Self {
        Self {
            bytes: [0; N],
            start: 0,
            length: 0,
        }
    }

    /// The index in the window of the `length` bytes at `offset`, if it holds them.
    #[inline]
    fn index_of(&self, offset: u64, length: usize) -> Option<usize> {
        let start = to_usize(offset.wrapping_sub(self.start));
        let end = start.checked_add(length)?;
        (end <= self.length).then_some(start)
    }

    /// The index in the window of the `length` bytes at `offset`. If it does not hold them, `fill`
    /// copies them to its beginning.
    #[inline]
    fn hold(
        &mut self,
        offset: u64,
        length: usize,
        fill: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<usize> {
        match self.index_of(offset, length) {
            Some(index) => Ok(index),
            None => fill(self).map(|()| 0),
        }
    }

    /// The bytes at an index.
    #[inline]
    fn bytes(&self, at: usize, length: usize) -> Result<&[u8]> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.get(..length).ok_or_else(|| lost(at, length))
    }

    /// All bytes in the window.
    fn all(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Copies bytes from `offset` on as far as there is room, but none from `end` on. There must be
    /// at least `wanted` bytes.
    #[inline(never)]
    fn fill<M: Memory + ?Sized>(
        &mut self,
        memory: &M,
        offset: u64,
        wanted: usize,
        end: u64,
    ) -> Result<()> {
        self.length = 0;
        let length = to_usize(end.saturating_sub(offset)).min(N);
        if length < wanted {
            let length = from_usize(wanted);
            return Err(ReadFault { offset, length }.into());
        }
        let room = self.bytes.get_mut(..length).unwrap_or_default();
        memory.read(offset, room)?;
        self.start = offset;
        self.length = length;
        Ok(())
    }
}

impl Directory {
    /// Copies out entry `index`, through a buffer that holds those after it as well.
    #[inline]
    pub(crate) fn list_entry<'b, M: Memory + ?Sized>(
        &self,
        memory: &M,
        index: u32,
        buffer: &'b mut ListBuf,
    ) -> Result<&'b RawDirEntry> {
        const LENGTH: usize = size_of::<RawDirEntry>();
        let at = self.entry_at(index);
        let entries = &mut buffer.entries;
        let index = entries.hold(at, LENGTH, |entries| {
            entries.fill(memory, at, LENGTH, self.entry_at(self.count))
        })?;
        let bytes = entries.bytes(index, LENGTH)?;
        RawDirEntry::ref_from_bytes(bytes).map_err(|_| lost(index, LENGTH))
    }

    /// Copies out the name of an entry of this directory, through a buffer that holds those after
    /// it as well, and checks that it is valid.
    #[inline]
    pub(crate) fn list_name<'b, M: Memory + ?Sized>(
        &self,
        memory: &M,
        entry: &DirEntry,
        buffer: &'b mut ListBuf,
    ) -> Result<&'b [u8]> {
        let at = self.offset.saturating_add(entry.name_offset.into());
        let length = entry.name_length.into();
        let ListBuf { names, plain, .. } = buffer;
        let index = names.hold(at, length, |names| {
            let end = self.offset.saturating_add(self.length);
            names.fill(memory, at, length, end)?;
            // All their bytes are examined once.
            *plain = !has_separator(names.all());
            Ok(())
        })?;
        let name = names.bytes(index, length)?;
        // A longer name is neither `.` nor `..`, and its length has 8 bits.
        if length < 3 || !*plain {
            self.check_name(entry, name)?;
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that counts how often it is read.
    struct Counting<'m>(&'m [u8], core::cell::Cell<u32>);

    impl Memory for Counting<'_> {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read(&self, offset: u64, into: &mut [u8]) -> core::result::Result<(), ReadFault> {
            self.1.set(self.1.get() + 1);
            self.0.read(offset, into)
        }
    }

    #[test]
    fn a_window_is_filled_when_it_must_be_and_never_beyond_its_end() {
        let bytes: Vec<u8> = (0..100).collect();
        let memory = Counting(&bytes, core::cell::Cell::new(0));
        let mut window = Window::<16>::new();
        let mut get = |offset, length, end| {
            let index = window.hold(offset, length, |window| {
                window.fill(&memory, offset, length, end)
            });
            let held = index.and_then(|index| window.bytes(index, length).map(<[u8]>::to_vec));
            (held, memory.1.get())
        };
        assert_eq!(get(10, 3, 30), (Ok(vec![10, 11, 12]), 1));
        assert_eq!(get(23, 3, 30), (Ok(vec![23, 24, 25]), 1), "still held");
        assert_eq!(get(24, 3, 30), (Ok(vec![24, 25, 26]), 2), "a byte more");
        assert_eq!(get(29, 1, 30), (Ok(vec![29]), 2), "held up to the end");
        assert_eq!(get(30, 1, 31), (Ok(vec![30]), 3), "nothing after it");
        assert_eq!(get(5, 2, 30), (Ok(vec![5, 6]), 4), "before what is held");
        assert!(get(99, 2, 101).0.is_err(), "outside the memory");
        assert_eq!(get(99, 1, 100).0, Ok(vec![99]), "and usable after that");
        assert!(get(3, 2, 4).0.is_err(), "more than there is");
        assert!(get(0, 17, 100).0.is_err(), "more than there is room");
    }
}
