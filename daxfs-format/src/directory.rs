// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory units: sorted entries, followed by their names.
//!
//! ```text
//! entry:  0 hash u32    4 inode u32    8 name_offset u32    12 name_length u16    14 type u8    15 reserved u8
//! unit:   entry 0 .. entry N-1, name 0 .. name N-1
//! ```
//!
//! Entries ascend by name hash, then by name. Names follow each other without gaps, in the order of
//! the entries; `name_offset` counts from the start of the unit. `.` and `..` are not stored.
//!
//! # Lookup
//! Hashes are spread evenly, so the place of one is guessed by interpolation; after a few guesses
//! the search bisects, so that no choice of names makes it much slower than a binary search.
//!
//! # Cookies
//! A position is (hash, rank among equal hashes) and not an index, so that it still means something
//! in a directory to which a branch has added names.

use core::cmp::Ordering;
use core::mem::size_of;

use zerocopy::little_endian::{U16, U32};
use zerocopy::FromBytes as _;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Error, Finding, Object, Result};
use crate::hash::NameHash;
use crate::inode::{FileType, Ino};
use crate::limits::MAX_NAME;
use crate::memory::{read_struct, Memory, ReadFault};
use crate::num::{from_usize, rough_root, to_usize};
use crate::rule::Rule;

/// The length of a directory entry in bytes.
pub const ENTRY_SIZE: u64 = 16;

/// How often a search guesses by interpolation before it bisects.
const GUESSES: u32 = 6;

/// A directory entry as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawDirEntry {
    /// [`NameHash`] of the name.
    pub hash: U32,
    /// The inode number.
    pub inode: U32,
    /// Where the name begins, in bytes from the start of the unit.
    pub name_offset: U32,
    /// The length of the name in bytes.
    pub name_length: U16,
    /// The file type, [`FileType::to_entry`].
    pub file_type: u8,
    /// Zero.
    pub reserved_15: u8,
}

const _: () = assert!(size_of::<RawDirEntry>() == 16);

/// Where a directory's entries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    pub(crate) ino: Ino,
    pub(crate) parent: Ino,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) count: u32,
}

/// A validated directory entry.
///
/// # Invariants
/// The name has 1 to 255 bytes and lies in the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The inode that it names.
    pub ino: Ino,
    /// The type of that inode.
    pub file_type: FileType,
    /// The hash of the name.
    pub hash: NameHash,
    /// Its place among the entries.
    pub(crate) index: u32,
    pub(crate) name_offset: u32,
    pub(crate) name_length: u8,
}

/// An entry that an iteration has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'b> {
    /// The entry.
    pub entry: DirEntry,
    /// Its position.
    pub cookie: Cookie,
    /// Its name, which can be one.
    pub name: &'b [u8],
}

/// Room for a name.
#[derive(Clone, Debug)]
pub struct NameBuf {
    length: u8,
    bytes: [u8; MAX_NAME],
}

impl NameBuf {
    /// Room that holds no name.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            length: 0,
            bytes: [0; MAX_NAME],
        }
    }

    /// The name that was read last.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Room for what an iteration reads ahead: entries, and their names.
///
/// Entries and names of a directory follow each other in order, so one copy of some hundred bytes
/// serves many of them. The room remembers what it holds by its place in the image, hence it serves
/// several directories in turn, but of one image only.
#[derive(Clone, Debug)]
pub struct ListBuf {
    entries: Window<ENTRY_ROOM>,
    names: Window<NAME_ROOM>,
    /// Whether no byte that is held in `names` is one that no name has.
    plain: bool,
}

/// How many bytes of entries and of names are copied at once. Names are shorter than 48 bytes as a
/// rule. A kernel has all this on its stack.
const ENTRY_ROOM: usize = 256;
const NAME_ROOM: usize = 768;

const _: () = assert!(NAME_ROOM >= MAX_NAME);

