// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts of opened, read and executed files of one mount, by fanotify(7). They prove that a test
//! has used the file system.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{anyhow, Context, Result};

use crate::sys;

/// The pause between two reads of events.
const PAUSE: Duration = Duration::from_millis(20);

/// Counts events of one mount until it is asked for their number.
pub(crate) struct Touches {
    stop: Arc<AtomicBool>,
    reader: JoinHandle<u64>,
}

impl Touches {
    /// Counts from now on what happens through the mount that holds `path`. What an overlay does
    /// with a file below it does not count: it has a mount of its own.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        // Events come with handles, which spares a descriptor for each.
        let flags = libc::FAN_CLASS_NOTIF
            | libc::FAN_REPORT_FID
            | libc::FAN_UNLIMITED_QUEUE
            | libc::FAN_NONBLOCK
            | libc::FAN_CLOEXEC;
        // SAFETY: Takes two numbers.
        let events = sys::descriptor(unsafe { libc::fanotify_init(flags, 0) });
        let events = File::from(events.context("fanotify_init")?);
        let path = sys::cstring(path)?;
        // SAFETY: The descriptor is open, the path is a C string.
        sys::check(unsafe {
            libc::fanotify_mark(
                events.as_raw_fd(),
                libc::FAN_MARK_ADD | libc::FAN_MARK_MOUNT,
                libc::FAN_OPEN | libc::FAN_ACCESS | libc::FAN_OPEN_EXEC | libc::FAN_ONDIR,
                libc::AT_FDCWD,
                path.as_ptr(),
            )
        })
        .context("fanotify_mark")?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        Ok(Self {
            stop,
            reader: thread::spawn(move || count(events, &seen)),
        })
    }

    /// Returns the number of events so far. Equal events that were not read yet count once.
    pub(crate) fn end(self) -> Result<u64> {
        self.stop.store(true, Ordering::Release);
        self.reader
            .join()
            .map_err(|_| anyhow!("the reader of events has died"))
    }
}

fn count(mut events: File, stop: &AtomicBool) -> u64 {
    let (mut found, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        let last = stop.load(Ordering::Acquire);
        while let Ok(length @ 1..) = events.read(&mut buffer) {
            found += events_in(buffer.get(..length).unwrap_or_default());
        }
        if last {
            return found;
        }
        thread::sleep(PAUSE);
    }
}

/// The number of events in what was read: each begins with its length.
fn events_in(mut bytes: &[u8]) -> u64 {
    let mut found = 0;
    while let Some((length, _)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        match bytes.get(length.max(4)..) {
            Some(rest) => bytes = rest,
            None => break,
        }
        found += 1;
    }
    found
}
