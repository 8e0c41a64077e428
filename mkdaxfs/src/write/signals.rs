// SPDX-License-Identifier: MIT OR Apache-2.0
//! The removal of an incomplete image when a signal ends the process.

use std::{io, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::output::temporary::remove_leftovers;

/// Has this process remove incomplete images when a signal ends it. `SIGXFSZ` does not end it any
/// more: the write that exceeds the limit fails instead.
///
/// # Errors
/// When the system does not deliver signals.
pub fn watch_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ])?;
    thread::Builder::new().spawn(move || {
        for signal in signals.forever().filter(|&signal| signal != SIGXFSZ) {
            remove_leftovers();
            // If this fails, the process goes on.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    })?;
    Ok(())
}
