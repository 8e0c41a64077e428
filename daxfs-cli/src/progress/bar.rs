// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bar of a phase with a known end, and the spinner of one without, on a terminal.

use std::env;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Phase, Unit};

/// The redraws of a bar that does not move.
const TICK: Duration = Duration::from_millis(200);
/// The width from which on a terminal has room for a bar, rate and time.
const WIDE: u16 = 76;
/// The width from which on a terminal has room for counts and time.
const MIDDLE: u16 = 48;

/// Returns true if standard error is a terminal on which the cursor moves.
pub(super) fn is_possible() -> bool {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

/// A bar that is drawn from the first phase on.
pub(super) fn new() -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
}

/// Shows a phase.
pub(super) fn begin(bar: &ProgressBar, phase: Phase) {
    bar.reset();
    match phase.total {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_style(style(phase, console::Term::stderr().size().1));
    bar.set_message(phase.title);
    bar.set_position(phase.done);
    bar.reset_eta();
    bar.enable_steady_tick(TICK);
}

/// The style of a phase on a terminal of `width` columns.
fn style(phase: Phase, width: u16) -> ProgressStyle {
    let text = template(phase, width);
    let style = ProgressStyle::with_template(text);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ").tick_chars("|/-\\ ")
}

fn template(phase: Phase, width: u16) -> &'static str {
    let is_known = phase.total.is_some_and(|total| total != 0);
    match (phase.unit, is_known) {
        (Unit::Bytes, true) if width >= WIDE => {
            "{msg:10} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left"
        }
        (_, true) if width >= WIDE => {
            "{msg:10} [{wide_bar}] {human_pos}/{human_len} {per_sec}, {eta} left"
        }
        (_, true) if width >= MIDDLE => "{msg:10} {percent:>3} %, {eta} left",
        (_, true) => "{percent:>3} %",
        (Unit::Entries, false) if width >= MIDDLE => "{spinner} {msg:10} {human_pos}, {per_sec}",
        (Unit::Bytes, false) if width >= MIDDLE => "{spinner} {msg:10} {bytes}, {bytes_per_sec}",
        (Unit::Steps, false) if width >= MIDDLE => "{spinner} {msg:10} {elapsed}",
        (_, false) => "{spinner} {wide_msg}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_one() {
        for unit in [Unit::Bytes, Unit::Entries, Unit::Steps] {
            for total in [None, Some(0), Some(7)] {
                for width in [0, 20, MIDDLE, WIDE, 200] {
                    let phase = Phase {
                        name: "a",
                        title: "a",
                        unit,
                        done: 0,
                        total,
                    };
                    let text = template(phase, width);
                    assert!(ProgressStyle::with_template(text).is_ok(), "{text}");
                }
            }
        }
    }
}
