// SPDX-License-Identifier: GPL-2.0-only
//! This module, and references that keep it loaded.

use super::raw;

/// Returns this module as C names it.
pub(super) const fn this_module() -> *mut raw::module {
    (&raw const raw::__this_module).cast_mut()
}

/// A reference that keeps this module loaded. Code that takes one is kept loaded by something else;
/// so is code that drops one, or unloading waits for it.
pub(crate) struct ModuleReference(());

impl ModuleReference {
    /// Takes a reference.
    pub(crate) fn take() -> Self {
        // SAFETY: `this_module` is the address of this module, which is in use: this code runs.
        unsafe { raw::daxfs_module_get(this_module()) };
        Self(())
    }
}

impl Drop for ModuleReference {
    fn drop(&mut self) {
        // SAFETY: `this_module` is the address of this module; the reference is the one of `take`.
        unsafe { raw::module_put(this_module()) };
    }
}
