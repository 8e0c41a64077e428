// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks over the whole tree, one entry after another, each directory before its entries.
//!
//! A walk ends on any image, checked or not, after as many steps as the image can have entries: it
//! enters a directory once only, and no two directories whose units overlap.
//!
//! | module | owns |
//! |---|---|
//! | `stored` | a walk in the order of the image, which needs no memory for entries |
//! | `sorted` | a walk in the order of names, which continues after damaged entries |
//! | `listing` | the entries of a directory, sorted by name |
//! | `problems` | problems that do not end a walk |

mod listing;
mod problems;
mod sorted;
mod stored;

pub use listing::{Listed, Listings};
pub use problems::{entered_before, Problems};
pub use sorted::{read_inode, Traversal, Visit};
pub use stored::{Step, Walk};
