// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parsing the values of options.

use daxfs_cli::arguments::parse_size;
use daxfs_format::limits::MAX_XATTR_VALUE;
use daxfs_format::{Namespace, Timestamp};

use crate::num::len64;
use crate::options::{IdRange, Options};

type Parsed<T> = Result<T, String>;

/// A label of at most 64 bytes.
pub(super) fn label(text: &str) -> Parsed<[u8; 64]> {
    let mut label = [0; 64];
    match label.get_mut(..text.len()) {
        Some(room) if !text.contains('\0') => room.copy_from_slice(text.as_bytes()),
        _ => return Err(format!("a label has at most 64 bytes, not {}", text.len())),
    }
    Ok(label)
}

/// A UUID in any of its usual forms.
pub(super) fn uuid(text: &str) -> Parsed<[u8; 16]> {
    uuid::Uuid::try_parse(text)
        .map(uuid::Uuid::into_bytes)
        .map_err(|_| "a UUID has 32 hexadecimal digits, with dashes as uuidgen prints it".into())
}

/// A user or group, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Number(u32),
    Name(String),
}

/// A user or group: any number but the one that stands for none, or a name.
pub(super) fn owner(text: &str) -> Parsed<Owner> {
    if text.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first)) {
        return id(text).map(Owner::Number);
    }
    if text.is_empty() || text.contains([':', '\n', '\0']) {
        return Err("not a number, and not a name".to_owned());
    }
    Ok(Owner::Name(text.to_owned()))
}

/// The number of a user or group.
fn id(text: &str) -> Parsed<u32> {
    let number = text
        .parse()
        .map_err(|_| "not a number from 0 to 4294967294".to_owned())?;
    if number == u32::MAX {
        return Err("4294967295 stands for no user or group".to_owned());
    }
    Ok(number)
}

/// A range of users or groups.
pub(super) fn id_range(text: &str) -> Parsed<IdRange> {
    let parts: Vec<&str> = text.split(':').collect();
    let [from, to, count] = parts[..] else {
        return Err("not FROM:TO:COUNT".to_owned());
    };
    let range = IdRange {
        from: id(from)?,
        to: id(to)?,
        count: id(count)?,
    };
    let ends = [range.from, range.to].map(|start| start.checked_add(range.count));
    match range.count {
        0 => Err("a range has at least one number".to_owned()),
        _ if ends.contains(&None) => Err("the range ends behind 4294967294".to_owned()),
        _ => Ok(range),
    }
}

/// The full name of an extended attribute, and its value: text, or bytes as `0x` and digits.
pub(super) fn attribute(text: &str) -> Parsed<(Vec<u8>, Vec<u8>)> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    if Namespace::split(name.as_bytes()).is_none() {
        return Err(format!(
            "images have no attribute {name}: names are user.*, trusted.*, security.* and those of \
             POSIX ACLs"
        ));
    }
    let value = match value.strip_prefix("0x") {
        Some(digits) => bytes(digits).ok_or("0x is followed by an even number of digits")?,
        None => value.as_bytes().to_vec(),
    };
    if len64(value.len()) > MAX_XATTR_VALUE.into() {
        return Err(format!("a value has at most {MAX_XATTR_VALUE} bytes"));
    }
    Ok((name.as_bytes().to_vec(), value))
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// A time: seconds since 1970 with up to nine decimals, as `date +%s.%N` prints them, or a date.
pub(super) fn time(text: &str) -> Parsed<Timestamp> {
    match text.strip_prefix('@') {
        Some(number) => seconds(number),
        None if text.contains(|character: char| !"+-.0123456789".contains(character))
            || text.matches('-').count() > 1 =>
        {
            date(text)
        }
        None => seconds(text),
    }
}

/// A date, with or without a time of the day and an offset.
fn date(text: &str) -> Parsed<Timestamp> {
    let zoned = text.parse::<jiff::Timestamp>();
    let utc = || {
        let civil: jiff::civil::DateTime = text.parse()?;
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|zoned| zoned.timestamp())
    };
    let time = zoned.or_else(|_| utc()).map_err(|_| {
        "not a number of seconds, and not a date such as 2024-02-29T12:00:00Z".to_owned()
    })?;
    let nanoseconds = time.as_nanosecond();
    let wrong = |_| "out of range".to_owned();
    Ok(Timestamp {
        seconds: nanoseconds
            .div_euclid(1_000_000_000)
            .try_into()
            .map_err(wrong)?,
        nanoseconds: nanoseconds
            .rem_euclid(1_000_000_000)
            .try_into()
            .map_err(wrong)?,
    })
}

