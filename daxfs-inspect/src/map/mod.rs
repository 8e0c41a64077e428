// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect map`: the layout of contents and its cost.
//!
//! | module | owns |
//! |---|---|
//! | [`extents`] | all extents of the image, in its order |
//! | [`groups`] | extents grouped by layout and length |
//! | [`totals`] | totals that account for every byte of the image |
//! | [`mod@print`] | lines of text and JSON |

pub mod extents;
pub mod groups;
pub mod print;
pub mod totals;

use std::ffi::OsStr;

use anyhow::Result;
use daxfs_cli::json::Bytes;
use daxfs_image::format::{FileType, Ino};
use daxfs_image::names::Names;
use daxfs_image::path::{Found, LastLink};
use daxfs_image::sharing::Sharing;
use daxfs_image::walk::Traversal;
use daxfs_image::InodeSet;

use crate::cli::MapArgs;
use crate::console::Console;
use crate::open::{self, Inspected};
use print::{Map, Printer, Rows};
use totals::Scope;

/// Runs the command.
///
/// # Errors
/// Those of opening the image, and of the output.
pub fn run(arguments: &MapArgs, console: &mut Console<'_>) -> Result<()> {
    let image = open::open(&arguments.image, console)?;
    let path = arguments.path.as_deref().unwrap_or(OsStr::new("/"));
    if let Some(found) = open::find(&image, path, LastLink::Follow, console) {
        map(&image, &found, arguments, console)?;
    }
    open::close(&image, console);
    Ok(())
}

fn map(
    image: &Inspected,
    found: &Found,
    arguments: &MapArgs,
    console: &mut Console<'_>,
) -> Result<()> {
    let is_root = found.inode.ino == image.superblock().root();
    let members = if is_root {
        None
    } else {
        Some(members(image, found, console))
    };
    let sharing = Sharing::read(image);
    let is_member = |ino: Ino| members.as_ref().is_none_or(|members| members.contains(ino));
    let placed = extents::read(image, is_member, console);
    let scope = if is_root { Scope::Image } else { Scope::Part };
    let page = image.superblock().page_size();
    let map = Map {
        path: Bytes(&found.path),
        size: is_root.then(|| image.superblock().image_size()),
        totals: totals::of(image, &placed, is_member, scope),
        groups: groups::of(&placed, page),
    };
    let is_file = found.inode.file_type() == FileType::Regular;
    let printer = Printer {
        page,
        sharing: &sharing,
        exact: arguments.bytes.into(),
    };
    let rows = match () {
        () if arguments.summary => Rows::None,
        () if arguments.all || is_file => Rows::All,
        () => Rows::Largest,
    };
    printer.print(&map, console)?;
    if rows == Rows::None {
        return Ok(());
    }
    let names = Names::read(image, console);
    printer.print_extents(&placed, rows, &names, console)
}

/// The files that a path names: itself, or everything below it.
fn members(image: &Inspected, found: &Found, console: &mut Console<'_>) -> InodeSet {
    let mut members = InodeSet::new(image);
    members.insert(found.inode.ino);
    let mut traversal = Traversal::new(image, found, console);
    while let Some(visit) = traversal.step(console, |_| true) {
        members.insert(visit.ino);
    }
    members
}
