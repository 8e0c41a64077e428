// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the source tree that no compiler checks.
//!
//! | rule | why |
//! |---|---|
//! | each source file starts with its SPDX line | the licence of every file is beyond doubt |
//! | each member inherits the workspace's lints | no crate escapes the rules by omission |
//! | dependencies point one way | the format crate knows no tool, and xtask links no product |
//! | unsafe code is allowed in named places only | everything else can be read as safe |
//! | no notes of unfinished work | what is unfinished is not merged |

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, Context, Result};
use serde_json::Value;

use crate::report::Log;
use crate::{process, workspace};

/// Which crates of this workspace each member may depend on.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("daxfs-format", &[]),
    ("daxfs-sha256", &[]),
    ("daxfs-image", &["daxfs-format", "daxfs-sha256"]),
    ("mkdaxfs", &["daxfs-format", "daxfs-image"]),
    ("daxfs-fsck", &["daxfs-format", "daxfs-image"]),
    ("daxfs-inspect", &["daxfs-format", "daxfs-image"]),
    ("daxfs-dist", &["mkdaxfs", "daxfs-fsck", "daxfs-inspect"]),
    (
        "daxfs-hostile",
        &["daxfs-format", "daxfs-image", "daxfs-test-random"],
    ),
    ("daxfs-panic-free", &["daxfs-format"]),
    ("daxfs-test-random", &[]),
    ("daxfs-vm-protocol", &[]),
    ("daxfs-testtree", &["daxfs-test-random"]),
    (
        "daxfs-fuzztargets",
        &[
            "mkdaxfs",
            "daxfs-fsck",
            "daxfs-inspect",
            "daxfs-image",
            "daxfs-hostile",
            "daxfs-testtree",
            "daxfs-test-random",
        ],
    ),
    (
        "daxfs-guest",
        &[
            "daxfs-format",
            "daxfs-hostile",
            "daxfs-image",
            "daxfs-test-random",
            "daxfs-vm-protocol",
        ],
    ),
    ("xtask", &["daxfs-testtree", "daxfs-vm-protocol"]),
];

/// Directories whose code may hold `unsafe`.
const UNSAFE_ALLOWED: &[&str] = &[
    "daxfs-image/",
    "daxfs-sha256/",
    "daxfs-kmod/",
    "tests/",
    "guest/",
];

/// Checks every rule and reports all findings at once.
///
/// # Errors
/// When a rule is broken, or the tree cannot be read.
pub(crate) fn run(log: &mut Log) -> Result<()> {
    let mut findings = Vec::new();
    let files = tracked_files()?;
    for name in &files {
        let path = workspace::root().join(name);
        // A file that is deleted but still in git's index is no source file.
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        check_file(name, &text, &mut findings);
    }
    check_members(&metadata()?, &mut findings)?;
    for finding in &findings {
        log.line(finding);
    }
    log.note(format!("{} files", files.len()));
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings", findings.len())
}

fn tracked_files() -> Result<Vec<String>> {
    let list = process::capture(
        Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(workspace::root()),
    )?;
    Ok(list.split_terminator('\0').map(str::to_owned).collect())
}

