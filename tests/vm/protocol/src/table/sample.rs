// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases on the sample image, in their order. Remarks name the files of
//! `tests/vm/guest/src/cases/` that hold them.

use super::{PAGE_IS_POISONED, RANGE_IS_KEPT};
use crate::suite::Case;

/// The words of the kernel about broken memory, and of the module.
pub(super) const BROKEN_MEMORY: &[&str] = &[
    "Memory failure:",
    "hardware memory corruption",
    PAGE_IS_POISONED,
];

/// The words of the module about memory that outlives its mount.
pub(super) const KEPT: &[&str] = &[RANGE_IS_KEPT];

/// The cases of the suite `sample`.
pub(super) const SAMPLE: &[Case] = &[
    // names.rs
    Case::new("walk-finds-what-was-packed"),
    Case::new("absent-names"),
    Case::new("listing-a-large-directory"),
    Case::new("positions-in-a-directory"),
    Case::new("two-readers-of-a-directory"),
    Case::new("hard-links"),
    Case::new("symlinks"),
    // attributes.rs
    Case::new("statx"),
    Case::new("statfs"),
    Case::new("extended-attributes"),
    Case::new("trusted-attributes-are-for-root"),
    Case::new("access-control-lists"),
    Case::new("permissions"),
    Case::new("device-nodes-and-fifos"),
    Case::new("nodev-and-nosuid"),
    // reading.rs
    Case::new("read-and-pread"),
    Case::new("reads-at-and-behind-the-end"),
    Case::new("readv"),
    Case::new("bad-buffers"),
    Case::new("sparse-files"),
    Case::new("offsets-beyond-4-gib"),
    Case::new("direct-io"),
    Case::new("loop-devices"),
    Case::new("splice-and-sendfile"),
    Case::new("copying-to-another-file-system"),
    // extents.rs
    Case::new("seek-data-and-hole"),
    Case::new("fiemap"),
    // reading.rs
    Case::new("leases"),
    Case::new("a-long-read-ends-with-its-process"),
    // mapping/
    Case::new("mappings-show-the-file"),
    Case::new("mappings-of-packed-files"),
    Case::new("mappings-of-sparse-files"),
    Case::new("mappings-of-sparse-files-use-the-memory"),
    Case::new("huge-entries-in-sparse-files"),
    Case::new("private-writes-to-sparse-files"),
    Case::new("huge-entries"),
    Case::new("huge-entries-at-the-end-and-in-parts"),
    Case::new("neighbours-of-a-fault"),
    Case::new("bytes-behind-the-end"),
    Case::new("sigbus-behind-the-last-page"),
    Case::new("private-writes-are-private"),
    Case::new("private-writes-below-huge-entries"),
    Case::new("shared-writes-are-refused"),
    Case::new("fork-mremap-mprotect"),
    Case::new("madvise-mlock-mincore"),
    Case::new("resident-set-is-right"),
    Case::new("pages-are-shared-between-processes"),
    Case::new("huge-entries-after-small-pages"),
    Case::new("huge-entries-while-others-use-small-pages"),
    Case::new("markers-of-userfaultfd"),
    // running.rs
    Case::new("a-program-starts"),
    Case::new("a-script-starts"),
    Case::new("set-user-id-programs"),
    Case::new("file-capabilities"),
    // writing.rs
    Case::new("writes-are-refused"),
    Case::new("a-remount-stays-read-only"),
    // requests.rs
    Case::new("syncing-succeeds"),
    Case::new("requests-of-ioctl"),
    Case::new("state-in-sysfs"),
    // handles.rs
    Case::new("handles-survive-an-empty-cache"),
    Case::new("forged-handles-are-refused"),
    // overlay.rs
    Case::new("overlayfs-lower-layer"),
    Case::new("overlayfs-with-all-features"),
    Case::new("direct-io-through-overlayfs"),
    Case::new("bind-mounts"),
    Case::new("chroot"),
    // abuse/
    Case::new("other-processes-look-at-a-mapping").under_every_policy(),
    Case::new("others-look-while-a-mapping-changes").under_every_policy(),
    Case::new("debuggers-write-to-a-mapping").under_every_policy(),
    Case::new("direct-io-from-a-mapping").under_every_policy(),
    Case::new("vmsplice-from-a-mapping").under_every_policy(),
    Case::new("core-dumps-hold-mapped-pages").under_every_policy(),
    Case::new("advice-for-parts-of-huge-entries").under_every_policy(),
    Case::new("page-tables-under-load").under_every_policy(),
    Case::new("faults-on-two-cpus").under_every_policy(),
    Case::new("page-tables-that-go-during-faults"),
    // poison.rs
    Case::new("broken-memory-in-small-pages").announcing(BROKEN_MEMORY),
    Case::new("broken-memory-under-huge-entries").announcing(BROKEN_MEMORY),
    // lifetime.rs
    Case::new("pages-that-outlive-the-mount").announcing(KEPT),
    Case::new("pages-of-a-former-mount-are-given-back-later").announcing(KEPT),
    Case::new("a-part-of-a-former-mount-is-refused").announcing(KEPT),
    Case::new("locked-pages-do-not-hold-the-memory").under_every_policy(),
    // mounting/
    Case::new("bad-arguments"),
    Case::new("options-of-users-stay-out-of-the-kernel-log"),
    Case::new("overlapping-mounts-are-refused"),
    Case::new("bytes-behind-the-end-that-are-not-zero"),
    Case::new("identity"),
    Case::new("identity-ties-the-sections"),
    Case::new("a-lie-about-the-size-costs-nothing"),
    Case::new("validate"),
    Case::new("validate-verifies-the-digests"),
    Case::new("mounting-twice-shares"),
    Case::new("mounting-needs-privilege"),
    Case::new("a-mount-in-use-stays"),
    Case::new("idmapped-mounts"),
    Case::new("unmounting-gives-everything-back"),
    Case::new("unloading-after-failed-mounts"),
    Case::new("unloading-gives-everything-back"),
];
