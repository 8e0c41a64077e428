// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes, counts and percentages in text.

/// A size in bytes, with a binary unit and one decimal from 1 KiB on.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut shift = 10_u32;
    let mut name = UNITS[0];
    for unit in &UNITS[1..] {
        // 1023.95 and more would be printed as 1024.0.
        if tenths(bytes, shift) < 10240 {
            break;
        }
        shift += 10;
        name = unit;
    }
    let tenths = tenths(bytes, shift);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Tenths of the unit `1 << shift`, rounded to the nearest.
fn tenths(bytes: u64, shift: u32) -> u128 {
    (u128::from(bytes) * 10 + (1 << (shift - 1))) >> shift
}

/// A size with its unit, followed by the exact number of bytes.
#[must_use]
pub fn size_and_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return plural(bytes, "byte");
    }
    format!("{} ({bytes} bytes)", size(bytes))
}

/// A size in one of the two forms.
#[must_use]
pub fn size_as(bytes: u64, exact: Exact) -> String {
    match exact {
        Exact::Yes => bytes.to_string(),
        Exact::No => size(bytes),
    }
}

/// The form of sizes in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// Numbers of bytes.
    Yes,
    /// Binary units.
    No,
}

impl From<bool> for Exact {
    fn from(yes: bool) -> Self {
        if yes {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// A count with its noun.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// The part of a whole in percent, rounded down: only the whole is 100 %.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole));
    tenths.map_or_else(
        || "-".to_owned(),
        |tenths| format!("{}.{} %", tenths / 10, tenths % 10),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_change_their_unit_where_the_number_would_need_four_digits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size((1 << 20) - 1), "1.0 MiB");
        assert_eq!(size(1023 << 10), "1023.0 KiB");
        assert_eq!(size(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn all_is_said_of_the_whole_only() {
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(u64::MAX - 1, u64::MAX), "99.9 %");
        assert_eq!(percent(5, 5), "100.0 %");
        assert_eq!(percent(0, 0), "-");
    }

    #[test]
    fn nouns_agree_with_their_numbers() {
        assert_eq!(plural(1, "directory"), "1 directory");
        assert_eq!(plural(0, "directory"), "0 directories");
        assert_eq!(plural(2, "byte"), "2 bytes");
    }
}
