// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol between the host (`cargo xtask qemu-test`, `bench`, `module-patches`) and
//! its guests (`tests/vm/guest`). Both sides use this crate, so each agreement is written once.
//!
//! | module | owns |
//! |---|---|
//! | [`mod@arguments`] | the kernel's arguments for init, and the environment of a case |
//! | [`console`] | the lines that a guest prints for the host |
//! | [`measurement`] | figures among these lines |
//! | [`selection`] | the choice of cases: a filter, or a list |
//! | [`suite`] | the types of the table: suite, guest, case |
//! | [`table`] | the table of all suites and cases |
//! | [`words`] | control words in memory that guests and host share |
//!
//! CONTRIBUTING.md describes how to add a case and a suite.

pub mod arguments;
pub mod console;
pub mod measurement;
pub mod selection;
pub mod suite;
pub mod table;
pub mod words;

pub use arguments::{Arguments, Setting, Task};
pub use console::Line;
pub use measurement::Cell;
pub use selection::Selection;
pub use suite::{Case, Guest, Kernel, Policy, Run, Suite};
