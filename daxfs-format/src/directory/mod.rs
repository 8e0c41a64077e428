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
//! Hashes are spread evenly, so the index of one is guessed by interpolation. After a few guesses
//! the search bisects, so that no choice of names makes it much slower than a binary search.
//!
//! # Cookies
//! A position is (hash, rank among equal hashes) and not an index, so that it stays valid in a
//! directory to which a branch has added names.
//!
//! | module | owns |
//! |---|---|
//! | `unit` | the unit and its entries, raw and validated |
//! | `name` | buffers for names, and the bytes that a name may have |
//! | `cookie` | positions in a directory |
//! | `search` | lookup by name, and by cookie |
//! | `listing` | iteration, with copies of the entries ahead |

mod cookie;
mod listing;
mod name;
mod search;
mod unit;

pub use cookie::{Cookie, Position};
pub use listing::{ListBuf, Listed};
pub use name::{is_valid_name, NameBuf};
pub use unit::{DirEntry, Directory, RawDirEntry, ENTRY_SIZE};
