// SPDX-License-Identifier: MIT OR Apache-2.0
//! The SPDX line that starts each source file.

/// Reports a file whose first line, behind `#!`, does not state the licence of its directory.
pub(super) fn check(name: &str, text: &str, findings: &mut Vec<String>) {
    let expected = expected(name);
    let head = text.lines().find(|line| !line.starts_with("#!"));
    let license = head.and_then(|line| line.split_once("SPDX-License-Identifier: "));
    let license = license.map(|(_, rest)| rest.trim_end_matches("*/").trim_end());
    if license != Some(expected) {
        findings.push(format!("{name}:1: expected an SPDX line for {expected}"));
    }
}

fn expected(name: &str) -> &'static str {
    if name.starts_with("daxfs-kmod/") {
        "GPL-2.0-only"
    } else {
        "MIT OR Apache-2.0"
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings_in;

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
}
