// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times in text.
//!
//! A time counts its nanoseconds upwards from its seconds, also before 1970: -7.25 s is -8 s and
//! 750,000,000 ns.

use daxfs_image::format::Timestamp;

const NANOSECONDS: i128 = 1_000_000_000;

/// A time to the second, in UTC; one outside of the years -9999 to 9999 as [`decimal`] after an @.
#[must_use]
pub fn second(time: Timestamp) -> String {
    in_utc(time, "%Y-%m-%d %H:%M:%S")
}

/// A time to the nanosecond, in UTC.
#[must_use]
pub fn exact(time: Timestamp) -> String {
    in_utc(time, "%Y-%m-%d %H:%M:%S.%9f UTC")
}

fn in_utc(time: Timestamp, format: &str) -> String {
    let valid = i32::try_from(time.nanoseconds).ok();
    let known = valid.and_then(|nanos| jiff::Timestamp::new(time.seconds, nanos).ok());
    match known {
        Some(known) => known.strftime(format).to_string(),
        None => format!("@{}", decimal(time)),
    }
}

/// A time as a number of seconds since 1970 with nine decimals.
#[must_use]
pub fn decimal(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.seconds) * NANOSECONDS + i128::from(time.nanoseconds);
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.abs();
    format!("{sign}{}.{:09}", size / NANOSECONDS, size % NANOSECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: &str = "-9223372036854775808.000000000";

    /// Seconds, nanoseconds, the decimal form, the exact form.
    const TIMES: &[(i64, u32, &str, &str)] = &[
        (0, 0, "0.000000000", "1970-01-01 00:00:00.000000000 UTC"),
        (0, 1, "0.000000001", "1970-01-01 00:00:00.000000001 UTC"),
        (
            7,
            250_000_000,
            "7.250000000",
            "1970-01-01 00:00:07.250000000 UTC",
        ),
        (
            -1,
            999_999_999,
            "-0.000000001",
            "1969-12-31 23:59:59.999999999 UTC",
        ),
        (
            -1,
            500_000_000,
            "-0.500000000",
            "1969-12-31 23:59:59.500000000 UTC",
        ),
        (-1, 0, "-1.000000000", "1969-12-31 23:59:59.000000000 UTC"),
        (-1, 1, "-0.999999999", "1969-12-31 23:59:59.000000001 UTC"),
        (
            -2,
            999_999_999,
            "-1.000000001",
            "1969-12-31 23:59:58.999999999 UTC",
        ),
        (
            -8,
            750_000_000,
            "-7.250000000",
            "1969-12-31 23:59:52.750000000 UTC",
        ),
        (
            951_782_400,
            0,
            "951782400.000000000",
            "2000-02-29 00:00:00.000000000 UTC",
        ),
        // The range of ext4 with 128-byte inodes, and the seconds around it.
        (
            -2_147_483_648,
            0,
            "-2147483648.000000000",
            "1901-12-13 20:45:52.000000000 UTC",
        ),
        (
            2_147_483_647,
            999_999_999,
            "2147483647.999999999",
            "2038-01-19 03:14:07.999999999 UTC",
        ),
        (
            2_147_483_648,
            0,
            "2147483648.000000000",
            "2038-01-19 03:14:08.000000000 UTC",
        ),
        // Beyond the calendar.
        (
            i64::MAX,
            999_999_999,
            "9223372036854775807.999999999",
            "@9223372036854775807.999999999",
        ),
        (i64::MIN, 0, MIN, "@-9223372036854775808.000000000"),
        (
            i64::MIN,
            1,
            "-9223372036854775807.999999999",
            "@-9223372036854775807.999999999",
        ),
    ];

    #[test]
    fn times_around_zero_and_at_the_limits_have_a_text() {
        for &(seconds, nanoseconds, number, text) in TIMES {
            let time = Timestamp {
                seconds,
                nanoseconds,
            };
            assert_eq!(decimal(time), number);
            assert_eq!(exact(time), text);
        }
    }

    #[test]
    fn a_time_to_the_second_is_rounded_down() {
        let time = Timestamp {
            seconds: -8,
            nanoseconds: 750_000_000,
        };
        assert_eq!(second(time), "1969-12-31 23:59:52");
    }
}