/// Seconds since 1970, with up to nine decimals.
fn seconds(text: &str) -> Parsed<Timestamp> {
    let wrong = || "not a number of seconds, as date +%s prints it, and not a date".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| wrong())?;
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    if nanoseconds == 0 || !whole.starts_with('-') {
        return Ok(Timestamp {
            seconds,
            nanoseconds,
        });
    }
    // A fraction goes away from zero, nanoseconds count upwards.
    let seconds = seconds.checked_sub(1).ok_or_else(wrong)?;
    Ok(Timestamp {
        seconds,
        nanoseconds: 1_000_000_000 - nanoseconds,
    })
}

/// The size below which files are packed.
pub(super) fn pack_below(text: &str) -> Parsed<u64> {
    let size = parse_size(text)?;
    if size > Options::MAX_PACK_BELOW {
        return Err(format!("at most {} bytes", Options::MAX_PACK_BELOW));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_up_to_nine_decimals_on_both_sides_of_1970() {
        let at = |seconds, nanoseconds| {
            Ok(Timestamp {
                seconds,
                nanoseconds,
            })
        };
        assert_eq!(time("12"), at(12, 0));
        assert_eq!(time("12.5"), at(12, 500_000_000));
        assert_eq!(time("0.000000001"), at(0, 1));
        assert_eq!(time("-1"), at(-1, 0));
        assert_eq!(time("-1.25"), at(-2, 750_000_000));
        assert_eq!(time("-0.5"), at(-1, 500_000_000));
        for wrong in [
            "",
            "a",
            "1.0000000001",
            "1.-5",
            "1.+5",
            "9223372036854775808",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn packed_sizes_have_a_limit() {
        assert_eq!(pack_below("0"), Ok(0));
        assert_eq!(pack_below("64K"), Ok(65536));
        assert_eq!(pack_below("5k"), Ok(5120));
        assert_eq!(pack_below("5120"), Ok(5120));
        for wrong in ["", "K", "-1", "4M", "65K", "18446744073709551615K"] {
            assert!(pack_below(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_has_a_limit() {
        assert_eq!(
            label("root").map(|label| label[..5].to_vec()),
            Ok(b"root\0".to_vec())
        );
        assert_eq!(label(&"x".repeat(64)), Ok([b'x'; 64]));
        assert!(label(&"x".repeat(65)).is_err());
        assert!(label("a\0b").is_err());
    }

    #[test]
    fn dates_are_in_utc_unless_they_have_an_offset() {
        let at = |seconds, nanoseconds| {
            Ok(Timestamp {
                seconds,
                nanoseconds,
            })
        };
        for (text, expected) in [
            ("@0", at(0, 0)),
            ("@-1.25", at(-2, 750_000_000)),
            ("1970-01-01", at(0, 0)),
            ("2024-02-29", at(1_709_164_800, 0)),
            ("2024-02-29T12:00:00Z", at(1_709_208_000, 0)),
            ("2024-02-29 12:00:00", at(1_709_208_000, 0)),
            (
                "2024-02-29T12:00:00.5+01:00",
                at(1_709_204_400, 500_000_000),
            ),
            ("1969-12-31T23:59:59.75Z", at(-1, 750_000_000)),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
        for wrong in [
            "@",
            "@x",
            "noon",
            "2023-02-29",
            "2024-13-01",
            "24-02-29",
            "2024-02",
            "12:00",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn owners_are_numbers_or_names() {
        assert_eq!(owner("0"), Ok(Owner::Number(0)));
        assert_eq!(owner("4294967294"), Ok(Owner::Number(u32::MAX - 1)));
        assert_eq!(owner("www-data"), Ok(Owner::Name("www-data".to_owned())));
        for wrong in ["4294967295", "4294967296", "-1", "1x", "", "a:b", "a\nb"] {
            assert!(owner(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_of_owners_have_three_numbers() {
        let range = id_range("100000:0:65536");
        assert_eq!(
            range.map(|range| (range.from, range.to, range.count)),
            Ok((100_000, 0, 65536))
        );
        assert!(id_range("0:4294967294:1").is_ok());
        for wrong in [
            "",
            "1",
            "1:2",
            "1:2:0",
            "1:2:3:4",
            "a:2:3",
            "1:2:4294967294",
            "4294967294:0:2",
        ] {
            assert!(id_range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attributes_have_a_known_namespace_and_a_value() {
        let parsed = |text| attribute(text).map(|(_, value)| value);
        assert_eq!(
            attribute("user.a=b=c"),
            Ok((b"user.a".to_vec(), b"b=c".to_vec()))
        );
        assert_eq!(parsed("security.capability=0x00fF"), Ok(vec![0, 255]));
        assert_eq!(parsed("trusted.overlay.opaque="), Ok(Vec::new()));
        for wrong in [
            "user.a",
            "user.=b",
            "a=b",
            "system.x=b",
            "user.a=0x0",
            "user.a=0xgg",
            "",
        ] {
            assert!(attribute(wrong).is_err(), "{wrong}");
        }
        assert!(parsed(&format!("user.a={}", "x".repeat(65537))).is_err());
    }
}