impl ListBuf {
    /// Room that holds nothing.
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

/// A copy of a contiguous piece of memory.
#[derive(Clone, Debug)]
struct Window<const N: usize> {
    bytes: [u8; N],
    /// Where the piece begins in the image.
    start: u64,
    length: usize,
}

/// The fault for bytes that a window has no room for, which is asked for none.
#[cold]
fn lost(place: usize, length: usize) -> Error {
    let fault = ReadFault {
        offset: from_usize(place),
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

    /// Where in the window the `length` bytes at `offset` are held, if they are.
    #[inline]
    fn place(&self, offset: u64, length: usize) -> Option<usize> {
        let start = to_usize(offset.wrapping_sub(self.start));
        let end = start.checked_add(length)?;
        (end <= self.length).then_some(start)
    }

    /// Where in the window the `length` bytes at `offset` are held. If they are not, `fill` copies them to
    /// its beginning.
    #[inline]
    fn hold(
        &mut self,
        offset: u64,
        length: usize,
        fill: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<usize> {
        match self.place(offset, length) {
            Some(place) => Ok(place),
            None => fill(self).map(|()| 0),
        }
    }

    /// The bytes at a place.
    #[inline]
    fn bytes(&self, place: usize, length: usize) -> Result<&[u8]> {
        let rest = self.bytes.get(place..).unwrap_or_default();
        rest.get(..length).ok_or_else(|| lost(place, length))
    }

    /// All that is held.
    fn all(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Copies as much from `offset` on as there is room for, but nothing from `end` on. There must be
    /// `wanted` bytes.
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

impl Default for NameBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a directory entry may have this name.
#[inline]
#[must_use]
pub fn is_valid_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && name.len() <= MAX_NAME && !has_separator(name)
}

/// Whether any byte is a NUL or a slash. Bytes are looked at word by word, without an end to look for on the
/// way: a listing spent as much time here as on all the rest.
fn has_separator(bytes: &[u8]) -> bool {
    let mut words = bytes.chunks_exact(8);
    let whole = words.by_ref().fold(0, |found, word| {
        found
            | separators(
                word.first_chunk()
                    .map_or(0, |word| u64::from_le_bytes(*word)),
            )
    });
    whole != 0
        || words
            .remainder()
            .iter()
            .any(|&byte| byte == 0 || byte == b'/')
}

/// The upper bit of the lowest byte of a word that is a NUL, and of the lowest that is a slash, and perhaps
/// of some above these.
#[inline]
fn separators(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const SLASHES: u64 = u64::from_le_bytes([b'/'; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    zeros(word) | zeros(word ^ SLASHES)
}

/// A position in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie {
    /// The hash of the entry.
    pub hash: NameHash,
    /// How many entries with the same hash come before it.
    pub rank: u32,
}

impl Cookie {
    /// The position of the first entry.
    pub const START: Self = Self {
        hash: NameHash(0),
        rank: 0,
    };

    /// The position after the entry at this one.
    #[inline]
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            hash: self.hash,
            rank: self.rank.saturating_add(1),
        }
    }

    const RANK_BITS: u32 = 31;
    /// Ranks 0 and 1 of hash 0 stand for `.` and `..`.
    const DOTS: u32 = 2;

    /// The position as a directory offset of Linux: 2 and above, within `loff_t`.
    #[inline]
    #[must_use]
    pub fn to_offset(self) -> u64 {
        let rank = u64::from(self.rank).saturating_add(Self::DOTS.into());
        let rank = rank.min(0x7fff_ffff);
        (u64::from(self.hash.0) << Self::RANK_BITS) | rank
    }

    /// The position that an offset stands for. Any offset is some position.
    #[must_use]
    pub fn from_offset(offset: u64) -> Self {
        let hash = (offset >> Self::RANK_BITS) & 0xffff_ffff;
        let rank = u32::try_from(offset & 0x7fff_ffff).unwrap_or(u32::MAX);
        Self {
            hash: NameHash(u32::try_from(hash).unwrap_or(u32::MAX)),
            rank: rank.saturating_sub(Self::DOTS),
        }
    }
}

impl Directory {
    /// The directory's inode number.
    #[must_use]
    pub fn ino(&self) -> Ino {
        self.ino
    }

    /// The inode number of the directory that holds this one; the root is its own.
    #[must_use]
    pub fn parent(&self) -> Ino {
        self.parent
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where the unit begins, in bytes from the start of the image; 0 without entries.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the unit in bytes.
    #[must_use]
    pub fn unit_length(&self) -> u64 {
        self.length
    }

    /// Where entry `index` lies in the image.
    #[inline]
    pub(crate) fn entry_at(&self, index: u32) -> u64 {
        self.offset
            .saturating_add(u64::from(index).saturating_mul(ENTRY_SIZE))
    }

    pub(crate) fn finding(&self, index: u32, field: u64, rule: Rule, value: u64) -> Finding {
        let object = Object::Entry {
            directory: self.ino,
            index,
        };
        Finding {
            object,
            offset: self.entry_at(index).saturating_add(field),
            rule,
            value,
        }
    }

    #[inline]
    pub(crate) fn raw_entry<M: Memory + ?Sized>(
        &self,
        memory: &M,
        index: u32,
    ) -> Result<RawDirEntry> {
        read_struct(memory, self.entry_at(index)).map_err(Error::from)
    }

    /// Validates a copy of entry `index`.
    #[inline]
    pub(crate) fn validate(&self, raw: &RawDirEntry, index: u32) -> Result<DirEntry> {
        let fail = |field, rule, value| Error::from(self.finding(index, field, rule, value));
        let ino = Ino::new(raw.inode.get())
            .ok_or_else(|| fail(4, Rule::EntryInode, raw.inode.get().into()))?;
        let file_type = FileType::from_entry(raw.file_type)
            .ok_or_else(|| fail(14, Rule::EntryType, raw.file_type.into()))?;
        let length = raw.name_length.get();
        let name_length = u8::try_from(length)
            .ok()
            .filter(|&length| length != 0)
            .ok_or_else(|| fail(12, Rule::EntryName, length.into()))?;
        let name_offset = raw.name_offset.get();
        let end = u64::from(name_offset).saturating_add(length.into());
        if end > self.length {
            return Err(fail(8, Rule::DirectoryShape, name_offset.into()));
        }
        let hash = NameHash(raw.hash.get());
        Ok(DirEntry {
            ino,
            file_type,
            hash,
            index,
            name_offset,
            name_length,
        })
    }

    /// Checks that the name of an entry of this directory can be one.
    #[inline]
    pub(crate) fn check_name(&self, entry: &DirEntry, name: &[u8]) -> Result<()> {
        if is_valid_name(name) {
            return Ok(());
        }
        Err(self.name_finding(entry, name).into())
    }

    /// The finding of a name that is none: at its first byte that no name has, or that it begins with.
    #[cold]
    fn name_finding(&self, entry: &DirEntry, name: &[u8]) -> Finding {
        let at = name.iter().position(|byte| matches!(byte, 0 | b'/'));
        let at = at.unwrap_or_default();
        let Directory { ino, offset, .. } = *self;
        let offset = offset.saturating_add(entry.name_offset.into());
        Finding {
            object: Object::Entry {
                directory: ino,
                index: entry.index,
            },
            offset: offset.saturating_add(from_usize(at)),
            rule: Rule::EntryName,
            value: name.get(at).copied().unwrap_or_default().into(),
        }
    }

    /// Copies out entry `index`, through room that holds those after it as well.
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
        let place = entries.hold(at, LENGTH, |entries| {
            entries.fill(memory, at, LENGTH, self.entry_at(self.count))
        })?;
        let bytes = entries.bytes(place, LENGTH)?;
        RawDirEntry::ref_from_bytes(bytes).map_err(|_| lost(place, LENGTH))
    }

    /// Copies out the name of an entry of this directory, through room that holds those after it as
    /// well, and checks that it can be one.
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
        let place = names.hold(at, length, |names| {
            let end = self.offset.saturating_add(self.length);
            names.fill(memory, at, length, end)?;
            // All their bytes are looked at once.
            *plain = !has_separator(names.all());
            Ok(())
        })?;
        let name = names.bytes(place, length)?;
        // A longer one is no dots, and has no more bytes than any name.
        if length < 3 || !*plain {
            self.check_name(entry, name)?;
        }
        Ok(name)
    }

    /// Copies the name of an entry of this directory into `buffer`.
    #[inline]
    pub(crate) fn read_name<'a, M: Memory + ?Sized>(
        &self,
        memory: &M,
        entry: &DirEntry,
        buffer: &'a mut NameBuf,
    ) -> Result<&'a [u8]> {
        buffer.length = 0;
        let room = buffer
            .bytes
            .get_mut(..usize::from(entry.name_length))
            .unwrap_or_default();
        memory.read(self.offset.saturating_add(entry.name_offset.into()), room)?;
        buffer.length = entry.name_length;
        Ok(buffer.as_bytes())
    }

