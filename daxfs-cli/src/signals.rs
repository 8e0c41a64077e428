// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals that end a program: its last steps, its last message, and its death by the signal.
//!
//! A signal that was ignored when the program started stays ignored: `nohup` and shells that start
//! jobs in the background rely on it. `SIGXFSZ` ends no program: the write that exceeds the limit
//! on file sizes fails instead.

use std::fmt::Display;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io, process, thread};

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::program::Program;

/// The signals that end a process and come from terminals, other programs, timers and limits.
const ENDING: [i32; 10] = [
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// Time for the last steps. They may wait for a terminal that is stopped, or for a full pipe.
const LAST_STEPS: Duration = Duration::from_secs(1);

/// Has a signal run `last_steps`, print "interrupted; " with the text that they return, and end the
/// process by this signal, so that shells see it.
///
/// The steps run in a thread of their own while the others work. They clear the progress bar,
/// remove incomplete files, and say in their text what is left. A lock that they hold for ever keeps
/// others from making the text wrong. The process ends after a second, even if they have not
/// returned.
///
/// # Errors
/// When the system delivers no signals, or there is no thread to wait for them.
pub fn watch<T: Display>(
    program: Program,
    last_steps: impl FnOnce() -> T + Send + 'static,
) -> io::Result<()> {
    let ignored = Mask::ignored();
    let watched = ENDING.into_iter().chain([SIGXFSZ]);
    let mut signals = Signals::new(watched.filter(|&signal| !ignored.has(signal)))?;
    let wait = move || {
        let ending = signals.forever().find(|&signal| signal != SIGXFSZ);
        if let Some(signal) = ending {
            end(signal, move || {
                program.message(format_args!("interrupted; {}", last_steps()));
            });
        }
    };
    thread::Builder::new().spawn(wait).map(drop)
}

/// Runs the last steps, and ends the process by a signal.
fn end(signal: i32, last_steps: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let run = move || {
        last_steps();
        // If nothing waits any more, the process ends already.
        let _ = done.send(());
    };
    if thread::Builder::new().spawn(run).is_ok() {
        // The sender is dropped unused if the steps panic, which ends the wait too.
        let _ = wait.recv_timeout(LAST_STEPS);
    }
    // The first process of a container does not die of signals that it sends to itself.
    if process::id() == 1 {
        exit(128 + signal);
    }
    // If this fails, the process goes on.
    let _ = emulate_default_handler(signal);
}

/// A set of signals, as the system prints it: signal 1 is the lowest bit.
#[derive(Clone, Copy, Debug)]
struct Mask(u64);

impl Mask {
    /// The signals that this process ignores: none without `/proc`.
    fn ignored() -> Self {
        let status = fs::read("/proc/self/status").unwrap_or_default();
        Self::ignored_in(&String::from_utf8_lossy(&status))
    }

    fn ignored_in(status: &str) -> Self {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
        Self(mask.unwrap_or(0))
    }

    fn has(self, signal: i32) -> bool {
        let bit = u32::try_from(signal - 1).unwrap_or(u32::MAX);
        self.0.checked_shr(bit).is_some_and(|bits| bits & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\ta\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        let ignored = Mask::ignored_in(status);
        for (signal, is_ignored) in [(1, true), (2, false), (13, true), (64, false), (0, false)] {
            assert_eq!(ignored.has(signal), is_ignored, "{signal}");
        }
        for status in ["", "SigIgn:\tx\n", "SigIgn:"] {
            assert!(!Mask::ignored_in(status).has(1), "{status}");
        }
    }

    /// The runtime of Rust ignores this signal in every program.
    #[test]
    fn the_system_says_which_signals_are_ignored() {
        assert!(Mask::ignored().has(signal_hook::consts::SIGPIPE));
    }
}
