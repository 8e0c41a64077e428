// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of JSON: one object a line, in ASCII. `docs/json.md` describes all of them.
//!
//! | module | owns |
//! |---|---|
//! | [`values`] | texts, times, types, modes and devices |
//! | [`objects`] | objects of several records: the image, totals, messages |
//!
//! Names and values are any bytes, JSON strings are not. A name that is UTF-8 is a string, any
//! other name is an object `{"hex": "..."}`. Each JSON value stands for one name only.

pub mod objects;
pub mod values;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

pub use objects::{Finding, Image, Message, Totals};
pub use values::{permissions, type_name, Bytes, Device, Hex, Text, Time};

/// The version of the shape of records.
pub const SCHEMA: u32 = 1;

/// The name of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// The progress of a run.
    Progress,
    /// A built image.
    Build,
    /// The result of a check.
    Check,
    /// The properties of an image.
    Image,
    /// A superblock that breaks a rule.
    Superblock,
    /// A file.
    File,
    /// Bytes of a file, or a hole.
    Data,
    /// An extent.
    Extent,
    /// The totals of a map.
    Map,
    /// A structure of a dump.
    Dump,
    /// A path at which two trees differ.
    Difference,
    /// The number of differences.
    Diff,
    /// A range of memory.
    Memory,
}

/// A record: the keys that all records have, and those of a value, which must be an object.
#[derive(Serialize)]
struct Record<'a, T> {
    schema: u32,
    record: Kind,
    #[serde(flatten)]
    value: &'a T,
}

/// Writes a record.
///
/// # Errors
/// Those of the output.
pub fn record<T: Serialize>(out: &mut dyn Write, record: Kind, value: &T) -> io::Result<()> {
    line(
        out,
        &Record {
            schema: SCHEMA,
            record,
            value,
        },
    )
}

/// A record as text, without the line's end.
#[must_use]
pub fn record_text<T: Serialize>(record: Kind, value: &T) -> String {
    text(&Record {
        schema: SCHEMA,
        record,
        value,
    })
}

/// Writes a value as one line.
fn line<T: Serialize>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Ascii);
    value.serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// The text of a value, without the line's end.
#[must_use]
pub fn text<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail; ASCII is UTF-8.
    let _ = line(&mut bytes, value);
    String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned()
}

/// Escapes everything in strings but printable ASCII: JSON is printed on terminals too.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for character in fragment.chars() {
            if character.is_ascii() && character != '\x7f' {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics fails")]
mod tests {
    use super::*;

    #[test]
    fn names_survive_and_terminals_do_too() {
        let text = text(&Bytes("a\x1b\u{9b}\x7fü\u{1f600}\"\\\n".as_bytes()));
        assert!(
            text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{text}"
        );
        let back: String = serde_json::from_str(&text).unwrap();
        assert_eq!(back, "a\x1b\u{9b}\x7fü\u{1f600}\"\\\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_in_hexadecimal() {
        assert_eq!(text(&Bytes(b"a\xff")), r#"{"hex":"61ff"}"#);
        assert_eq!(
            text(&Bytes(br#"{"hex":"61ff"}"#)),
            r#""{\"hex\":\"61ff\"}""#
        );
        assert_eq!(text(&Text(b"a\xff".to_vec())), r#"{"hex":"61ff"}"#);
    }

    #[test]
    fn a_record_states_its_schema_first() {
        let mut out = Vec::new();
        let message = Message::new("tool", "no \u{fc}");
        record(&mut out, Kind::Error, &message).unwrap();
        let expected = r#"{"schema":1,"record":"error","tool":"tool","message":"no \u00fc"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }
}
