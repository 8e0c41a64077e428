// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names and paths as text.
//!
//! A name has any bytes but NUL and slash, control sequences for terminals among them. Two names
//! never give the same text.

use std::fmt::Write as _;

/// The bytes as text: printable UTF-8 as it is, and a backslash as `\\`. All other bytes, those of
/// characters that move the cursor or turn the direction of writing among them, become `\xHH`.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\'' | '"' => text.push(character),
                _ if character.escape_debug().len() == 1 => text.push(character),
                _ => push_escaped(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        push_escaped(&mut text, chunk.invalid());
    }
    text
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn text_stays_and_the_rest_is_escaped() {
        assert_eq!(escape("usr/bin/grün".as_bytes()), "usr/bin/grün");
        assert_eq!(escape(b"a\x1b[2Jb\n"), r"a\x1b[2Jb\x0a");
        assert_eq!(escape(b"\xff\\x'\""), r#"\xff\\x'""#);
        assert_eq!(escape("\u{202e}txt".as_bytes()), r"\xe2\x80\xaetxt");
    }

    #[test]
    fn different_names_give_different_text() {
        let names: [&[u8]; 6] = [b"\xff", br"\xff", b"\n", br"\n", b"\\n", b"n"];
        for (index, one) in names.iter().enumerate() {
            for other in &names[index + 1..] {
                assert!(
                    one == other || escape(one) != escape(other),
                    "{one:?} {other:?}"
                );
            }
        }
    }
}
