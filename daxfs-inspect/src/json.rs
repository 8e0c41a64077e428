// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON Lines: one object a line, in ASCII.
//!
//! Names and values are any bytes, JSON strings are not. A name that is UTF-8 is a string, any other
//! is an object `{"hex": "..."}`; so each JSON value stands for one name only.

use std::io::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use daxfs_image::format::{FileType, Timestamp};

use daxfs_image::escape;

/// Bytes as a JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("hex", &escape::hex(self.0))?;
                map.end()
            }
        }
    }
}

/// Bytes that have no text, in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape::hex(self.0))
    }
}

/// A time as a JSON object.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC.
    s: i64,
    /// Nanoseconds.
    ns: u32,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self {
            s: time.seconds,
            ns: time.nanoseconds,
        }
    }
}

/// The name of a file type in JSON.
#[must_use]
pub fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "fifo",
        FileType::CharDevice => "char_device",
        FileType::Directory => "directory",
        FileType::BlockDevice => "block_device",
        FileType::Regular => "regular",
        FileType::Symlink => "symlink",
        FileType::Socket => "socket",
    }
}

/// Permissions in JSON: four octal digits.
#[must_use]
pub fn permissions(permissions: u16) -> String {
    format!("{permissions:04o}")
}

/// Writes a value as one line.
///
/// # Errors
/// What the output says.
pub fn line<T: Serialize>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Ascii);
    value.serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// The text of a value, as in a line.
#[must_use]
pub fn text<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail; what is ASCII is UTF-8.
    let _ = line(&mut bytes, value);
    String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned()
}

/// Escapes everything that is not printable ASCII: a terminal is a place where JSON ends up too.
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
    }
}
