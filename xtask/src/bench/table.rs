// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows with goals, printed losses first.

use std::cmp::Ordering;
use std::time::Duration;

/// One comparison: our figure, the other figure, and the goal for their ratio.
#[derive(Clone, Debug)]
pub(super) struct Row {
    what: String,
    ours: String,
    other: String,
    ratio: f64,
    goal: Option<f64>,
}

impl Row {
    /// Compares two times.
    pub(super) fn times(
        what: impl Into<String>,
        ours: Duration,
        other: Duration,
        goal: Option<f64>,
    ) -> Self {
        let ratio = ours.as_secs_f64() / other.as_secs_f64();
        Self {
            what: what.into(),
            ours: time(ours),
            other: time(other),
            ratio,
            goal,
        }
    }

    /// The same with a ratio that is not that of the two times, such as a median of ratios.
    pub(super) fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// Compares two amounts of bytes.
    pub(super) fn bytes(what: impl Into<String>, ours: u64, other: u64, goal: Option<f64>) -> Self {
        let ratio = float(ours) / float(other);
        Self {
            what: what.into(),
            ours: bytes(ours),
            other: bytes(other),
            ratio,
            goal,
        }
    }

    /// Returns the ratio to the goal; above 1 the row is a loss. Without a goal, parity is the goal.
    fn distance(&self) -> f64 {
        self.ratio / self.goal.unwrap_or(1.0)
    }

    fn verdict(&self) -> &'static str {
        match (self.goal, self.distance() > 1.0) {
            (Some(_), true) => "MISSED",
            (Some(_), false) => "met",
            (None, true) => "behind",
            (None, false) => "ahead",
        }
    }

    /// Orders missed goals first, then the other losses, each from the largest distance down.
    fn order(&self, other: &Self) -> Ordering {
        let class = |row: &Self| (row.distance() <= 1.0, row.goal.is_none());
        class(self)
            .cmp(&class(other))
            .then(other.distance().total_cmp(&self.distance()))
    }
}

/// Prints all rows, losses first.
pub(super) fn print(title: &str, mut rows: Vec<Row>) {
    rows.sort_by(Row::order);
    println!("\n{title}: losses first");
    println!("| row | ours | other | ratio | goal | |");
    println!("|---|--:|--:|--:|--:|---|");
    for row in &rows {
        let goal = row
            .goal
            .map_or_else(|| "-".to_owned(), |goal| format!("{goal:.2}"));
        let (what, ours, other, verdict) = (&row.what, &row.ours, &row.other, row.verdict());
        println!(
            "| {what} | {ours} | {other} | {:.2} | {goal} | {verdict} |",
            row.ratio
        );
    }
}

/// Returns a time in a unit that leaves about four digits.
pub(super) fn time(duration: Duration) -> String {
    match duration.as_nanos() {
        0..10_000 => format!("{} ns", duration.as_nanos()),
        10_000..100_000_000 => format!("{:.2} ms", duration.as_secs_f64() * 1e3),
        _ => format!("{:.3} s", duration.as_secs_f64()),
    }
}

/// Returns an amount of bytes in decimal units.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{:.1} kB", float(count) / 1e3),
        _ => format!("{:.1} MB", float(count) / 1e6),
    }
}

#[expect(
    clippy::as_conversions,
    reason = "no lossless conversion exists; figures are rounded"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &str, ours: u64, other: u64, goal: Option<f64>) -> Row {
        Row::bytes(what, ours, other, goal)
    }

    #[test]
    fn losses_come_first_and_the_worst_of_them_first() {
        let mut rows = [
            row("met", 4, 10, Some(0.5)),
            row("behind", 30, 10, None),
            row("missed by far", 9, 10, Some(0.5)),
            row("ahead", 1, 10, None),
            row("missed", 6, 10, Some(0.5)),
        ];
        rows.sort_by(Row::order);
        let order: Vec<&str> = rows.iter().map(|row| row.what.as_str()).collect();
        assert_eq!(order, ["missed by far", "missed", "behind", "met", "ahead"]);
        let verdicts: Vec<&str> = rows.iter().map(Row::verdict).collect();
        assert_eq!(verdicts, ["MISSED", "MISSED", "behind", "met", "ahead"]);
    }

    #[test]
    fn figures_have_units_that_fit() {
        assert_eq!(time(Duration::from_nanos(950)), "950 ns");
        assert_eq!(time(Duration::from_micros(41_500)), "41.50 ms");
        assert_eq!(time(Duration::from_millis(1220)), "1.220 s");
        assert_eq!(bytes(530_400_000), "530.4 MB");
    }
}
