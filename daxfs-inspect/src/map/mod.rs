// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect map`: the layout of contents and its cost.
//!
//! | module | owns |
//! |---|---|
//! | [`extents`] | all extents of the image, in its order |
//! | [`totals`] | totals that account for every byte of the image |
//! | [`mod@print`] | lines of text and JSON |

pub mod extents;
pub mod print;
pub mod totals;

use std::ffi::OsStr;

use anyhow::Result;
use daxfs_image::format::Ino;
use daxfs_image::names::Names;
use daxfs_image::path::{Found, LastLink};
use daxfs_image::sharing::Sharing;
use daxfs_image::walk::Traversal;
use daxfs_image::InodeSet;

use crate::cli::MapArgs;
use crate::console::Console;
use crate::open::{self, Inspected};
use extents::Placed;
use totals::{Scope, Totals};

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
    open::report_cause(&image, console);
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
    let totals = Totals::of(image, &placed, is_member, scope);
    if !arguments.summary {
        print_extents(image, &placed, &sharing, arguments, console)?;
    }
    if arguments.json {
        console.json(&print::Summary { summary: &totals })?;
        return Ok(());
    }
    let gap = if arguments.summary || placed.is_empty() {
        ""
    } else {
        "\n"
    };
    write!(console.out, "{gap}")?;
    print::totals(&totals, arguments.bytes.into(), console)
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

fn print_extents(
    image: &Inspected,
    placed: &[Placed],
    sharing: &Sharing,
    arguments: &MapArgs,
    console: &mut Console<'_>,
) -> Result<()> {
    let names = Names::read(image, console);
    let page = image.superblock().page_size();
    if arguments.json {
        for extent in placed {
            let path = names.path(extent.ino);
            console.json(&print::line_json(extent, &path, sharing, page))?;
        }
        return Ok(());
    }
    if !placed.is_empty() {
        print::heading(console)?;
    }
    for extent in placed {
        let path = names.path(extent.ino);
        print::line(
            extent,
            &path,
            sharing,
            page,
            arguments.bytes.into(),
            console,
        )?;
    }
    Ok(())
}
