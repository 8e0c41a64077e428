// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options that fsck(8) passes to the checker of a file system.
//!
//! Under the name `fsck.daxfs` they are accepted: `-a`, `-p` and `-y` (repair), `-n` and `-r` (ask),
//! `-f` (also if clean) change nothing, as an image is checked in full and never repaired; `-A`,
//! `-M`, `-N`, `-P`, `-R`, `-T`, `-l`, `-s` and `-C` with its descriptor are those of fsck(8) itself.
//! `-V` and `-v` print more.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The name of the program for fsck(8).
const NAME: &str = "fsck.daxfs";

/// Options that change nothing.
const IGNORED: &[u8] = b"apynrfAMNPRTls";

/// The command line without the options of fsck(8), if the program has the name for it.
pub(crate) fn arguments(line: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let line: Vec<OsString> = line.collect();
    let name = line.first().map(Path::new).and_then(Path::file_name);
    if name != Some(OsStr::new(NAME)) {
        return line;
    }
    let mut kept: Vec<OsString> = Vec::new();
    let mut rest = line.into_iter().peekable();
    kept.extend(rest.next());
    while let Some(argument) = rest.next() {
        match translate(&argument) {
            Translated::Kept => kept.push(argument),
            Translated::Options(letters) => kept.extend(letters),
            Translated::Descriptor => drop(rest.next_if(|next| is_number(next))),
        }
        if kept.last().is_some_and(|last| last == "--") {
            kept.extend(rest.by_ref());
        }
    }
    kept
}

/// An argument in terms of this program.
enum Translated {
    /// The argument itself.
    Kept,
    /// Other options.
    Options(Option<OsString>),
    /// No option, and a descriptor may follow.
    Descriptor,
}

fn translate(argument: &OsStr) -> Translated {
    let Some(letters) = argument.as_bytes().strip_prefix(b"-") else {
        return Translated::Kept;
    };
    if letters == b"C" {
        return Translated::Descriptor;
    }
    let letters = letters
        .split(|&byte| byte == b'C')
        .next()
        .unwrap_or_default();
    let known = |byte: &u8| IGNORED.contains(byte) || b"Vv".contains(byte);
    let descriptor = &argument.as_bytes()[1 + letters.len()..];
    let descriptor = descriptor.strip_prefix(b"C").unwrap_or(descriptor);
    let is_whole = descriptor.iter().all(u8::is_ascii_digit);
    if argument.len() == 1 || !letters.iter().all(known) || !is_whole {
        return Translated::Kept;
    }
    let verbose = letters.iter().any(|letter| b"Vv".contains(letter));
    Translated::Options(verbose.then(|| "-v".into()))
}

fn is_number(text: &OsStr) -> bool {
    !text.is_empty() && text.as_bytes().iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &[&str]) -> Vec<String> {
        let line = line.iter().map(OsString::from);
        let kept = arguments(line).into_iter();
        kept.map(|argument| argument.into_string().unwrap())
            .collect()
    }

    #[test]
    fn options_of_fsck_are_left_out() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["-a", "/dev/x"], &["/dev/x"]),
            (&["-p", "-y", "-n", "-f", "-r", "x"], &["x"]),
            (
                &["-A", "-M", "-R", "-T", "-N", "-P", "-l", "-s", "x"],
                &["x"],
            ),
            (&["-C", "5", "x"], &["x"]),
            (&["-C", "x"], &["x"]),
            (&["-C0", "-aC3", "x"], &["x"]),
            (&["-V", "x"], &["-v", "x"]),
            (&["-fy", "--json", "--", "-a"], &["--json", "--", "-a"]),
            (&["-j2", "-q", "-", "-ax"], &["-j2", "-q", "-", "-ax"]),
        ];
        for (line, expected) in cases {
            let line = [&["/sbin/fsck.daxfs"][..], line].concat();
            assert_eq!(translated(&line)[1..], *expected, "{line:?}");
        }
        let line = ["daxfs-fsck", "-V", "-a"];
        assert_eq!(translated(&line), line);
    }
}
