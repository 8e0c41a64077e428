// SPDX-License-Identifier: MIT OR Apache-2.0
//! The random generator of all tests: SplitMix64, which gives the same numbers for the same seed on
//! every machine.
//!
//! [`Random`] is a sequence of numbers. [`mix`] is one step of it, for a number that depends on
//! another one alone.
#![no_std]

/// The step of the state from one number to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The distance of the states of two numbered sequences of one seed.
const STRIDE: u64 = 0x2545_f491_4f6c_dd1d;

/// A sequence of numbers that a seed determines.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the sequence of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns one of many sequences of a seed, by its number.
    #[must_use]
    pub const fn numbered(seed: u64, number: u64) -> Self {
        Self(mix(seed).wrapping_add(number.wrapping_mul(STRIDE)))
    }

    /// Returns any number.
    pub fn any(&mut self) -> u64 {
        let number = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        number
    }

    /// Returns a number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end.max(1)
    }

    /// Returns an index below `end`; 0 if `end` is 0.
    pub fn index(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.below(end)).unwrap_or(0)
    }

    /// Returns one of the elements.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// Returns the numbers as an endless sequence of bytes.
    pub fn bytes(mut self) -> impl Iterator<Item = u8> {
        core::iter::repeat_with(move || self.any().to_le_bytes()).flatten()
    }
}

/// Returns the first number of the sequence of a seed.
#[must_use]
pub const fn mix(seed: u64) -> u64 {
    let mut number = seed.wrapping_add(STEP);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let numbers = [(); 3].map(|()| random.any());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, published);
        assert_eq!(mix(1_234_567), published[0]);
        let bytes = Random::new(1_234_567).bytes();
        assert!(bytes.take(8).eq(published[0].to_le_bytes()));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut random = Random::numbered(1, 2);
        for end in 1..100 {
            assert!(random.below(end) < end);
            assert!([1, 2, 3].contains(random.pick(&[1, 2, 3])));
        }
        assert_eq!(random.index(0), 0);
    }

    #[test]
    fn sequences_differ_by_seed_and_by_number() {
        let first = |seed, number| Random::numbered(seed, number).any();
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
        assert_eq!(first(1, 1), first(1, 1));
    }
}
