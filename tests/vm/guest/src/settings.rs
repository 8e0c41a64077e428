// SPDX-License-Identifier: MIT OR Apache-2.0
//! The settings of the cases, which init takes from its arguments and passes on in the environment.

use std::time::Duration;

use anyhow::{Context, Result};
use daxfs_vm_protocol::{Arguments, Setting};

/// Puts the settings into the environment.
pub(crate) fn export(arguments: &Arguments) {
    for (setting, value) in &arguments.settings {
        std::env::set_var(setting.variable(), value);
    }
}

/// Returns a setting.
pub(crate) fn get(setting: Setting) -> Result<String> {
    let variable = setting.variable();
    std::env::var(&variable).with_context(|| format!("{variable} is not set"))
}

/// Returns the seed of random cases.
pub(crate) fn seed() -> u64 {
    number(Setting::Seed, 1)
}

/// Returns the number of mutants to mount.
pub(crate) fn mutants() -> u64 {
    number(Setting::Mutants, 300)
}

/// Returns the length of a case that has no end of its own.
pub(crate) fn seconds() -> Duration {
    Duration::from_secs(number(Setting::Seconds, 30))
}

fn number(setting: Setting, default: u64) -> u64 {
    let text = get(setting).unwrap_or_default();
    text.parse().unwrap_or(default)
}
