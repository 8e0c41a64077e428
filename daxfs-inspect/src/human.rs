// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers, times and modes as people read them.

use daxfs_image::format::{FileType, Timestamp};

/// A length in bytes, with a binary unit and one decimal from 1 KiB on.
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

/// A length in bytes, in the human form with the exact number behind it.
#[must_use]
pub fn size_and_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return plural(bytes, "byte");
    }
    format!("{} ({bytes} bytes)", size(bytes))
}

/// A length in bytes in the form that was asked for.
#[must_use]
pub fn size_as(bytes: u64, exact: Exact) -> String {
    match exact {
        Exact::Yes => bytes.to_string(),
        Exact::No => size(bytes),
    }
}

/// Whether lengths are printed to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// As numbers of bytes.
    Yes,
    /// With binary units.
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

/// A number with its noun.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// A part of a whole in percent, rounded down, so that 100 % means all of it.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole));
    tenths.map_or_else(
        || "-".to_owned(),
        |tenths| format!("{}.{} %", tenths / 10, tenths % 10),
    )
}

/// A time to the second, in UTC; one outside the years -9999 to 9999 as seconds since 1970.
#[must_use]
pub fn time(time: Timestamp) -> String {
    format_time(time, "%Y-%m-%d %H:%M:%S")
}

/// A time to the nanosecond, in UTC.
#[must_use]
pub fn time_exact(time: Timestamp) -> String {
    format_time(time, "%Y-%m-%d %H:%M:%S.%9f UTC")
}

fn format_time(time: Timestamp, format: &str) -> String {
    let valid = i32::try_from(time.nanoseconds).ok();
    let known = valid.and_then(|nanos| jiff::Timestamp::new(time.seconds, nanos).ok());
    match known {
        Some(known) => known.strftime(format).to_string(),
        None => format!("@{}.{:09}", time.seconds, time.nanoseconds),
    }
}

/// A mode as ls(1) prints it.
#[must_use]
pub fn mode(file_type: FileType, permissions: u16) -> String {
    let bit = |mask: u16, set: char| if permissions & mask != 0 { set } else { '-' };
    let execute = |mask: u16, special: u16, letter: char| match (
        permissions & special != 0,
        permissions & mask != 0,
    ) {
        (false, false) => '-',
        (false, true) => 'x',
        (true, true) => letter,
        (true, false) => letter.to_ascii_uppercase(),
    };
    [
        type_letter(file_type),
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        execute(0o100, 0o4000, 's'),
        bit(0o040, 'r'),
        bit(0o020, 'w'),
        execute(0o010, 0o2000, 's'),
        bit(0o004, 'r'),
        bit(0o002, 'w'),
        execute(0o001, 0o1000, 't'),
    ]
    .iter()
    .collect()
}

/// The letter for a type that ls(1) prints.
#[must_use]
pub fn type_letter(file_type: FileType) -> char {
    match file_type {
        FileType::Fifo => 'p',
        FileType::CharDevice => 'c',
        FileType::Directory => 'd',
        FileType::BlockDevice => 'b',
        FileType::Regular => '-',
        FileType::Symlink => 'l',
        FileType::Socket => 's',
    }
}

/// The name of a type.
#[must_use]
pub fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "fifo",
        FileType::CharDevice => "character device",
        FileType::Directory => "directory",
        FileType::BlockDevice => "block device",
        FileType::Regular => "regular file",
        FileType::Symlink => "symlink",
        FileType::Socket => "socket",
    }
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
    fn times_of_any_value_have_a_text() {
        let at = |seconds, nanoseconds| Timestamp {
            seconds,
            nanoseconds,
        };
        assert_eq!(time_exact(at(0, 1)), "1970-01-01 00:00:00.000000001 UTC");
        assert_eq!(time(at(951_782_400, 0)), "2000-02-29 00:00:00");
        assert_eq!(time_exact(at(-1, 5)), "1969-12-31 23:59:59.000000005 UTC");
        assert_eq!(time(at(i64::MAX, 999)), "@9223372036854775807.000000999");
    }

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode(FileType::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(FileType::Regular, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(FileType::Regular, 0o6644), "-rwSr-Sr--");
        assert_eq!(mode(FileType::Socket, 0), "s---------");
    }

    #[test]
    fn nouns_agree_with_their_numbers() {
        assert_eq!(plural(1, "directory"), "1 directory");
        assert_eq!(plural(0, "directory"), "0 directories");
        assert_eq!(plural(2, "byte"), "2 bytes");
    }
}