    /// The index of the first entry for which `order` is not `Less`, and the entry if it is `Equal`.
    ///
    /// `order` compares an entry with what is sought, and must agree with `hash`.
    fn search<M: Memory + ?Sized>(
        &self,
        memory: &M,
        hash: NameHash,
        mut order: impl FnMut(&RawDirEntry, u32) -> Result<Ordering>,
    ) -> Result<(u32, Option<RawDirEntry>)> {
        let mut range = SearchRange::new(self.count);
        while let Some(probe) = range.probe(hash) {
            let raw = self.raw_entry(memory, probe)?;
            match order(&raw, probe)? {
                Ordering::Equal => return Ok((probe, Some(raw))),
                Ordering::Less => range.raise(probe, raw.hash.get()),
                Ordering::Greater => range.lower(probe, raw.hash.get()),
            }
        }
        Ok((range.low, None))
    }

    /// The entry with this name, which hashes to `hash`.
    pub(crate) fn find<M: Memory + ?Sized>(
        &self,
        memory: &M,
        name: &[u8],
        hash: NameHash,
    ) -> Result<Option<DirEntry>> {
        let mut buffer = NameBuf::new();
        let (index, found) = self.search(memory, hash, |raw, index| {
            match NameHash(raw.hash.get()).cmp(&hash) {
                Ordering::Equal => {
                    let entry = self.validate(raw, index)?;
                    Ok(self.read_name(memory, &entry, &mut buffer)?.cmp(name))
                }
                unequal => Ok(unequal),
            }
        })?;
        found.map(|raw| self.validate(&raw, index)).transpose()
    }

