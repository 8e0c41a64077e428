// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress bar.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// When a progress bar is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A bar, if standard error is a terminal.
    OnTerminal,
    /// No bar.
    Never,
}

/// A bar over a number of bytes, on standard error. Any thread may move it.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar at 0 of `bytes`, with a word for the step that it shows.
    #[must_use]
    pub fn new(show: Show, step: &'static str, bytes: u64) -> Self {
        if show == Show::Never || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = "{msg:10} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        let style =
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(step);
        Self(bar)
    }

    /// Redraws the bar five times a second from now on, also while it does not move.
    pub fn tick(&self) {
        self.0.enable_steady_tick(Duration::from_millis(200));
    }

    /// Sets the word for the step.
    pub fn set_step(&self, step: &'static str) {
        self.0.set_message(step);
    }

    /// Sets the number of bytes at the end.
    pub fn set_bytes(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    /// Moves the bar on by `bytes`.
    pub fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// Prints a line on standard error, above the bar. A failure to print it is ignored: it cannot
    /// be reported anywhere.
    pub fn print(&self, line: impl Display) {
        self.0.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
