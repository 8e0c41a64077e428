// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last steps of a run that a signal ends: the progress goes away, and a message says what
//! the run has left.

use std::sync::{Arc, Mutex, PoisonError};

use daxfs_cli::progress::Progress;

/// The current step.
static STEP: Mutex<Step> = Mutex::new(Step {
    progress: None,
    left: None,
});

struct Step {
    progress: Option<Arc<Progress>>,
    left: Option<String>,
}

/// Sets the progress of the current step, and the text about the output that a signal would leave; `None`
/// while nothing is written.
pub fn set(progress: &Arc<Progress>, left: Option<String>) {
    let mut step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    *step = Step {
        progress: Some(Arc::clone(progress)),
        left,
    };
}

/// Ends the current step with its result: its output is complete, or an error is about it.
///
/// # Errors
/// The result.
pub fn end<T, E>(result: Result<T, E>) -> Result<T, E> {
    let mut step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(progress) = step.progress.take() {
        match &result {
            Ok(_) => progress.end(),
            Err(_) => progress.clear(),
        }
    }
    step.left = None;
    result
}

/// Takes the progress off the terminal, and returns the text about the output that is left.
#[must_use]
pub fn last_steps() -> String {
    let step = STEP.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(progress) = &step.progress {
        progress.clear();
    }
    let nothing = || "nothing was written".to_owned();
    step.left.clone().unwrap_or_else(nothing)
}
