// SPDX-License-Identifier: MIT OR Apache-2.0
//! Manual pages.
//!
//! Names, synopses and options come from the definitions of the command lines. The text after the
//! options of `--help` becomes the sections ENVIRONMENT and EXIT STATUS. Examples, files and
//! references are in `packaging/pages/`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;

/// The section of the manual for system administration.
pub(crate) const SECTION: &str = "8";

/// The page about mounts and the format.
const DAXFS: &str = include_str!("../../pages/daxfs.5");

/// The title of the text behind the options, as `clap_mangen` writes it.
const EXTRA: &str = ".SH EXTRA\n";

/// The end of each tool's page.
const ENDS: [(&str, &str); 3] = [
    ("mkdaxfs", include_str!("../../pages/mkdaxfs.roff")),
    ("daxfs-fsck", include_str!("../../pages/daxfs-fsck.roff")),
    (
        "daxfs-inspect",
        include_str!("../../pages/daxfs-inspect.roff"),
    ),
];

/// Writes the page of mounts.
pub(crate) fn write_format(dir: &Path, date: &str) -> Result<()> {
    let page = DAXFS.replace("@DATE@", date);
    write(
        dir,
        "daxfs.5",
        &page.replace("@VERSION@", env!("CARGO_PKG_VERSION")),
    )
}

/// Writes a page that shows another one.
pub(crate) fn write_alias(dir: &Path, alias: &str, name: &str) -> Result<()> {
    let page = format!(".so man{SECTION}/{name}.{SECTION}\n");
    write(dir, &format!("{alias}.{SECTION}"), &page)
}

/// Writes one page for the tool and one for each of its subcommands.
pub(crate) fn write_tool(tool: Command, dir: &Path, date: &str) -> Result<()> {
    // Otherwise the pages of subcommands lack the tool's name before their own.
    let mut tool = tool.disable_help_subcommand(true);
    tool.build();
    let after = tool.get_after_long_help().map(ToString::to_string);
    let after = sections(&after.unwrap_or_default());
    let name = tool.get_name().to_owned();
    for command in tool.get_subcommands() {
        let status = exit_status(&after);
        let end = format!("{status}.SH SEE ALSO\n.BR {} ({SECTION})\n", escape(&name));
        write_page(command.clone(), dir, date, &end)?;
    }
    let own = ENDS.iter().find(|(tool, _)| *tool == name);
    let (_, own) = own.with_context(|| format!("packaging/pages has no file for {name}"))?;
    write_page(tool, dir, date, &(after + own))
}

/// Returns the section about the exit status alone.
fn exit_status(sections: &str) -> &str {
    let title = ".SH EXIT STATUS\n";
    let start = sections.find(title).unwrap_or(sections.len());
    let text = sections.get(start..).unwrap_or_default();
    let end = text.get(1..).and_then(|rest| rest.find("\n.SH "));
    end.and_then(|end| text.get(..end + 2)).unwrap_or(text)
}

fn write_page(command: Command, dir: &Path, date: &str, end: &str) -> Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let name = name.to_owned();
    let mut page = Vec::new();
    Man::new(command).section(SECTION).render(&mut page)?;
    let page = String::from_utf8(page)?;
    let body = page.split(EXTRA).next().unwrap_or_default();
    let body = body.split(".SH VERSION\n").next().unwrap_or_default();
    let page = titled(&name, body, date) + end;
    write(dir, &format!("{name}.{SECTION}"), &page)
}

/// Gives the page its title, writes its empty lines as breaks of paragraphs, and drops repeated
/// breaks of lines.
fn titled(name: &str, body: &str, date: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = String::new();
    let mut lines = body.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        let before_macro = lines.peek().is_none_or(|next| next.starts_with('.'));
        match line {
            "" if before_macro => {}
            ".br" if page.ends_with(".br\n") => {}
            "" => page += ".sp\n",
            line if line.starts_with(".TH ") => {
                page += &format!(
                    ".TH {} {SECTION} {date} \"DAXFS {version}\" \"System Administration\"\n",
                    name.to_uppercase()
                );
            }
            line => page += &format!("{line}\n"),
        }
    }
    page
}

/// Returns the sections of a text of headings, which begin a line, and indented lines.
fn sections(text: &str) -> String {
    let mut page = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with(' ') {
            page += &heading(line);
        } else if line.starts_with("      ") {
            page += &format!("{}\n", escape(line.trim()));
        } else {
            page += &item(line.trim());
        }
    }
    page
}

/// Returns the title of a section, with the words behind it as its first sentence.
fn heading(line: &str) -> String {
    for title in ["EXIT STATUS", "ENVIRONMENT"] {
        let Some(start) = line.get(..title.len()) else {
            continue;
        };
        if start.eq_ignore_ascii_case(title) {
            let rest = line.get(title.len()..).unwrap_or_default();
            let rest = rest
                .trim_start_matches([',', ' ', ':'])
                .trim_end_matches(':');
            let rest = if rest.is_empty() {
                String::new()
            } else {
                format!("The status is {}.\n", escape(rest))
            };
            return format!(".SH {title}\n{rest}");
        }
    }
    format!(
        ".SH {}\n",
        escape(line.trim_end_matches(':')).to_uppercase()
    )
}

/// Returns an item of a list, of a word with its meaning, or a line of text.
fn item(line: &str) -> String {
    match line.split_once("  ") {
        Some((word, meaning)) => format!(
            ".TP\n.B {}\n{}\n",
            escape(word),
            escape(meaning.trim_start())
        ),
        None => format!("{}\n", escape(line)),
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        return format!("\\&{text}");
    }
    text
}

fn write(dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_behind_the_options_becomes_sections() {
        let text = "Environment:\n  HOME  A directory\n        of files\n\n\
                    Exit status, as in fsck(8):\n   0  clean\n";
        let page = sections(text);
        assert_eq!(
            page,
            ".SH ENVIRONMENT\n.TP\n.B HOME\nA directory\nof files\n\
             .SH EXIT STATUS\nThe status is as in fsck(8).\n.TP\n.B 0\nclean\n"
        );
        assert!(exit_status(&page).starts_with(".SH EXIT STATUS\n"));
        assert_eq!(
            exit_status(".SH EXIT STATUS\nx\n.SH NOTES\ny\n"),
            ".SH EXIT STATUS\nx\n"
        );
    }

    /// The names of the options, from the source of the kernel module.
    fn options_of_the_module() -> Vec<String> {
        let source = include_str!("../../../daxfs-kmod/image/options.rs");
        let start = source.find("fn name(self)").unwrap();
        let names = source[start..].split('}').next().unwrap();
        let quoted = names.split('"').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    }

    #[test]
    fn the_page_of_mounts_has_the_options_of_the_module() {
        let start = DAXFS.find(".SH OPTIONS").unwrap();
        let end = DAXFS.find(".SH FORMAT").unwrap();
        let mut lines = DAXFS[start..end].lines();
        let mut options = Vec::new();
        while let Some(line) = lines.next() {
            if line == ".TP" {
                let tag = lines.next().unwrap();
                let name = tag.trim_start_matches(".BI ").trim_start_matches(".B ");
                options.push(name.split('=').next().unwrap().to_owned());
            }
        }
        assert_eq!(options, options_of_the_module());
        assert!(options.len() >= 4, "{options:?}");
    }
}
