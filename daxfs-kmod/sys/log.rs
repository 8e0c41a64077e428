// SPDX-License-Identifier: GPL-2.0-only
//! Messages to whoever mounts, and to the kernel log.

use core::fmt::Arguments;

use kernel::ffi::c_void;
use kernel::prelude::*;

use super::raw;

/// Where messages about one mount go.
#[derive(Clone, Copy)]
pub(crate) struct Log(*mut raw::fc_log);

impl Log {
    /// The messages of a mount context.
    ///
    /// # Safety
    /// `context` is valid, and stays so for as long as the log is used.
    pub(crate) unsafe fn of(context: *const raw::fs_context) -> Self {
        // SAFETY: The context is valid.
        Self(unsafe { (*context).log.log })
    }

    /// Reports an error, in the context's log (which mount(8) prints) and in the kernel log.
    pub(crate) fn error(self, message: Arguments<'_>) {
        if !self.0.is_null() {
            pr_err!("{}\n", message);
        }
        // SAFETY: A null log stands for the kernel log; `%pA` takes a pointer to `Arguments`.
        unsafe {
            raw::logfc(
                self.0,
                c"daxfs".as_char_ptr(),
                b'e',
                c"%pA".as_char_ptr(),
                (&raw const message).cast::<c_void>(),
            );
        }
    }
}

/// Reports damage found while the file system is in use, unless too much was reported lately.
pub(crate) fn damage(message: Arguments<'_>) {
    // SAFETY: Counts and reads a clock.
    if unsafe { raw::daxfs_printk_ratelimit() } {
        pr_err!("{}\n", message);
    }
}
