// SPDX-License-Identifier: GPL-2.0-only
//! Marks of poisoned pages. A mark stays for as long as the struct page.

use kernel::sync::atomic::{Atomic, Relaxed};

use super::page::{Page, Pfn, FLAGS};

/// True if any page of any range was ever marked. Until then no code looks at marks.
static SEEN: Atomic<bool> = Atomic::new(false);

/// Returns true if pages can have marks.
#[inline]
pub(super) fn seen() -> bool {
    SEEN.load(Relaxed)
}

/// Marks `count` pages from the one with the number `first` on.
///
/// # Safety
/// They belong to a map that lives.
pub(super) unsafe fn mark(first: u64, count: u64) {
    let flags = FLAGS.lock();
    // Code that looks for marks under the lock sees this.
    SEEN.store(true, Relaxed);
    for number in first..first.saturating_add(count) {
        // SAFETY: By the contract of this function.
        unsafe { Page::of(Pfn(number)) }.mark_poisoned(&flags);
    }
}

/// Returns true if any of these pages is marked.
#[cold]
pub(super) fn any_marked<'a>(mut pages: impl Iterator<Item = Page<'a>>) -> bool {
    pages.any(Page::is_poisoned)
}
