// SPDX-License-Identifier: GPL-2.0-only
//! The state of mounts in sysfs, and the label.

use core::fmt::Display;

use daxfs_format::text::Uuid;

use super::inode::Daxfs;
use crate::image::mounted::Mounted;
use crate::memory::Service;
use crate::sys::fs::ioctl::Ioctls;
use crate::sys::fs::status::{MountFile, Status, Text, TypeFile};

impl Ioctls for Daxfs {
    fn label(mount: &Mounted) -> &[u8] {
        mount.image().superblock().label()
    }
}

impl Status for Daxfs {
    const FILES: &'static [MountFile<Self>] = &[
        MountFile::new(c"identity", identity),
        MountFile::new(c"uuid", uuid),
        MountFile::new(c"label", label),
        MountFile::new(c"source", source),
        MountFile::new(c"image_bytes", image_bytes),
        MountFile::new(c"struct_page_bytes", struct_page_bytes),
        MountFile::new(c"huge_folios", huge_folios),
        MountFile::new(c"poisoned_pages", poisoned_pages),
    ];

    const TYPE_FILES: &'static [TypeFile] = &[TypeFile::new(c"deferred", deferred)];

    fn name(mount: &Mounted) -> impl Display {
        mount.backing().name()
    }
}

fn identity(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.identity()));
}

fn uuid(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", Uuid(mount.image().superblock().uuid())));
}

/// Bytes that are not printable ASCII are escaped as `\xHH`, and so is the backslash.
fn label(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.image().superblock().label().escape_ascii()));
}

fn source(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.backing()));
}

fn image_bytes(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.image().superblock().image_size()));
}

fn struct_page_bytes(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.backing().struct_page_bytes()));
}

fn huge_folios(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.backing().huge_folios()));
}

fn poisoned_pages(mount: &Mounted, text: &mut Text<'_>) {
    text.print(format_args!("{}\n", mount.backing().poisoned_pages()));
}

/// One line for each range that is in use after its unmount: its address and length, and a page
/// that has references of others, with their number.
fn deferred(text: &mut Text<'_>) {
    Service::deferred_ranges(|range| text.print(format_args!("{range}\n")));
}
