// SPDX-License-Identifier: MIT OR Apache-2.0
//! Positions in a directory.

use super::unit::Directory;
use crate::hash::NameHash;

/// A position in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie {
    /// The hash of the entry.
    pub hash: NameHash,
    /// The number of entries with the same hash before it.
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

    /// The position as a directory offset of Linux: at least 2, within `loff_t`.
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

/// The state of an iteration over a directory.
///
/// # Invariants
/// The next entry does not come before `floor`, so cookies only ever grow, from one call of an
/// iteration to the next as well, whatever the entries state.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// The next entry.
    pub(crate) index: u32,
    pub(super) floor: Cookie,
}

impl Position {
    /// The position after the last entry of the iteration, or the one that was sought.
    #[inline]
    #[must_use]
    pub fn cookie(&self) -> Cookie {
        self.floor
    }

    /// Returns true if no entry follows in the directory.
    #[inline]
    #[must_use]
    pub fn is_at_end(&self, directory: &Directory) -> bool {
        self.index >= directory.count
    }

    /// Takes an entry with this hash at this position and returns its cookie, or `None` if the
    /// entry comes before the position that was sought or an entry that was seen.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
