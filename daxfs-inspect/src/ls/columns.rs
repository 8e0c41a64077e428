// SPDX-License-Identifier: MIT OR Apache-2.0
//! The columns of a listing, as text and as JSON.

use daxfs_cli::json::{self, Bytes};
use daxfs_cli::number::{size_as, Exact};
use daxfs_cli::time;
use daxfs_image::format::{FileType, Ino, Inode, InodeKind, Rdev};
use serde::Serialize;

use crate::human;
use crate::stat::device;

/// The widths of the columns of a listing.
#[derive(Default)]
pub(super) struct Widths {
    pub(super) inode: usize,
    links: usize,
    uid: usize,
    gid: usize,
    size: usize,
}

impl Widths {
    /// Widens the columns for an inode; `None` for one that cannot be read or is not needed.
    pub(super) fn include(&mut self, ino: Ino, inode: Option<&Inode>, exact: Exact) {
        self.inode = self.inode.max(digits(ino.get()));
        if let Some(inode) = inode {
            self.links = self.links.max(digits(inode.link_count));
            self.uid = self.uid.max(digits(inode.uid));
            self.gid = self.gid.max(digits(inode.gid));
            self.size = self.size.max(size_column(inode, exact).len());
        }
    }
}

fn digits(number: u32) -> usize {
    number
        .checked_ilog10()
        .map_or(1, |digits| usize::try_from(digits).unwrap_or(0) + 1)
}

/// The size, or the number of a device.
fn size_column(inode: &Inode, exact: Exact) -> String {
    match inode.kind {
        InodeKind::CharDevice(Rdev { major, minor })
        | InodeKind::BlockDevice(Rdev { major, minor }) => format!("{major}, {minor}"),
        _ => size_as(inode.size, exact),
    }
}

/// The columns of an inode.
pub(super) fn known(inode: &Inode, widths: &Widths, exact: Exact) -> String {
    let mode = human::mode(inode.file_type(), inode.permissions());
    let mark = if inode.xattrs.is_some() { '+' } else { ' ' };
    format!(
        "{mode}{mark} {:>links$} {:>uid$} {:>gid$} {:>size$} {}",
        inode.link_count,
        inode.uid,
        inode.gid,
        size_column(inode, exact),
        time::second(inode.mtime),
        links = widths.links,
        uid = widths.uid,
        gid = widths.gid,
        size = widths.size,
    )
}

/// The columns of an inode that cannot be read.
pub(super) fn unknown(file_type: FileType, widths: &Widths) -> String {
    format!(
        "{}?????????  {:>links$} {:>uid$} {:>gid$} {:>size$} {:>19}",
        human::type_letter(file_type),
        '?',
        '?',
        '?',
        '?',
        '?',
        links = widths.links,
        uid = widths.uid,
        gid = widths.gid,
        size = widths.size,
    )
}

/// A file in JSON.
#[derive(Serialize)]
pub(super) struct File<'a> {
    pub(super) path: Bytes<'a>,
    pub(super) inode: u32,
    #[serde(rename = "type")]
    pub(super) file_type: &'static str,
    #[serde(flatten)]
    pub(super) metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Bytes<'a>>,
}

/// The fields of an inode.
#[derive(Serialize)]
pub(super) struct Metadata {
    mode: String,
    links: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: json::Time,
    has_xattrs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<json::Device>,
}

impl Metadata {
    pub(super) fn of(inode: &Inode) -> Self {
        Self {
            mode: json::permissions(inode.permissions()),
            links: inode.link_count,
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size,
            mtime: inode.mtime.into(),
            has_xattrs: inode.xattrs.is_some(),
            device: device(inode),
        }
    }
}
