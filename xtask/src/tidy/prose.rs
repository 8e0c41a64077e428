// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of prose: how documentation begins, and how wide a page is.

/// Words that must not begin a doc comment: each starts a clause that lacks its head.
const HEADLESS: [&str; 7] = ["What", "Whether", "Who", "Where", "How", "That", "Those"];

/// Columns of a line of Markdown.
const WIDTH: usize = 100;

/// Reports each doc comment (a block of `///` or `//!` lines) that begins with a word of
/// [`HEADLESS`].
pub(super) fn check_documentation(name: &str, text: &str, findings: &mut Vec<String>) {
    let mut previous = None;
    for (number, line) in (1..).zip(text.lines()) {
        let doc = doc_comment(line);
        if let Some((mark, first)) = doc.filter(|(mark, _)| previous != Some(*mark)) {
            if let Some(word) = HEADLESS.iter().find(|word| begins_with(first, word)) {
                findings.push(format!(
                    "{name}:{number}: documentation begins with {word}: {mark}{first}"
                ));
            }
        }
        previous = doc.map(|(mark, _)| mark);
    }
}

/// Splits a line of a doc comment into its mark and its text.
fn doc_comment(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim();
    let mark = ["///", "//!"]
        .into_iter()
        .find(|mark| line.starts_with(mark))?;
    let text = line.strip_prefix(mark)?;
    // Four slashes are an ordinary comment.
    (!text.starts_with('/')).then_some((mark, text))
}

fn begins_with(text: &str, word: &str) -> bool {
    let rest = text.trim_start().strip_prefix(word);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
}

/// Reports each line of Markdown that is wider than [`WIDTH`] columns and could be broken. Rows of
/// tables, blocks of code and link definitions cannot.
pub(super) fn check_width(name: &str, text: &str, findings: &mut Vec<String>) {
    for (number, line) in text_lines(text) {
        let columns = line.chars().count();
        if columns > WIDTH && can_be_broken(line) {
            findings.push(format!(
                "{name}:{number}: {columns} columns, more than {WIDTH}"
            ));
        }
    }
}

/// The lines of a page outside of fenced code, with their numbers.
pub(super) fn text_lines(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(page.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

fn can_be_broken(line: &str) -> bool {
    let line = line.trim_start();
    let is_definition = line.starts_with('[') && line.contains("]: ");
    let text = line.trim_start_matches(|c: char| "-*>#".contains(c)).trim();
    !line.starts_with('|') && !is_definition && text.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::super::findings_in;

    const SPDX: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0\n";

    fn documentation(lines: &str) -> Vec<String> {
        findings_in("mkdaxfs/src/main.rs", &format!("{SPDX}{lines}"))
    }

    #[test]
    fn documentation_without_a_head_is_found() {
        for word in ["What", "Whether", "Who", "Where", "How", "That", "Those"] {
            let text = format!("    /// {word} it is.\n    fn f() {{}}\n");
            let expected = format!(
                "mkdaxfs/src/main.rs:2: documentation begins with {word}: /// {word} it is."
            );
            assert_eq!(documentation(&text), [expected]);
            assert_eq!(documentation(&format!("//! {word}, and more.\n")).len(), 1);
        }
    }

    #[test]
    fn only_the_first_line_of_a_doc_comment_counts() {
        let good = "/// Returns true if it is.\n/// What it is, it stays.\n// What it was.\n";
        assert_eq!(documentation(good), [""; 0]);
        assert_eq!(
            documentation("/// Whatever. Howling.\n//// What\n"),
            [""; 0]
        );
        assert_eq!(documentation("let mark = \"/// What\";\n"), [""; 0]);
        // One block ends where another begins.
        let two = "/// Size.\nsize: u64,\n/// What it is.\n";
        assert_eq!(documentation(two).len(), 1);
        assert_eq!(documentation("//! Size.\n/// What it is.\n").len(), 1);
    }

    #[test]
    fn wide_lines_of_markdown_are_found() {
        let wide = format!("{} more", "word ".repeat(20));
        assert_eq!(
            findings_in("README.md", &format!("short\n{wide}\n")),
            ["README.md:2: 105 columns, more than 100"]
        );
        assert_eq!(findings_in("README.md", &format!("- {wide}\n")).len(), 1);
        assert_eq!(findings_in("README.md", &"word ".repeat(20)), [""; 0]);
        // A column is a character.
        assert_eq!(findings_in("README.md", &"é é ".repeat(25)), [""; 0]);
    }

    #[test]
    fn lines_that_cannot_be_broken_may_be_wide() {
        let wide = "word ".repeat(30);
        let word = "w".repeat(120);
        for page in [
            format!("| {wide} |\n"),
            format!("```sh\n{wide}\n```\n"),
            format!("    ```\n    {wide}\n    ```\n"),
            format!("[page]: https://example.com/{word} \"title\"\n"),
            format!("- {word}\n"),
        ] {
            assert_eq!(findings_in("README.md", &page), [""; 0], "{page}");
        }
        // Behind the end of a block of code the rule holds again.
        assert_eq!(
            findings_in("README.md", &format!("```\n```\n{wide}\n")).len(),
            1
        );
    }
}
