// SPDX-License-Identifier: GPL-2.0-only
//! The current task: signals, scheduling, privileges.

use kernel::error::{code, Result};
use kernel::ffi::{c_int, c_long};

use super::raw;

/// Number of ticks in a second.
pub(crate) const HZ: c_long = raw::DAXFS_HZ;

/// Returns true if a fatal signal is pending.
#[inline]
pub(crate) fn is_killed() -> bool {
    // SAFETY: The function reads flags of the current task, which exists.
    unsafe { raw::daxfs_fatal_signal_pending() }
}

/// Lets other tasks run. The caller is in process context and holds no spinlock.
pub(crate) fn reschedule() {
    // SAFETY: The function may be called anywhere; where sleeping is not allowed a kernel built
    // with `DEBUG_ATOMIC_SLEEP` reports it.
    unsafe { raw::daxfs_cond_resched() };
}

/// Sleeps for a number of ticks, or until a fatal signal arrives. The caller holds no spinlock.
pub(crate) fn sleep(ticks: c_long) {
    // SAFETY: The function takes any number of ticks; it reports negative ones.
    unsafe { raw::schedule_timeout_killable(ticks) };
}

/// Lets other tasks run during long work. Returns `EINTR` if a fatal signal is pending.
pub(crate) fn reschedule_or_stop() -> Result {
    reschedule();
    match is_killed() {
        true => Err(code::EINTR),
        false => Ok(()),
    }
}

/// Returns true if the current task has `CAP_SYS_ADMIN` in the initial namespace.
pub(crate) fn is_administrator() -> bool {
    // CAST: Numbers of capabilities end at 63.
    // SAFETY: The function looks at the current task; the number is that of a capability.
    unsafe { raw::capable(raw::CAP_SYS_ADMIN as c_int) }
}

/// Returns the amount of memory that can be allocated without swapping, in bytes.
pub(crate) fn available_memory() -> u64 {
    // SAFETY: The function reads counters and takes no argument.
    let pages = unsafe { raw::si_mem_available() };
    u64::try_from(pages).unwrap_or(0) << super::size::PAGE_SHIFT
}
