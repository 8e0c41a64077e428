// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests: machines in QEMU that boot the guest kernel with an image in their memory.
//!
//! A guest is a kernel, an initramfs with one static program (`tests/vm/guest`), and a piece of memory
//! that the kernel does not use, into which QEMU loads an image. QEMU emulates (TCG): nothing of the
//! host but its processor time decides what a guest does.
//!
//! | module | owns |
//! |---|---|
//! | [`artifacts`] | what a guest is made of: kernel, module, program, tools |
//! | [`mod@bench`] | `cargo xtask bench mount` |
//! | [`console`] | reading a guest's console: results, and signs of trouble |
//! | [`footprint`] | what a guest takes of the host's memory |
//! | [`image`] | the images that guests mount |
//! | [`initramfs`] | the archive that a guest starts from |
//! | [`layout`] | where images lie in a guest's memory |
//! | [`long`] | the suites that take longer than `cargo xtask test` has |
//! | [`machine`] | the QEMU command |
//! | [`pair`] | suites of two guests |
//! | [`peers`] | images of other file systems |
//! | [`mod@share`] | `cargo xtask bench share` |
//! | [`shared`] | memory that several guests share |
//! | [`shell`] | `cargo xtask qemu` |
//! | [`suite`] | `cargo xtask qemu-test` |
//! | [`trials`] | cases on modules other than the project's |
//! | [`trouble`] | what a kernel prints when something is wrong |

mod artifacts;
mod bench;
mod console;
mod footprint;
mod image;
mod initramfs;
mod layout;
mod long;
mod machine;
mod pair;
mod peers;
mod share;
mod shared;
mod shell;
mod suite;
mod trials;
mod trouble;

pub(crate) use bench::Args as BenchArgs;
pub(crate) use long::ContainersArgs;
pub(crate) use share::Args as ShareArgs;
pub(crate) use shell::Args as ShellArgs;
pub(crate) use suite::{Args as TestArgs, FAILED};
pub(crate) use trials::{Kind, Trials};
