// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of this file system beside others, the rows where others are better first.

/// Figures by row and column; the first column is the product's.
pub(super) struct Comparison {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Comparison {
    /// Returns a table without rows.
    pub(super) fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Sets a figure. Figures of unknown columns are left out.
    pub(super) fn set(&mut self, row: &str, column: &str, figure: f64) {
        let Some(number) = self.columns.iter().position(|known| *known == column) else {
            return;
        };
        let found = self.rows.iter().position(|(known, _)| known == row);
        let found = found.unwrap_or_else(|| {
            let row = (row.to_owned(), vec![None; self.columns.len()]);
            self.rows.push(row);
            self.rows.len() - 1
        });
        self.rows[found].1[number] = Some(figure);
    }

    /// Returns a figure.
    pub(super) fn get(&self, row: &str, column: &str) -> Option<f64> {
        let number = self.columns.iter().position(|known| *known == column)?;
        let (_, figures) = self.rows.iter().find(|(known, _)| known == row)?;
        figures[number]
    }

    /// Returns the names of the rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(name, _)| name.as_str())
    }

    /// Prints a line for each row, under a heading for the rows' names.
    pub(super) fn print(&self, heading: &str) {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|(_, a), (_, b)| standing(b).total_cmp(&standing(a)));
        let columns = self.columns.join(" | ");
        println!("| {heading} | {columns} | ours / best other |");
        println!("|---|{}", "--:|".repeat(self.columns.len() + 1));
        for (name, figures) in rows {
            let cell = |figure: &Option<f64>| figure.map_or("-".to_owned(), |f| format!("{f:.0}"));
            let cells: Vec<String> = figures.iter().map(cell).collect();
            let standing = standing(figures);
            println!("| {name} | {} | {standing:.2} |", cells.join(" | "));
        }
    }
}

/// Returns the first figure divided by the best of the others; 0 where there is no other.
fn standing(figures: &[Option<f64>]) -> f64 {
    let ours = figures.first().copied().flatten().unwrap_or(0.0);
    let others = figures.iter().skip(1).flatten().copied();
    match others.min_by(f64::total_cmp) {
        Some(best) if best > 0.0 => ours / best,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_by_the_best_of_the_others() {
        assert!((standing(&[Some(6.0), Some(4.0), None, Some(3.0)]) - 2.0).abs() < 1e-9);
        assert!(standing(&[Some(6.0), None]) == 0.0);
    }

    #[test]
    fn figures_are_found_by_row_and_column() {
        let mut table = Comparison::new(&["daxfs", "tmpfs"]);
        table.set("mount", "daxfs", 1.0);
        table.set("mount", "ntfs", 1.0);
        assert_eq!(table.get("mount", "daxfs"), Some(1.0));
        assert_eq!(table.get("mount", "tmpfs"), None);
        assert_eq!(table.get("read", "daxfs"), None);
        assert_eq!(table.rows().collect::<Vec<_>>(), ["mount"]);
    }
}
