// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol between the host (`cargo xtask qemu-test`, `bench`, `breaks`) and its guests
//! (`tests/vm/guest`). Both sides use this crate, so each agreement is written once.
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
//! # Adding a guest case
//!
//! 1. Name the case in its suite's list, in `src/table/`. The list decides the order. A case may
//!    run
//!    under every policy for huge pages, and may announce lines of the kernel log that would fail
//!    another case.
//! 2. Write its function in a file of `tests/vm/guest/src/cases/`, and add the pair of name and
//!    function to `CASES` of that file. The function returns an error to fail. Standard output
//!    becomes notes.
//! 3. Run `cargo test -p daxfs-guest`. It fails unless table and functions have the same names.
//! 4. Run `cargo xtask qemu-test SUITE/CASE`. The suite's image, memory, kernels and time limits
//!    are
//!    in the table, too; a new suite is a new entry there.
//! 5. See the case fail once. For the kernel module, keep the change that makes it fail:
//!    `cargo xtask breaks guest` needs one for each case.

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