fn metadata() -> Result<Value> {
    let text =
        process::capture(process::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    serde_json::from_str(&text).context("cargo metadata did not print JSON")
}

fn check_file(name: &str, text: &str, findings: &mut Vec<String>) {
    if is_source(name) {
        check_spdx(name, text, findings);
        check_notes(name, text, findings);
    }
    if name.ends_with(".rs") {
        check_unsafe(name, text, findings);
    }
}

fn is_source(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    matches!(extension, Some("rs" | "c" | "h" | "S" | "sh" | "py"))
        || name == ".ci/run"
        || name.ends_with("/Kbuild")
}

fn check_spdx(name: &str, text: &str, findings: &mut Vec<String>) {
    let expected = if name.starts_with("daxfs-kmod/") {
        "GPL-2.0-only"
    } else {
        "MIT OR Apache-2.0"
    };
    let head = text.lines().find(|line| !line.starts_with("#!"));
    let license = head.and_then(|line| line.split_once("SPDX-License-Identifier: "));
    let license = license.map(|(_, rest)| rest.trim_end_matches("*/").trim_end());
    if license != Some(expected) {
        findings.push(format!("{name}:1: expected an SPDX line for {expected}"));
    }
}

fn check_notes(name: &str, text: &str, findings: &mut Vec<String>) {
    // Written in two pieces so that this file does not find itself.
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

fn check_unsafe(name: &str, text: &str, findings: &mut Vec<String>) {
    let marks = [
        concat!("allow(unsafe", "_code"),
        concat!("expect(unsafe", "_code"),
    ];
    let allowed = UNSAFE_ALLOWED
        .iter()
        .any(|place| name.starts_with(place) || name.contains(place));
    if !allowed && marks.iter().any(|mark| text.contains(mark)) {
        findings.push(format!(
            "{name}: unsafe code is not allowed in this part of the tree"
        ));
    }
}

fn check_members(metadata: &Value, findings: &mut Vec<String>) -> Result<()> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let manifest = package["manifest_path"]
            .as_str()
            .context("a package has no manifest")?;
        let text = fs::read_to_string(manifest)?;
        if !inherits_lints(&text) {
            findings.push(format!(
                "{manifest}: does not inherit the lints of the workspace"
            ));
        }
        check_dependencies(name, package, findings);
    }
    Ok(())
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

fn check_dependencies(name: &str, package: &Value, findings: &mut Vec<String>) {
    let Some((_, allowed)) = ALLOWED_DEPENDENCIES
        .iter()
        .find(|(member, _)| *member == name)
    else {
        findings.push(format!(
            "{name}: a new member needs a line in the table of tidy.rs"
        ));
        return;
    };
    let dependencies = package["dependencies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for dependency in dependencies
        .iter()
        .filter(|dependency| is_normal(dependency))
    {
        let target = dependency["name"].as_str().unwrap_or_default();
        let ours = ALLOWED_DEPENDENCIES
            .iter()
            .any(|(member, _)| *member == target);
        if ours && !allowed.contains(&target) {
            findings.push(format!("{name}: must not depend on {target}"));
        }
    }
}

/// Tests may use any crate; only what is linked into the product has a direction.
fn is_normal(dependency: &Value) -> bool {
    dependency["kind"].is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_in(name: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(name, text, &mut findings);
        findings
    }

    #[test]
    fn each_source_file_needs_its_own_licence() {
        let ours = "// SPDX-License-Identifier: MIT OR Apache-2.0\n";
        let kernel = "/* SPDX-License-Identifier: GPL-2.0-only */\n";
        assert!(findings_in("mkdaxfs/src/main.rs", ours).is_empty());
        assert!(findings_in("daxfs-kmod/helpers.c", kernel).is_empty());
        assert!(findings_in(".ci/run", &format!("#!/bin/sh\n# {}", &ours[3..])).is_empty());
        assert_eq!(
            findings_in("mkdaxfs/src/main.rs", "fn main() {}\n").len(),
            1
        );
        assert_eq!(findings_in("daxfs-kmod/helpers.c", ours).len(), 1);
        assert_eq!(findings_in("mkdaxfs/src/lib.rs", kernel).len(), 1);
    }

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

    #[test]
    fn lints_must_be_inherited() {
        assert!(inherits_lints(
            "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"
        ));
        assert!(!inherits_lints(
            "[lints]\n[dependencies]\nworkspace = true\n"
        ));
        assert!(!inherits_lints(
            "[package]\nname = \"a\"\nworkspace = true\n"
        ));
    }

    #[test]
    fn dependencies_against_the_direction_are_found() {
        let metadata: Value = serde_json::from_str(
            r#"{"dependencies": [{"name": "mkdaxfs", "kind": null},
                                 {"name": "mkdaxfs", "kind": "dev"},
                                 {"name": "libc", "kind": null}]}"#,
        )
        .unwrap();
        let mut findings = Vec::new();
        check_dependencies("daxfs-image", &metadata, &mut findings);
        assert_eq!(findings, ["daxfs-image: must not depend on mkdaxfs"]);
    }
}
