// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents and the digests that name them.
//!
//! Every regular file with bytes has a content number. Files with the same number share their
//! bytes. The digest section, where there is one, is an array of 32-byte slots: the header in slot
//! 0, then the digest of content N in slot N.
//!
//! ```text
//! 0  algorithm u32    4  block_size u32    8  reserved [u8; 24]
//! ```

use core::mem::size_of;

use zerocopy::little_endian::U32;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Finding, Object, Result};
use crate::kinds::SectionKind;
use crate::rule::Rule;

/// The length of a slot of the digest section in bytes.
pub const DIGEST_SIZE: u64 = 32;

/// The first slot of the digest section.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawDigestHeader {
    /// [`ALGORITHM_SHA256`].
    pub algorithm: U32,
    /// The size of the block that a digest covers: [`BLOCK_WHOLE`].
    pub block_size: U32,
    /// Zero.
    pub reserved_8: [u8; 24],
}

const _: () = assert!(size_of::<RawDigestHeader>() == 32);

impl RawDigestHeader {
    /// Checks that digests are of the known kind. `at` is the offset of the header in the image.
    pub(crate) fn validate(&self, at: u64) -> Result<()> {
        let fail = |field: u64, value| {
            Finding::new(
                Object::Section(SectionKind::Digests),
                at.saturating_add(field),
                Rule::DigestHeader,
                value,
            )
        };
        if self.algorithm.get() != ALGORITHM_SHA256 {
            return Err(fail(0, self.algorithm.get().into()).into());
        }
        if self.block_size.get() != BLOCK_WHOLE {
            return Err(fail(4, self.block_size.get().into()).into());
        }
        let object = Object::Section(SectionKind::Digests);
        let reserved = at.saturating_add(8);
        Finding::require_zero(object, Rule::DigestHeader, reserved, &self.reserved_8)?;
        Ok(())
    }
}

/// The number of SHA-256.
pub const ALGORITHM_SHA256: u32 = 1;

/// The block size of digests that cover whole contents.
pub const BLOCK_WHOLE: u32 = 0;
