// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases that boot from an overlay of the image and run programs of others.

use crate::suite::Case;

/// The cases under systemd.
pub(super) const SYSTEMD: &[Case] = &[
    Case::new("the-root-is-an-overlay-of-the-image"),
    Case::new("the-system-runs"),
    Case::new("no-unit-has-failed"),
    Case::new("services-start-and-stop"),
    Case::new("the-journal-has-the-boot"),
];

/// The cases that verify files with fio.
pub(super) const FIO: &[Case] = &[
    Case::new("psync"),
    Case::new("psync-direct"),
    Case::new("preadv2"),
    Case::new("mmap"),
    Case::new("libaio"),
    Case::new("libaio-direct"),
    Case::new("io_uring"),
    Case::new("io_uring-direct"),
    Case::new("a-wrong-byte-is-noticed"),
];

/// The cases that run tests of the kernel.
pub(super) const SELFTESTS: &[Case] = &[
    Case::new("exec-execveat"),
    Case::new("exec-load_address"),
    Case::new("exec-null-argv"),
    Case::new("exec-non-regular"),
    Case::new("exec-check-exec"),
    Case::new("exec-check-exec-tests"),
    Case::new("exec-binfmt_script"),
    Case::new("exec-recursion-depth"),
    Case::new("openat2-openat2_test"),
    Case::new("openat2-resolve_test"),
    Case::new("openat2-emptypath_test"),
    Case::new("splice-splice_read"),
    Case::new("splice-default_file_splice_read"),
    Case::new("mm-pagemap_ioctl"),
    Case::new("mincore-mincore_selftest"),
    Case::new("overlayfs-dev_in_maps"),
    Case::new("overlayfs-set_layers_via_fds"),
    Case::new("mount_setattr-mount_setattr_test"),
];

/// The cases that run stress-ng, and one of readers.
pub(super) const STRESS: &[Case] = &[
    Case::new("exec"),
    Case::new("spawn"),
    Case::new("dynlib"),
    Case::new("getdent"),
    Case::new("fstat"),
    Case::new("sysinfo"),
    Case::new("fork"),
    Case::new("vfork"),
    Case::new("munmap"),
    Case::new("mincore"),
    Case::new("mprotect"),
    Case::new("readers-of-files"),
];

/// The cases that start containers.
pub(super) const CONTAINERS: &[Case] = &[
    Case::new("the-lines-of-the-readme"),
    Case::new("eight-from-the-image"),
    Case::new("eight-from-erofs-dax"),
    Case::new("eight-from-erofs"),
    Case::new("eight-copies-in-tmpfs"),
];
