// SPDX-License-Identifier: GPL-2.0-only
//! Messages to mount contexts and to the kernel log.

use core::fmt::Arguments;
use core::marker::PhantomData;

use kernel::ffi::c_void;
use kernel::prelude::*;

use super::raw;

/// Destination of the messages of one mount.
///
/// # Invariants
/// The pointer is null, or that to the log of a mount context, which lives for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a>(*mut raw::fc_log, PhantomData<&'a raw::fs_context>);

impl<'a> Log<'a> {
    /// Returns the destination for a mount context.
    ///
    /// # Safety
    /// `context` is valid for `'a`.
    pub(super) unsafe fn of(context: *const raw::fs_context) -> Self {
        // SAFETY: The context is valid, by the contract of this function.
        let log = unsafe { (*context).log.log };
        // INVARIANT: A context keeps its log for as long as it lives.
        Self(log, PhantomData)
    }

    /// Reports an error to the context's log, which mount(8) prints, and to the kernel log. The
    /// author of the mount may mount.
    pub(crate) fn error(self, message: Arguments<'_>) {
        if !self.0.is_null() {
            pr_err!("{}\n", message);
        }
        self.write(b'e', message);
    }

    /// Reports what the author of a mount should know to both, though the mount succeeds.
    pub(crate) fn warning(self, message: Arguments<'_>) {
        if !self.0.is_null() {
            pr_warn!("{}\n", message);
        }
        self.write(b'w', message);
    }

    /// Reports an option that is refused, to the context's log alone. Without one, as under
    /// mount(2), it reports to the kernel log, at a limited rate: options are parsed before any
    /// check whether their author may mount.
    pub(crate) fn refuse_option(self, message: Arguments<'_>) {
        // SAFETY: The function takes no argument, and works in any context: it only tries its lock.
        if !self.0.is_null() || unsafe { raw::daxfs_may_refuse() } {
            self.write(b'e', message);
        }
    }

    /// Writes to the context's log, or to the kernel log if there is none, at a level of the
    /// former.
    fn write(self, level: u8, message: Arguments<'_>) {
        // SAFETY: By the invariant the log is valid, or null, for which the function takes the
        // kernel log; prefix and format are C strings; `%pA` takes a pointer to `Arguments`.
        unsafe {
            raw::logfc(
                self.0,
                c"daxfs".as_char_ptr(),
                level,
                c"%pA".as_char_ptr(),
                (&raw const message).cast::<c_void>(),
            );
        }
    }
}

/// Reports damage of an image in use to the kernel log, at a limited rate.
pub(crate) fn damage(message: Arguments<'_>) {
    // SAFETY: The function takes no argument, and works in any context: it only tries its lock.
    if unsafe { raw::daxfs_may_report() } {
        pr_err!("{}\n", message);
    }
}

/// Reports damage that was found once to the kernel log.
pub(crate) fn error(message: Arguments<'_>) {
    pr_err!("{}\n", message);
}
