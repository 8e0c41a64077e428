// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures among the notes of a case: each is a cell of a table that the host prints.

use std::fmt;

/// The beginning of a note that is a cell.
const PREFIX: &str = "cell|";

/// A cell of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The title of the table.
    pub table: &'a str,
    /// The row.
    pub row: &'a str,
    /// The column: a file system.
    pub column: &'a str,
    /// The figure or the outcome.
    pub value: &'a str,
}

impl<'a> Cell<'a> {
    /// Returns the cell in the text of a note, if it is one.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.strip_prefix(PREFIX)?.splitn(4, '|');
        Some(Self {
            table: fields.next()?,
            row: fields.next()?,
            column: fields.next()?,
            value: fields.next()?,
        })
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            row,
            column,
            value,
        } = self;
        write!(f, "{PREFIX}{table}|{row}|{column}|{value}")
    }
}

/// The columns of `cargo xtask bench mount`, the product's first.
pub const MOUNT_COLUMNS: [&str; 7] = [
    "daxfs",
    "erofs-dax",
    "erofs",
    "erofs-share",
    "ext4-dax",
    "tmpfs",
    "tmpfs-huge",
];

/// The columns of `cargo xtask bench share`, the product's first.
pub const SHARE_COLUMNS: [&str; 5] = ["daxfs", "erofs-shared", "erofs-dax", "erofs", "tmpfs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_survives_printing_and_parsing() {
        let cell = Cell {
            table: "t",
            row: "one",
            column: "daxfs",
            value: "2|3",
        };
        assert_eq!(Cell::parse(&cell.to_string()), Some(cell));
        assert_eq!(Cell::parse("cell|t|one|daxfs"), None);
        assert_eq!(Cell::parse("something else"), None);
    }
}
