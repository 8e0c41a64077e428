// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`, as far as it measures in guests.
//!
//! | module | owns |
//! |---|---|
//! | [`comparison`] | tables of this file system beside others |
//! | [`mod@containers`] | `cargo xtask bench containers` |
//! | [`mod@mount`] | `cargo xtask bench mount` |
//! | [`mod@share`] | `cargo xtask bench share` |

mod comparison;
mod containers;
mod mount;
mod share;

use anyhow::{Context, Result};
use daxfs_vm_protocol::{table, Arguments, Selection};

use super::files::Files;
use super::machine::Processor;
use super::session::{Outcome, Session};

pub(crate) use containers::Args as ContainersArgs;
pub(crate) use mount::Args as MountArgs;
pub(crate) use share::Args as ShareArgs;

/// Runs a whole suite, with machines and arguments that `adapt` has changed. All its cases must
/// pass.
fn run(
    suite: &str,
    files: &mut Files,
    adapt: impl FnOnce(&mut Session, &mut Arguments),
) -> Result<Outcome> {
    let suite = table::suite(suite).with_context(|| format!("no suite is called {suite}"))?;
    let module = files.artifacts.module.clone();
    let made = files.of_suite(suite, &module)?;
    let mut session = Session::new(suite, &made, &files.artifacts, Processor::Emulated)?;
    let mut arguments = Arguments::for_suite(suite.name, Selection::All);
    adapt(&mut session, &mut arguments);
    let mut outcome = session.run(&arguments)?;
    for (number, report) in outcome.reports.iter_mut().enumerate() {
        report.expect(&Selection::All.runs_of(suite, number));
    }
    outcome.expect_success()?;
    Ok(outcome)
}
