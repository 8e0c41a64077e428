// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON Lines: one object a line, in ASCII.
//!
//! Names and values are any bytes, JSON strings are not. A name that is UTF-8 is a string, any
//! other name is an object `{"hex": "..."}`. Each JSON value stands for one name only.

use std::fmt;
use std::io::{self, Write};

use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::text;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

/// Borrowed bytes that usually are text, as a JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &Hex(self.0))?;
        map.end()
    }
}

/// Owned bytes that usually are text: a name, a path, a label. Escaped in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<u8>);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0, Charset::Utf8))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes(&self.0).serialize(serializer)
    }
}

/// Bytes in hexadecimal digits, as a JSON string.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&text::Hex(self.0))
    }
}

/// Writes a value as one line.
///
/// # Errors
/// Those of the output.
pub fn line<T: Serialize>(out: &mut dyn Write, value: &T) -> io::Result<()> {
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
}
