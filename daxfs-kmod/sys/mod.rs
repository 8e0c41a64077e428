// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's C interfaces as safe types.
//!
//! | module | owns |
//! |---|---|
//! | [`raw`] | bindings to C, made by bindgen |
//! | [`num`] | conversions between the integers of the kernel and of the format |
//! | [`size`] | sizes of pages and of huge pages |
//! | [`errno`] | error numbers, and results in the forms that C takes |
//! | [`log`] | messages to mount contexts and to the kernel log |
//! | [`once`] | initialisation that happens once |
//! | [`module`] | this module, and references that keep it loaded |
//! | [`task`] | the current task: signals, scheduling, privileges |
//! | [`lock`] | reader-writer semaphores |
//! | [`background`] | work that a worker thread does once for an object |
//! | [`deferred`] | delayed work |
//! | [`copy`] | copies out of memory that others write and that may fail |
//! | [`iter`] | destinations of reads |
//! | [`hash`] | XXH64 and SHA-256 of the kernel for the format crate |
//! | [`fs`] | objects of the VFS, and the functions that the VFS calls |

pub(crate) mod background;
pub(crate) mod copy;
pub(crate) mod deferred;
pub(crate) mod errno;
pub(crate) mod fs;
pub(crate) mod hash;
pub(crate) mod iter;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod module;
pub(crate) mod num;
pub(crate) mod once;
pub(crate) mod raw;
pub(crate) mod size;
pub(crate) mod task;
