// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links between the Markdown pages of the repository.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::prose::text_lines;
use super::SourceFile;
use crate::workspace;

/// The text of each page by its path from the root of the checkout.
type Pages<'f> = HashMap<&'f Path, &'f str>;

/// Reports each relative link whose file, or whose heading in another page, does not exist.
pub(super) fn check(files: &[SourceFile], findings: &mut Vec<String>) {
    let pages = files.iter().filter(|file| file.name.ends_with(".md"));
    let pages: Pages<'_> = pages
        .map(|file| (Path::new(file.name.as_str()), file.text.as_str()))
        .collect();
    let exists = |path: &Path| workspace::root().join(path).exists();
    let mut found: Vec<_> = pages
        .keys()
        .flat_map(|page| check_page(page, &pages, exists))
        .collect();
    found.sort();
    findings.extend(found);
}

fn check_page(page: &Path, pages: &Pages<'_>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    let text = pages.get(page).copied().unwrap_or_default();
    for (number, line) in text_lines(text) {
        let broken = targets(line).filter(|target| !resolves(page, target, pages, &exists));
        findings.extend(broken.map(|target| {
            format!(
                "{}:{number}: a link to {target}, which does not exist",
                page.display()
            )
        }));
    }
    findings
}

/// The targets of the inline links of a line, `[text](target)`, and of a link definition.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1);
    let inline = inline.filter_map(|rest| rest.split(')').next());
    let definition = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    let definition = definition.map(|(_, target)| target);
    let targets = inline.chain(definition);
    targets.filter_map(|target| target.split_whitespace().next())
}

fn resolves(page: &Path, target: &str, pages: &Pages<'_>, exists: impl Fn(&Path) -> bool) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = path_from(page, file) else {
        return false;
    };
    match pages.get(path.as_path()) {
        Some(text) => heading.is_empty() || anchors(text).any(|anchor| anchor == heading),
        None => heading.is_empty() && exists(&path),
    }
}

/// The path that a link on `page` leads to, unless it leaves the repository.
fn path_from(page: &Path, file: &str) -> Option<PathBuf> {
    if file.is_empty() {
        return Some(page.to_owned());
    }
    let mut path = page.parent()?.to_owned();
    for component in Path::new(file).components() {
        match component {
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The anchors of a page's headings: lower case, hyphens for spaces, other punctuation removed.
fn anchors(page: &str) -> impl Iterator<Item = String> + '_ {
    let headings = text_lines(page).filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || "-_".contains(c) => Some(c),
            _ => None,
        });
        kept.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings on `docs/page.md` with `text`, beside another page and a source file.
    fn findings(text: &str) -> Vec<String> {
        let page = Path::new("docs/page.md");
        let other = "# Title\n```\n# in code\n```\n## A heading, and `more`\n";
        let pages = Pages::from([(page, text), (Path::new("README.md"), other)]);
        check_page(page, &pages, |path| path == Path::new("xtask/src/main.rs"))
    }

    #[test]
    fn links_that_lead_somewhere_are_good() {
        for link in [
            "[a](../README.md)",
            "[a](../README.md#a-heading-and-more) and [b](../xtask/src/main.rs)",
            "# Here\n[a](#here) and [b](page.md)",
            "[a](https://example.com/none.md \"title\")",
            "[a]: ../README.md",
            "```\n[a](none.md)\n```",
        ] {
            assert_eq!(findings(link), [""; 0], "{link}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for target in [
            "README.md",
            "../README.md#in-code",
            "../README.md#none",
            "#none",
            "../xtask/src/none.rs",
            "../../README.md",
            "/README.md",
        ] {
            let expected = format!("docs/page.md:2: a link to {target}, which does not exist");
            assert_eq!(
                findings(&format!("\n[a]({target})\n")),
                std::slice::from_ref(&expected)
            );
            assert_eq!(findings(&format!("\n[a]: {target}\n")), [expected]);
        }
    }
}
