// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes: sets of them, each stored once.
//!
//! ```text
//! section:  0 count u32    4 reserved [u8; 12]    16 table [RawXattrSet; count]    then the sets
//! table:    0 offset u32, from the start of the section    4 length u32
//! set:      attributes, one after another, each padded with zeros to 8 bytes
//! attribute: 0 value_length u32    4 namespace u8    5 name_length u8    6 reserved u16    8 name    value
//! ```
//!
//! Set N (from 1) is at the table's index N - 1; sets follow each other and fill the section.
//! Attributes ascend by namespace, then by name; the name follows the prefix of the namespace.
//!
//! | module | owns |
//! |---|---|
//! | `raw` | the structures as they lie in the image |
//! | `namespace` | namespaces and their prefixes |
//! | `set` | validated sets and attributes, the walk over a set |

mod namespace;
mod raw;
mod set;

pub use namespace::Namespace;
pub(crate) use raw::LEAST_SET;
pub use raw::{
    RawXattr, RawXattrHeader, RawXattrSet, ALIGN_SHIFT, HEADER_SIZE, SET_SIZE, XATTR_SIZE,
};
pub use set::{Xattr, XattrSet, XattrWalk};
