// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words in source files: notes of unfinished work, and attributes that allow `unsafe`.

/// Directories whose code may hold `unsafe`.
const UNSAFE_ALLOWED: &[&str] = &[
    "daxfs-image/",
    "daxfs-sha256/",
    "daxfs-kmod/",
    "tests/",
    "guest/",
];

/// Reports each line with a note of unfinished work.
pub(super) fn check_notes(name: &str, text: &str, findings: &mut Vec<String>) {
    // Written in two parts so that this file does not report itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
            findings.push(format!(
                "{name}:{number}: a note of unfinished work ({mark})"
            ));
        }
    }
}

/// Reports a file that allows `unsafe` outside [`UNSAFE_ALLOWED`].
pub(super) fn check_unsafe(name: &str, text: &str, findings: &mut Vec<String>) {
    let marks = [
        concat!("allow(unsafe", "_code"),
        concat!("expect(unsafe", "_code"),
    ];
    let allowed = UNSAFE_ALLOWED
        .iter()
        .any(|directory| name.starts_with(directory) || name.contains(directory));
    if !allowed && marks.iter().any(|mark| text.contains(mark)) {
        findings.push(format!(
            "{name}: unsafe code is not allowed in this part of the tree"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings_in;

    #[test]
    fn unsafe_code_and_notes_are_found() {
        let spdx = "// SPDX-License-Identifier: MIT OR Apache-2.0\n";
        let text = format!(
            "{spdx}#![{}, reason = \"\")]\n",
            concat!("allow(unsafe", "_code")
        );
        assert_eq!(findings_in("mkdaxfs/src/main.rs", &text).len(), 1);
        assert!(findings_in("daxfs-image/src/map.rs", &text).is_empty());
        let note = format!("{spdx}// {} later\n", concat!("TO", "DO"));
        assert_eq!(findings_in("daxfs-image/src/map.rs", &note).len(), 1);
    }
}
