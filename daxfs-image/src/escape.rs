// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes as text that no terminal and no script can misread.
//!
//! Names in an image are any bytes. Both forms write bytes that are not printed as they are as
//! `\xHH`, and a backslash as `\\`, so that a text stands for one name only.

use std::env;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The characters that a terminal can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// ASCII only.
    Ascii,
    /// All of Unicode, as UTF-8.
    Utf8,
}

impl Charset {
    /// The charset of the locale: of the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set.
    #[must_use]
    pub fn from_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Utf8
        } else {
            Self::Ascii
        }
    }
}

/// A path in the form for the terminal of this process.
#[must_use]
pub fn printable(path: &Path) -> String {
    let charset = Charset::from_locale(|name| env::var(name).ok());
    shown(path.as_os_str().as_bytes(), charset)
}

/// The form for terminals: characters that the terminal can print are printed.
/// Control characters, invisible ones and those that change the direction of writing are escaped.
#[must_use]
pub fn shown(bytes: &[u8], charset: Charset) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_shown(&mut text, character, charset);
        }
        push_escaped(&mut text, chunk.invalid());
    }
    // A space at the end cannot be seen.
    if text.ends_with(' ') {
        text.pop();
        push_escaped(&mut text, b" ");
    }
    text
}

fn push_shown(text: &mut String, character: char, charset: Charset) {
    match character {
        '\\' => text.push_str("\\\\"),
        ' '..='~' => text.push(character),
        // Characters that the standard library escapes in a debug form are not fit for a terminal.
        _ if charset == Charset::Utf8 && character.escape_debug().len() == 1 => {
            text.push(character);
        }
        _ => push_escaped(text, character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// The form of the dump: ASCII within double quotes, with a single way to write each byte.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_add(2));
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' if byte != b'"' => text.push(char::from(byte)),
            _ => push_escaped(&mut text, &[byte]),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// ESC, CSI as one byte and as U+009B, BEL, DEL, and the right-to-left override.
    const HOSTILE: &[&[u8]] = &[
        b"\x1b[2J",
        b"\x9b2J",
        b"\xc2\x9b2J",
        b"a\x07",
        b"\x7f",
        b"\xe2\x80\xaegpj.exe",
        b"a\nb",
        b"\t",
    ];

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        for name in HOSTILE {
            for text in [
                shown(name, Charset::Utf8),
                shown(name, Charset::Ascii),
                quoted(name),
            ] {
                assert!(
                    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn letters_are_shown_where_the_terminal_has_them() {
        assert_eq!(shown("Grüße 漢字".as_bytes(), Charset::Utf8), "Grüße 漢字");
        assert_eq!(shown("ü".as_bytes(), Charset::Ascii), "\\xc3\\xbc");
        assert_eq!(shown(b"it's \"so\"", Charset::Utf8), "it's \"so\"");
        assert_eq!(shown(b"\xffx", Charset::Utf8), "\\xffx");
        assert_eq!(shown(b" a ", Charset::Utf8), " a\\x20");
    }

    #[test]
    fn different_bytes_have_different_texts() {
        // The escape of a line's end consists of these letters.
        let alphabet = [b'\\', b'x', b'0', b'a', b'\n', b'"', b' ', 0xc3, 0xbc, 0xff];
        let mut names = vec![Vec::new()];
        for length in 0..4 {
            let longer: Vec<Vec<u8>> = names
                .iter()
                .filter(|name: &&Vec<u8>| name.len() == length)
                .flat_map(|name| alphabet.map(|byte| [name.as_slice(), &[byte]].concat()))
                .collect();
            names.extend(longer);
        }
        for form in [
            |n: &[u8]| shown(n, Charset::Utf8),
            |n: &[u8]| shown(n, Charset::Ascii),
            |n: &[u8]| quoted(n),
        ] {
            let texts: HashSet<String> = names.iter().map(|name| form(name)).collect();
            assert_eq!(texts.len(), names.len());
        }
    }
}
