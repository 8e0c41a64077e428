// SPDX-License-Identifier: GPL-2.0-only
//! Messages to whoever mounts, and to the kernel log.

use core::fmt::Arguments;
use core::marker::PhantomData;

use kernel::ffi::c_void;
use kernel::prelude::*;

use super::raw;

/// Where messages about one mount go.
///
/// # Invariants
/// The log is null or, for `'a`, that of a mount context.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a>(*mut raw::fc_log, PhantomData<&'a raw::fs_context>);

impl<'a> Log<'a> {
    /// The messages of a mount context.
    ///
    /// # Safety
    /// `context` is valid for `'a`.
    pub(crate) unsafe fn of(context: *const raw::fs_context) -> Self {
        // SAFETY: The context is valid.
        let log = unsafe { (*context).log.log };
        // INVARIANT: A context keeps its log for as long as it lives.
        Self(log, PhantomData)
    }

    /// Reports an error of somebody who may mount, in the context's log (which mount(8) prints) and in the
    /// kernel log.
    pub(crate) fn error(self, message: Arguments<'_>) {
        if !self.0.is_null() {
            pr_err!("{}\n", message);
        }
        self.tell(message);
    }

    /// Reports an option that cannot be taken, in the context's log alone. Where there is none, as for mount(2), that is
    /// the kernel log, unless too much was reported lately: options are read before anybody asks whether
    /// their author may mount.
    pub(crate) fn refuse_option(self, message: Arguments<'_>) {
        // SAFETY: The function takes nothing, and may be called in any context: it only tries the lock of its state.
        if !self.0.is_null() || unsafe { raw::daxfs_may_refuse() } {
            self.tell(message);
        }
    }

    /// Reports an error in the context's log, or in the kernel log if there is none.
    fn tell(self, message: Arguments<'_>) {
        // SAFETY: By the invariant the log is valid, or null, which stands for the kernel log; the
        // prefix and the format are C strings, and `%pA` takes a pointer to `Arguments`.
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
    // SAFETY: The function takes nothing, and may be called in any context: it only tries the lock of its state.
    if unsafe { raw::daxfs_may_report() } {
        pr_err!("{}\n", message);
    }
}
