// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads of a check, and their views of the image.

use std::thread::{self, ScopedJoinHandle};

use super::error::{lost, CheckError};
use crate::file::{self, FileImage};

/// Another view of an image, for another thread.
pub(super) fn view(image: &FileImage) -> Result<FileImage, CheckError> {
    file::share(image).map_err(|_| lost(image.memory()))
}

/// Starts a thread of a scope.
pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, CheckError> {
    thread::Builder::new()
        .spawn_scoped(scope, run)
        .map_err(CheckError::Thread)
}

/// Waits for a thread; its panic becomes one of this thread.
pub(super) fn join<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
