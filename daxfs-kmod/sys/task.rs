// SPDX-License-Identifier: GPL-2.0-only
//! The current task: whether it is to die, and letting others run.

use kernel::error::{code, Result};

use super::raw;

/// Whether the task is about to die.
#[inline]
pub(crate) fn is_killed() -> bool {
    // SAFETY: Looks at the current task.
    unsafe { raw::daxfs_fatal_signal_pending() }
}

/// Lets others run. The caller is in process context, without spinlocks.
pub(crate) fn let_others_run() {
    // SAFETY: By what is asked of the caller, which the kernel looks at itself where it is built for that.
    unsafe { raw::daxfs_cond_resched() };
}

/// Lets others run in long work; fails when this task is to die.
pub(crate) fn give_way() -> Result {
    let_others_run();
    match is_killed() {
        true => Err(code::EINTR),
        false => Ok(()),
    }
}
