// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests: machines in QEMU that boot the guest kernel with an image in their memory.
//!
//! A guest is a kernel, an initramfs with one static program (`tests/vm/guest`), and memory that
//! the kernel does not use, into which QEMU loads an image. QEMU emulates (TCG), so only processor
//! time of the host affects a guest. `daxfs-vm-protocol` has the table of suites, and everything
//! else that host and guests agree on.
//!
//! A run passes the modules in this order: a command ([`mod@test`], [`mod@bench`], [`trials`],
//! [`shell`]) takes suites from the table; [`files`] makes what their guests need; [`session`]
//! starts the guests of a suite ([`machine`]) and follows their consoles ([`watch`]); [`report`]
//! has the verdicts.
//!
//! | module | owns |
//! |---|---|
//! | [`artifacts`] | parts of guests: kernel, module, program, tools |
//! | [`mod@bench`] | `cargo xtask bench mount`, `share`, `containers` |
//! | [`conductor`] | the steps of guests that wait for each other, and the memory that they take |
//! | [`files`] | images and other files that guests need |
//! | [`footprint`] | the host memory that a guest takes |
//! | [`initramfs`] | the archive that a guest starts from |
//! | [`judges`] | cases that the host judges |
//! | [`layout`] | addresses of images in a guest's memory |
//! | [`machine`] | the QEMU command |
//! | [`peers`] | images of other file systems |
//! | [`report`] | the verdicts of a guest, and signs of trouble on its console |
//! | [`session`] | the guests of a suite, from start to end |
//! | [`shared`] | memory that several guests share |
//! | [`shell`] | `cargo xtask qemu` |
//! | [`signs`] | kernel messages that fail a run |
//! | [`table`] | tables from the cells that guests note |
//! | [`mod@test`] | `cargo xtask qemu-test` |
//! | [`trees`] | the trees of images |
//! | [`trials`] | cases on modules other than the project's |
//! | [`watch`] | a running guest and its console |

mod artifacts;
mod bench;
mod conductor;
mod files;
mod footprint;
mod initramfs;
mod judges;
mod layout;
mod machine;
mod peers;
mod report;
mod session;
mod shared;
mod shell;
mod signs;
mod table;
mod test;
mod trees;
mod trials;
mod watch;

pub(crate) use bench::{ContainersArgs, MountArgs, ShareArgs};
pub(crate) use shell::Args as ShellArgs;
pub(crate) use test::{Args as TestArgs, FAILED};
pub(crate) use trials::Trials;