    /// The index of the first entry whose hash is not below `hash`.
    fn lower_bound<M: Memory + ?Sized>(&self, memory: &M, hash: u64) -> Result<u32> {
        let near = NameHash(u32::try_from(hash).unwrap_or(u32::MAX));
        let (index, _) = self.search(memory, near, |raw, _| {
            Ok(if u64::from(raw.hash.get()) < hash {
                Ordering::Less
            } else {
                Ordering::Greater
            })
        })?;
        Ok(index)
    }

    /// Whether a position is behind the last entry, as far as can be told by a look at the last two: every
    /// listing ends at the one after the last.
    fn ends_before<M: Memory + ?Sized>(&self, memory: &M, cookie: Cookie) -> Result<bool> {
        let hash_of = |back| -> Result<Option<u32>> {
            let index = self.count.checked_sub(back);
            let raw = index.map(|index| self.raw_entry(memory, index));
            Ok(raw.transpose()?.map(|raw| raw.hash.get()))
        };
        let (last, sought) = (hash_of(1)?, Some(cookie.hash.0));
        Ok(last < sought || (last == sought && cookie.rank != 0 && hash_of(2)? < sought))
    }

    /// The position of a cookie: the first entry that does not come before it.
    pub(crate) fn seek<M: Memory + ?Sized>(&self, memory: &M, cookie: Cookie) -> Result<Position> {
        let index = if cookie == Cookie::START {
            0
        } else if self.ends_before(memory, cookie)? {
            self.count
        } else {
            let hash = u64::from(cookie.hash.0);
            let first = self.lower_bound(memory, hash)?;
            let index = first.saturating_add(cookie.rank);
            if index == first {
                first
            } else {
                let next = self.lower_bound(memory, hash.saturating_add(1))?;
                index.min(next.max(first))
            }
        };
        Ok(Position {
            index,
            floor: cookie,
        })
    }
}

/// Where an iteration over a directory stands.
///
/// # Invariants
/// What comes next does not come before `floor`, so that cookies only ever grow, from one call of
/// an iteration to the next as well, whatever the entries say.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// The next entry.
    pub(crate) index: u32,
    floor: Cookie,
}

impl Position {
    /// The position behind the entry that was come to last, or the one that was sought.
    #[inline]
    #[must_use]
    pub fn cookie(&self) -> Cookie {
        self.floor
    }

    /// Whether nothing comes after this position in its directory.
    #[inline]
    #[must_use]
    pub fn is_at_end(&self, directory: &Directory) -> bool {
        self.index >= directory.count
    }

