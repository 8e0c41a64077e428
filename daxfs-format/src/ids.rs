// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers that name the objects of an image. They count from 1; 0 names no object.

use core::fmt;
use core::num::NonZeroU32;

use crate::limits::MAX_INO;

/// An inode number: 1 to [`MAX_INO`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ino(NonZeroU32);

impl Ino {
    /// The inode with this number, if it is in range.
    #[inline]
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number)
            .filter(|number| number.get() <= MAX_INO)
            .map(Self)
    }

    /// The number.
    #[inline]
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Ino {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Defines a number of which only 0 is invalid.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The number, unless it is 0.
            #[must_use]
            pub fn new(number: u32) -> Option<Self> {
                NonZeroU32::new(number).map(Self)
            }

            /// The number.
            #[must_use]
            pub fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The number of a content, from 1.
    ContentId
}

number! {
    /// The number of an attribute set, from 1.
    XattrSetId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inode_numbers_end_where_branches_begin() {
        assert_eq!(Ino::new(0), None);
        assert_eq!(Ino::new(MAX_INO).map(Ino::get), Some(MAX_INO));
        assert_eq!(Ino::new(MAX_INO + 1), None);
    }
}
