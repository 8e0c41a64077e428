// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of several file systems, from the cells that guests note.

use daxfs_vm_protocol::Cell;

use super::report::Note;

/// A table: its title, its columns, and its rows with their cells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<(String, String)>)>,
}

/// Prints all tables, each in the order in which its cells came.
pub(super) fn print(notes: &[Note]) {
    for table in collect(notes) {
        println!("\n{}\n\n{}", table.name, table.text());
    }
}

fn collect(notes: &[Note]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for cell in notes.iter().filter_map(|note| Cell::parse(&note.text)) {
        let table = entry(
            &mut tables,
            |table| table.name == cell.table,
            || Table {
                name: cell.table.to_owned(),
                ..Table::default()
            },
        );
        entry(
            &mut table.columns,
            |known| known == cell.column,
            || cell.column.to_owned(),
        );
        let (_, cells) = entry(
            &mut table.rows,
            |(known, _)| known == cell.row,
            || (cell.row.to_owned(), Vec::new()),
        );
        cells.push((cell.column.to_owned(), cell.value.to_owned()));
    }
    tables
}

/// Returns an element of a list, added if it is missing.
fn entry<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let index = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[index]
}

impl Table {
    fn text(&self) -> String {
        let mut text = format!(
            "| | {} |\n|---|{}\n",
            self.columns.join(" | "),
            "--:|".repeat(self.columns.len())
        );
        for (row, cells) in &self.rows {
            let value = |column: &String| {
                cells
                    .iter()
                    .find(|(known, _)| known == column)
                    .map_or("-", |(_, value)| value)
            };
            let values: Vec<&str> = self.columns.iter().map(value).collect();
            text.push_str(&format!("| {row} | {} |\n", values.join(" | ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_find_their_place_and_absent_ones_are_shown() {
        let notes = [
            "cell|t|one|x|1",
            "cell|t|one|y|2|3",
            "something else",
            "cell|t|two|y|4",
        ]
        .map(|text| Note {
            case: "a".to_owned(),
            text: text.to_owned(),
        });
        let tables = collect(&notes);
        let text = "| | x | y |\n|---|--:|--:|\n| one | 1 | 2|3 |\n| two | - | 4 |\n";
        assert_eq!(tables.iter().map(Table::text).collect::<Vec<_>>(), [text]);
    }
}