    /// Takes an entry with this hash at this position and returns its cookie, or `None` if the entry
    /// comes before what was sought or seen.
    #[inline]
    pub(crate) fn take(&mut self, hash: NameHash) -> Option<Cookie> {
        let rank = if hash > self.floor.hash {
            0
        } else if hash == self.floor.hash {
            self.floor.rank
        } else {
            return None;
        };
        let cookie = Cookie { hash, rank };
        self.floor = cookie.next();
        Some(cookie)
    }
}

/// The part of a directory that may still hold what is sought.
///
/// # Invariants
/// `low <= high`; every step makes the range shorter, whatever the hashes are.
struct SearchRange {
    low: u32,
    high: u32,
    low_hash: u32,
    high_hash: u32,
    guesses: u32,
    missed: Missed,
}

/// On which side of the last guess the target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missed {
    Nothing,
    Above,
    Below,
}

impl SearchRange {
    fn new(count: u32) -> Self {
        Self {
            low: 0,
            high: count,
            low_hash: 0,
            high_hash: u32::MAX,
            guesses: GUESSES,
            missed: Missed::Nothing,
        }
    }

    /// An index in the range, or `None` when it is empty.
    fn probe(&mut self, hash: NameHash) -> Option<u32> {
        let length = self
            .high
            .checked_sub(self.low)
            .filter(|&length| length != 0)?;
        let steps = if self.guesses == 0 || length < 4 {
            length >> 1
        } else {
            self.guesses = self.guesses.saturating_sub(1);
            self.interpolate(hash, length)
        };
        Some(self.low.saturating_add(steps))
    }

