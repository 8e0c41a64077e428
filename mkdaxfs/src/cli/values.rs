// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parsing the values of options.

use daxfs_cli::arguments::parse_size;
use daxfs_format::Timestamp;

use crate::options::Options;

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

/// A user or group: any number but the one that stands for none.
pub(super) fn owner(text: &str) -> Parsed<u32> {
    let number = text
        .parse()
        .map_err(|_| "not a number from 0 to 4294967294".to_owned())?;
    if number == u32::MAX {
        return Err("4294967295 stands for no user or group".to_owned());
    }
    Ok(number)
}

/// Seconds since 1970, with up to nine decimals; `date +%s.%N` prints such numbers.
pub(super) fn time(text: &str) -> Parsed<Timestamp> {
    let wrong = || "not a number of seconds, as date +%s prints it".to_owned();
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
    fn the_number_of_no_owner_is_refused() {
        assert_eq!(owner("0"), Ok(0));
        assert_eq!(owner("4294967294"), Ok(u32::MAX - 1));
        assert!(owner("4294967295").is_err());
        assert!(owner("root").is_err());
    }
}
