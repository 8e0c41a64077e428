// SPDX-License-Identifier: MIT OR Apache-2.0
//! The members of the workspace: their lints, and the direction of their dependencies.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// For each member, the crates of this workspace that it may depend on.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("daxfs-format", &[]),
    ("daxfs-sha256", &[]),
    ("daxfs-image", &["daxfs-format", "daxfs-sha256"]),
    ("daxfs-cli", &["daxfs-format", "daxfs-image"]),
    ("mkdaxfs", &["daxfs-format", "daxfs-image", "daxfs-cli"]),
    ("daxfs-fsck", &["daxfs-format", "daxfs-image", "daxfs-cli"]),
    (
        "daxfs-inspect",
        &["daxfs-format", "daxfs-image", "daxfs-cli"],
    ),
    ("daxfs-dist", &["mkdaxfs", "daxfs-fsck", "daxfs-inspect"]),
    (
        "daxfs-hostile",
        &["daxfs-format", "daxfs-image", "daxfs-test-random"],
    ),
    ("daxfs-panic-free", &["daxfs-format"]),
    ("daxfs-test-json", &[]),
    ("daxfs-test-random", &[]),
    ("daxfs-vm-protocol", &[]),
    ("daxfs-testtree", &["daxfs-test-random"]),
    (
        "daxfs-fuzztargets",
        &[
            "daxfs-format",
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

/// Reports members that do not inherit the lints, and dependencies against the direction.
///
/// # Errors
/// When cargo does not list the members.
pub(super) fn check(findings: &mut Vec<String>) -> Result<()> {
    let metadata = metadata()?;
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

fn metadata() -> Result<Value> {
    let text =
        process::capture(process::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    serde_json::from_str(&text).context("cargo metadata did not print JSON")
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
            "{name}: a new member needs a line in the table of xtask/src/tidy/members.rs"
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