    /// How far into `length` entries the hash lies if hashes are spread evenly.
    ///
    /// Guesses tend to fall short on the same side again and again. After a miss the next one
    /// therefore goes beyond the target, by what an even spread deviates from itself.
    fn interpolate(&self, hash: NameHash, length: u32) -> u32 {
        let last = length.saturating_sub(1);
        let into = u64::from(hash.0.saturating_sub(self.low_hash));
        let span = u64::from(self.high_hash.saturating_sub(self.low_hash)).saturating_add(1);
        let steps = into
            .saturating_mul(length.into())
            .checked_div(span)
            .unwrap_or_default();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX).min(last);
        let deviation = rough_root(steps.min(last.saturating_sub(steps)));
        let margin = (deviation >> 1).saturating_add(1);
        match self.missed {
            Missed::Nothing => steps,
            Missed::Above => steps.saturating_add(margin).min(last),
            Missed::Below => steps.saturating_sub(margin),
        }
    }

    fn raise(&mut self, probe: u32, hash: u32) {
        self.low = probe.saturating_add(1).min(self.high);
        self.low_hash = hash;
        self.missed = Missed::Above;
    }

    fn lower(&mut self, probe: u32, hash: u32) {
        self.high = probe.max(self.low);
        self.high_hash = hash;
        self.missed = Missed::Below;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_cannot_hold_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0b", &[b'x'; 256]] {
            assert!(!is_valid_name(name), "{name:?}");
        }
        for name in [&b"..."[..], b"\xff\xfe", b" ", &[b'x'; 255]] {
            assert!(is_valid_name(name), "{name:?}");
        }
    }

    /// Words of eight bytes are looked at, so each place in a word and each length counts.
    #[test]
    fn a_separator_is_found_wherever_it_is() {
        for length in 3..40 {
            let name: Vec<u8> = (1..=length).map(|i| 0x2e + (i % 2) * 0xd1).collect();
            let name: Vec<u8> = name
                .iter()
                .map(|&b| if b == b'/' { b'0' } else { b })
                .collect();
            assert!(is_valid_name(&name), "{name:?}");
            for at in 0..name.len() {
                for byte in [0, b'/'] {
                    let mut name = name.clone();
                    name[at] = byte;
                    assert!(!is_valid_name(&name), "{name:?}");
                }
                // Two at the same place of neighbouring words must not cancel each other.
                let mut twice = name.clone();
                twice[at] = b'/';
                if let Some(byte) = twice.get_mut(at + 8) {
                    *byte = b'/';
                    assert!(!is_valid_name(&twice), "{twice:?}");
                }
                for byte in [1, 0x2e, 0x30, 0x7f, 0x80, 0xaf, 0xff] {
                    let mut name = name.clone();
                    name[at] = byte;
                    assert!(is_valid_name(&name), "{name:?}");
                }
            }
        }
    }

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
            let place = window.hold(offset, length, |window| {
                window.fill(&memory, offset, length, end)
            });
            let held = place.and_then(|place| window.bytes(place, length).map(<[u8]>::to_vec));
            (held, memory.1.get())
        };
        assert_eq!(get(10, 3, 30), (Ok(vec![10, 11, 12]), 1));
        assert_eq!(get(23, 3, 30), (Ok(vec![23, 24, 25]), 1), "still held");
        assert_eq!(get(24, 3, 30), (Ok(vec![24, 25, 26]), 2), "a byte more");
        assert_eq!(get(29, 1, 30), (Ok(vec![29]), 2), "held up to the end");
        assert_eq!(get(30, 1, 31), (Ok(vec![30]), 3), "nothing beyond it");
        assert_eq!(get(5, 2, 30), (Ok(vec![5, 6]), 4), "before what is held");
        assert!(get(99, 2, 101).0.is_err(), "outside the memory");
        assert_eq!(get(99, 1, 100).0, Ok(vec![99]), "and usable after that");
        assert!(get(3, 2, 4).0.is_err(), "more than there is");
        assert!(get(0, 17, 100).0.is_err(), "more than there is room");
    }

    #[test]
    fn cookies_survive_the_offset_and_leave_room_for_the_dots() {
        assert_eq!(Cookie::START.to_offset(), 2);
        for (hash, rank) in [(0, 0), (0, 7), (1, 0), (u32::MAX, (1 << 28) - 1)] {
            let cookie = Cookie {
                hash: NameHash(hash),
                rank,
            };
            let offset = cookie.to_offset();
            assert!(i64::try_from(offset).is_ok());
            assert_eq!(Cookie::from_offset(offset), cookie);
        }
    }

    /// With the mean of plain interpolation but without a margin, one lookup in a hundred took as
    /// many probes as a bisection.
    #[test]
    fn lookups_in_a_large_directory_take_few_probes() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).unwrap()
        };
        let mut hashes: Vec<u32> = (0..1_000_000).map(|_| random()).collect();
        hashes.sort_unstable();
        let mut counts: Vec<u32> = (0..10_000)
            .map(|_| {
                let target = hashes[usize::try_from(random()).unwrap() % hashes.len()];
                let mut range = SearchRange::new(1_000_000);
                let mut probes = 0;
                while let Some(probe) = range.probe(NameHash(target)) {
                    probes += 1;
                    let found = hashes[usize::try_from(probe).unwrap()];
                    match found.cmp(&target) {
                        Ordering::Equal => break,
                        Ordering::Less => range.raise(probe, found),
                        Ordering::Greater => range.lower(probe, found),
                    }
                }
                probes
            })
            .collect();
        counts.sort_unstable();
        assert!(counts[5_000] <= 6, "median {}", counts[5_000]);
        assert!(counts[9_900] <= 9, "99 % {}", counts[9_900]);
    }

    #[test]
    fn positions_never_go_back() {
        let sought = Cookie {
            hash: NameHash(5),
            rank: 2,
        };
        let mut position = Position {
            index: 0,
            floor: sought,
        };
        assert_eq!(position.take(NameHash(4)), None);
        assert_eq!(position.take(NameHash(5)), Some(sought));
        assert_eq!(position.take(NameHash(5)), Some(sought.next()));
        assert_eq!(
            position.take(NameHash(9)),
            Some(Cookie {
                hash: NameHash(9),
                rank: 0
            })
        );
        assert_eq!(position.take(NameHash(5)), None);
    }

    #[test]
    fn a_search_ends_whatever_the_probes_say() {
        // Each answer is the least helpful one; the bound is guesses plus a bisection of 2^32.
        for answer in [Ordering::Less, Ordering::Greater] {
            for hash in [0, 1, u32::MAX / 2, u32::MAX] {
                let mut range = SearchRange::new(u32::MAX);
                let mut probes = 0;
                while let Some(probe) = range.probe(NameHash(hash)) {
                    probes += 1;
                    match answer {
                        Ordering::Less => range.raise(probe, hash),
                        _ => range.lower(probe, hash),
                    }
                }
                assert!(probes <= GUESSES + 33, "{probes}");
            }
        }
    }
}
