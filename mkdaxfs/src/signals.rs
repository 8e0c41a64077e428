// SPDX-License-Identifier: MIT OR Apache-2.0
//! What signals do to an image that is not complete.

use std::{io, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::output::remove_leftovers;

/// Has this process remove what is not complete when a signal ends it. That a file may not grow is
/// an error of the write, and no reason to be killed.
///
/// # Errors
/// When the system refuses to tell of signals.
pub fn watch_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ])?;
    thread::Builder::new().spawn(move || {
        for signal in signals.forever().filter(|&signal| signal != SIGXFSZ) {
            remove_leftovers();
            // If this fails there is nothing left to do but to go on.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    })?;
    Ok(())
}
