// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress bar, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Options;

/// A bar over so many `bytes`, on standard error if that is a terminal.
#[must_use]
pub fn bar(options: &Options, what: &'static str, bytes: u64) -> ProgressBar {
    if options.quiet {
        return ProgressBar::hidden();
    }
    let style = "{msg} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style);
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    bar.with_message(what)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
