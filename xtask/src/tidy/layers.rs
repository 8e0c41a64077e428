// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layers of the kernel module.
//!
//! A file below `daxfs-kmod/LAYER/` may name items of its own layer and of those below it, and no
//! others. `image` and `branch` stand side by side. `main.rs` is above all layers, and the only file
//! outside them. Where `unsafe` is not needed, the layer forbids it.
//!
//! | layer | may name | unsafe code |
//! |---|---|---|
//! | `sys` | | yes |
//! | `memory` | `sys` | yes |
//! | `image`, `branch` | `memory`, `sys` | no |
//! | `vfs` | `image`, `branch`, `memory`, `sys` | no |

/// The directory of the module's source.
const MODULE: &str = "daxfs-kmod/";

/// A layer.
struct Layer {
    name: &'static str,
    /// Layers below it.
    below: &'static [&'static str],
    is_unsafe: Unsafe,
}

/// Rule for unsafe code of a layer.
#[derive(PartialEq, Eq)]
enum Unsafe {
    Allowed,
    Forbidden,
}

const LAYERS: &[Layer] = &[
    Layer {
        name: "sys",
        below: &[],
        is_unsafe: Unsafe::Allowed,
    },
    Layer {
        name: "memory",
        below: &["sys"],
        is_unsafe: Unsafe::Allowed,
    },
    Layer {
        name: "image",
        below: &["memory", "sys"],
        is_unsafe: Unsafe::Forbidden,
    },
    Layer {
        name: "branch",
        below: &["memory", "sys"],
        is_unsafe: Unsafe::Forbidden,
    },
    Layer {
        name: "vfs",
        below: &["image", "branch", "memory", "sys"],
        is_unsafe: Unsafe::Forbidden,
    },
];

/// Reports each path of a file of the module that leads up or aside.
pub(super) fn check(name: &str, text: &str, findings: &mut Vec<String>) {
    let Some(path) = name.strip_prefix(MODULE) else {
        return;
    };
    if path == "main.rs" || !path.ends_with(".rs") {
        return;
    }
    let layer = path
        .split_once('/')
        .and_then(|(layer, _)| LAYERS.iter().find(|known| known.name == layer));
    let Some(layer) = layer else {
        findings.push(format!("{name}: belongs to no layer of the module"));
        return;
    };
    for (line, target) in targets(path, text) {
        if target != layer.name && !layer.below.contains(&target.as_str()) {
            findings.push(format!(
                "{name}:{line}: the layer {} must not name crate::{target}",
                layer.name
            ));
        }
    }
    check_unsafe(name, path, text, layer, findings);
}

/// Reports a layer that should forbid unsafe code and does not.
fn check_unsafe(name: &str, path: &str, text: &str, layer: &Layer, findings: &mut Vec<String>) {
    let is_top = path.strip_prefix(layer.name) == Some("/mod.rs");
    let forbids = text.lines().any(|line| line == "#![forbid(unsafe_code)]");
    if layer.is_unsafe == Unsafe::Forbidden && is_top && !forbids {
        findings.push(format!("{name}: the layer must forbid unsafe code"));
    }
}

/// Returns the modules below the crate's root that a file names, with the numbers of the lines.
fn targets(path: &str, text: &str) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let depth = path.matches('/').count() + usize::from(!path.ends_with("/mod.rs"));
    let root = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", root.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = code.get(..at).unwrap_or_default();
            let is_path = before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
            if is_path {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            let rest = code.get(at + prefix.len()..).unwrap_or_default();
            found.extend(heads(rest).into_iter().map(|head| (line, head)));
        }
    }
    found
}

/// Returns the first names of the paths at the beginning of a text: one, or those in braces.
fn heads(text: &str) -> Vec<String> {
    let Some(list) = text.strip_prefix('{') else {
        return vec![identifier(text)];
    };
    let mut depth = 0_usize;
    let mut heads = vec![identifier(list)];
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(identifier(list.get(at + 1..).unwrap_or_default())),
            _ => {}
        }
    }
    // A list may end with a comma.
    heads.retain(|head| !head.is_empty());
    heads
}

fn identifier(text: &str) -> String {
    let text = text.trim_start();
    text.chars()
        .take_while(|&c| c.is_alphanumeric() || c == '_')
        .collect()
}

/// Blanks comments; links in documentation may lead anywhere.
fn without_comments(text: &str) -> String {
    let code = |line: &str| {
        line.split_once("//")
            .map_or(line, |(code, _)| code)
            .to_owned()
    };
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_in(name: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(name, text, &mut findings);
        findings
    }

    #[test]
    fn paths_lead_downwards() {
        let text = "use crate::memory::Peek;\nuse crate::{image, sys::{raw, vfs}};\n";
        assert!(findings_in("daxfs-kmod/vfs/map.rs", text).is_empty());
        assert_eq!(
            findings_in(
                "daxfs-kmod/image/open.rs",
                "use crate::{sys, vfs::{a}, branch};\n"
            ),
            [
                "daxfs-kmod/image/open.rs:1: the layer image must not name crate::vfs",
                "daxfs-kmod/image/open.rs:1: the layer image must not name crate::branch"
            ]
        );
        assert_eq!(
            findings_in(
                "daxfs-kmod/sys/fs/inode.rs",
                "\nfn f() { crate::memory::g() }\n"
            ),
            ["daxfs-kmod/sys/fs/inode.rs:2: the layer sys must not name crate::memory"]
        );
    }

    #[test]
    fn relative_paths_count_too() {
        let up = "use super::super::super::memory::Peek;\n";
        assert_eq!(findings_in("daxfs-kmod/sys/fs/inode.rs", up).len(), 1);
        assert_eq!(
            findings_in("daxfs-kmod/sys/fs/mod.rs", "use super::super::vfs;\n").len(),
            1
        );
        assert!(findings_in("daxfs-kmod/sys/fs/inode.rs", "use super::super::lock;\n").is_empty());
        assert!(findings_in("daxfs-kmod/image/open.rs", "use super::vfs::a;\n").is_empty());
    }

    #[test]
    fn comments_and_other_crates_are_no_paths_of_the_module() {
        let text = "/// See [`crate::vfs::map`].\nuse kernel::error::code; // crate::vfs\n";
        assert!(findings_in("daxfs-kmod/memory/page.rs", text).is_empty());
        let text = "use daxfs_format::image::Segment;\n$crate::vfs::x!();\n";
        assert!(findings_in("daxfs-kmod/memory/page.rs", text).is_empty());
    }

    #[test]
    fn every_file_has_a_layer_and_upper_layers_are_safe() {
        assert!(findings_in("daxfs-kmod/main.rs", "mod vfs;\n").is_empty());
        assert!(findings_in("daxfs-kmod/helpers.h", "").is_empty());
        assert_eq!(findings_in("daxfs-kmod/errno.rs", "").len(), 1);
        assert_eq!(findings_in("daxfs-kmod/vfs/mod.rs", "mod map;\n").len(), 1);
        let safe = "#![forbid(unsafe_code)]\nmod map;\n";
        assert!(findings_in("daxfs-kmod/vfs/mod.rs", safe).is_empty());
        assert!(findings_in("daxfs-kmod/sys/mod.rs", "mod raw;\n").is_empty());
    }
}
