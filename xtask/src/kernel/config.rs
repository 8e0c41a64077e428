// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel configuration: the smallest one that exists, plus a fragment.
//!
//! Kconfig silently drops a symbol whose dependencies are not met, so the result must have every
//! line of the fragment.

use std::fs;
use std::path::Path;

use anyhow::{bail, Context, Result};

use super::step::logged;
use super::toolchain::Toolchain;
use crate::process;

/// A kernel configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Configuration {
    /// The configuration for tests and benchmarks.
    Plain,
    /// The sanitizer kernel: the same with all run-time checks, ten times slower.
    San,
}

impl Configuration {
    /// Returns `San` if the flag is set.
    pub(crate) fn from_flag(san: bool) -> Self {
        if san {
            Self::San
        } else {
            Self::Plain
        }
    }

    /// Returns its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::San => "san",
        }
    }

    /// Returns the duration of its build.
    pub(crate) fn duration(self) -> &'static str {
        match self {
            Self::Plain => "10 to 25 minutes",
            Self::San => "20 to 40 minutes",
        }
    }

    /// Returns the fragment that is added to the smallest configuration.
    pub(crate) fn fragment(self) -> &'static str {
        match self {
            Self::Plain => include_str!("plain.config"),
            Self::San => concat!(include_str!("plain.config"), include_str!("san.config")),
        }
    }
}

/// Writes `out/.config`: `tinyconfig`, then `fragment`, then the defaults of all other symbols.
pub(crate) fn configure(
    toolchain: &Toolchain,
    source: &Path,
    out: &Path,
    fragment: &str,
) -> Result<()> {
    let log = out.join("config.log");
    let output = format!("O={}", out.display());
    logged(
        toolchain.make(source).args([output.as_str(), "tinyconfig"]),
        &log,
    )?;
    let file = out.join("fragment.config");
    fs::write(&file, fragment)?;
    let mut merge = toolchain.program("sh");
    merge
        .arg(source.join("scripts/kconfig/merge_config.sh"))
        .args(["-m", "-O"])
        .arg(out);
    process::capture(merge.arg(out.join(".config")).arg(&file).current_dir(out))?;
    logged(
        toolchain
            .make(source)
            .args([output.as_str(), "olddefconfig"]),
        &log,
    )?;
    let config = fs::read_to_string(out.join(".config")).context("cannot read .config")?;
    let dropped = dropped(fragment, &config);
    if !dropped.is_empty() {
        bail!(
            "this kernel's Kconfig does not take: {}",
            dropped.join(", ")
        );
    }
    Ok(())
}

/// Returns the lines of `fragment` that `config` does not have.
fn dropped<'a>(fragment: &'a str, config: &str) -> Vec<&'a str> {
    fragment
        .lines()
        .filter(|line| !holds(config, line))
        .collect()
}

/// Returns true if `config` agrees with one line of a fragment.
fn holds(config: &str, line: &str) -> bool {
    if line.starts_with("CONFIG_") {
        return config.lines().any(|have| have == line);
    }
    match line
        .strip_prefix("# ")
        .and_then(|rest| rest.strip_suffix(" is not set"))
    {
        Some(symbol) => !config
            .lines()
            .any(|have| have.starts_with(&format!("{symbol}="))),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{dropped, Configuration};

    #[test]
    fn a_symbol_that_did_not_stick_is_named() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n";
        let fragment = "# a comment\nCONFIG_A=y\nCONFIG_B=y\n\n# CONFIG_C is not set\n";
        assert_eq!(
            dropped(fragment, config),
            ["CONFIG_B=y", "# CONFIG_C is not set"]
        );
    }

    #[test]
    fn the_san_kernel_is_the_plain_one_and_more() {
        let (plain, san) = (
            Configuration::Plain.fragment(),
            Configuration::San.fragment(),
        );
        assert!(san.starts_with(plain) && san.contains("\nCONFIG_KASAN=y\n"));
        assert!(!plain.contains("KASAN"));
    }

    #[test]
    fn a_symbol_that_is_absent_counts_as_not_set() {
        assert!(dropped("# CONFIG_D is not set\n", "CONFIG_A=y\n").is_empty());
    }
}
