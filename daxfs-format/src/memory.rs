// SPDX-License-Identifier: MIT OR Apache-2.0
//! The copy-out trait through which every byte of an image is read.

use core::fmt;
use core::mem::size_of;
use core::ops::ControlFlow;

use zerocopy::{FromBytes, IntoBytes};

use crate::num::{from_usize, len64, offsets_from, to_usize};

/// Memory that holds an image, and that others may write at any time.
///
/// Nothing can be borrowed from it: bytes are copied out, and two reads of the same bytes may
/// differ. Implementations check bounds and report every failure, including poisoned memory, as an
/// error.
pub trait Memory {
    /// The size in bytes. It must not grow during the life of an [`Image`](crate::Image).
    fn size(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadFault`] if any of the bytes lies outside the memory or cannot be read.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault>;
}

/// Bytes that could not be read: outside the memory, or refused by the layer below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFault {
    /// The offset of the read, in bytes from the start of the image.
    pub offset: u64,
    /// The number of requested bytes.
    pub length: u64,
}

impl ReadFault {
    /// The fault of a read of `into` at `offset`.
    #[must_use]
    pub fn of(offset: u64, into: &[u8]) -> Self {
        Self {
            offset,
            length: len64(into),
        }
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes at offset {:#x} cannot be read",
            self.length, self.offset
        )
    }
}

impl core::error::Error for ReadFault {}

impl<M: Memory + ?Sized> Memory for &M {
    fn size(&self) -> u64 {
        (**self).size()
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        (**self).read(offset, into)
    }
}

impl Memory for [u8] {
    fn size(&self) -> u64 {
        len64(self)
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let source = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..)?.get(..into.len()));
        into.copy_from_slice(source.ok_or(ReadFault::of(offset, into))?);
        Ok(())
    }
}

/// Copies one structure out.
#[inline]
pub(crate) fn read_struct<T, M>(memory: &M, offset: u64) -> Result<T, ReadFault>
where
    T: FromBytes + IntoBytes,
    M: Memory + ?Sized,
{
    let mut value = T::new_zeroed();
    memory.read(offset, value.as_mut_bytes())?;
    Ok(value)
}

/// Passes the bytes of a range to `each`, in parts that fill the buffer.
///
/// # Errors
/// [`ReadFault`] from the memory, or for an empty `buffer`, through which no byte can be read.
pub fn for_each_chunk<M: Memory + ?Sized>(
    memory: &M,
    offset: u64,
    length: u64,
    buffer: &mut [u8],
    mut each: impl FnMut(&[u8]),
) -> Result<(), ReadFault> {
    try_each_chunk(memory, offset, length, buffer, |_, chunk| {
        each(chunk);
        ControlFlow::Continue(())
    })
}

/// As [`for_each_chunk`]; `each` also gets the offset of the bytes, and can end the loop.
fn try_each_chunk<M: Memory + ?Sized>(
    memory: &M,
    offset: u64,
    length: u64,
    buffer: &mut [u8],
    mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<(), ReadFault> {
    let fault = ReadFault { offset, length };
    let end = offset.checked_add(length).ok_or(fault)?;
    let step = from_usize(buffer.len());
    let mut at = offset;
    while at < end {
        let count = end.saturating_sub(at).min(step);
        let chunk = buffer
            .get_mut(..to_usize(count))
            .filter(|chunk| !chunk.is_empty());
        let chunk = chunk.ok_or(fault)?;
        memory.read(at, chunk)?;
        if each(at, chunk).is_break() {
            break;
        }
        at = at.saturating_add(count);
    }
    Ok(())
}

/// Finds the first byte in a range that is not zero: its offset and its value.
///
/// # Errors
/// [`ReadFault`] as [`for_each_chunk`].
pub fn find_nonzero<M: Memory + ?Sized>(
    memory: &M,
    offset: u64,
    length: u64,
    buffer: &mut [u8],
) -> Result<Option<(u64, u8)>, ReadFault> {
    let mut found = None;
    try_each_chunk(memory, offset, length, buffer, |at, chunk| {
        if is_zero(chunk) {
            return ControlFlow::Continue(());
        }
        found = offsets_from(at)
            .zip(chunk.iter().copied())
            .find(|&(_, byte)| byte != 0);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Returns true if all bytes are zero. The folds have no early exit, so that the compiler can use
/// the widest registers of the processor; in a kernel that is a word.
fn is_zero(bytes: &[u8]) -> bool {
    let mut words = bytes.chunks_exact(size_of::<u64>());
    let all = words.by_ref().fold(0, |all, word| {
        all | word
            .first_chunk()
            .map_or(0, |word| u64::from_ne_bytes(*word))
    });
    all == 0 && words.remainder().iter().fold(0, |all, byte| all | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The search goes by words: each index in a word matters, and equal bytes of two words must
    /// not cancel each other.
    #[test]
    fn the_first_byte_that_is_not_zero_is_found_where_it_is() {
        for (length, at) in (0..50_usize).flat_map(|length| (0..length).map(move |at| (length, at)))
        {
            for distance in [1, 2, 8, 16] {
                let mut bytes = vec![0; length];
                bytes[at] = 3;
                if let Some(byte) = bytes.get_mut(at + distance) {
                    *byte = 3;
                }
                for buffer in [&mut [0; 7][..], &mut [0; 64]] {
                    let found = find_nonzero(&bytes[..], 0, bytes.size(), buffer);
                    let expected = (from_usize(at), 3);
                    assert_eq!(found, Ok(Some(expected)), "{length} {at} {distance}");
                }
            }
        }
        let zeros = [0; 50];
        assert_eq!(find_nonzero(&zeros[..], 0, 50, &mut [0; 16]), Ok(None));
    }
}
