// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times, modes and file types in text.

use daxfs_image::format::{FileType, Timestamp};

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
}
