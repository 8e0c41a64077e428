// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last steps of a run that a signal ends: the progress bar goes away, and a message says what
//! the run has left.

use std::sync::{Arc, Mutex, PoisonError};

use daxfs_cli::progress::Bar;

/// The current step.
static STEP: Mutex<Step> = Mutex::new(Step {
    bar: None,
    left: None,
});

struct Step {
    bar: Option<Arc<Bar>>,
    left: Option<String>,
}

/// Sets the bar of the current step, and the text about the output that a signal would leave; `None`
/// while nothing is written.
pub fn set(bar: &Arc<Bar>, left: Option<String>) {
    let mut step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    *step = Step {
        bar: Some(Arc::clone(bar)),
        left,
    };
}

/// Ends the current step: its output is complete.
pub fn clear() {
    let mut step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bar) = step.bar.take() {
        bar.finish();
    }
    step.left = None;
}

/// Takes the bar off the terminal, and returns the text about the output that is left.
#[must_use]
pub fn last_steps() -> String {
    let step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bar) = &step.bar {
        bar.finish();
    }
    let nothing = || "nothing was written".to_owned();
    step.left.clone().unwrap_or_else(nothing)
}
