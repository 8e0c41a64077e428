// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of a map.

use anyhow::Result;
use daxfs_cli::json::Bytes;
use daxfs_cli::number::{percent, plural, size_as, Exact};
use daxfs_image::sharing::Sharing;
use serde::Serialize;

use super::extents::Placed;
use super::totals::{ImageTotals, Totals};
use crate::console::Console;

/// An extent in JSON.
#[derive(Serialize)]
pub struct Line<'a> {
    offset: u64,
    length: u64,
    file_offset: u64,
    layout: &'static str,
    huge_pages: u64,
    padding: u64,
    content: u32,
    sharers: u32,
    inode: u32,
    path: Bytes<'a>,
}

/// The last object of a map in JSON.
#[derive(Serialize)]
pub struct Summary<'a> {
    /// The totals.
    pub summary: &'a Totals,
}

/// An extent in JSON.
#[must_use]
pub fn line_json<'a>(extent: &Placed, path: &'a [u8], sharing: &Sharing, page: u64) -> Line<'a> {
    Line {
        offset: extent.offset,
        length: extent.length,
        file_offset: extent.file_offset,
        layout: extent.layout.name(),
        huge_pages: extent.huge_pages(),
        padding: extent.padding(page),
        content: extent.content.get(),
        sharers: sharing.count(extent.content),
        inode: extent.ino.get(),
        path: Bytes(path),
    }
}

/// Prints the names of the columns.
///
/// # Errors
/// Those of the output.
pub fn heading(console: &mut Console<'_>) -> Result<()> {
    let columns = ("OFFSET", "LENGTH", "LAYOUT", "HUGE", "PADDING", "FILES");
    let (offset, length, layout, huge, padding, files) = columns;
    Ok(writeln!(
        console.out,
        "{offset:>14} {length:>11}  {layout:<6} {huge:>6} {padding:>10} {files:>6}  PATH"
    )?)
}

/// Prints an extent.
///
/// # Errors
/// Those of the output.
pub fn line(
    extent: &Placed,
    path: &[u8],
    sharing: &Sharing,
    page: u64,
    exact: Exact,
    console: &mut Console<'_>,
) -> Result<()> {
    let dash = |number: u64, text: String| if number == 0 { "-".to_owned() } else { text };
    let offset = format!("{:#x}", extent.offset);
    let length = size_as(extent.length, exact);
    let huge = extent.huge_pages();
    let huge = dash(huge, huge.to_string());
    let padding = extent.padding(page);
    let padding = dash(padding, size_as(padding, exact));
    let files = sharing.count(extent.content);
    let from = match extent.file_offset {
        0 => String::new(),
        offset => format!(" from byte {offset}"),
    };
    let (layout, path) = (extent.layout.name(), console.name(path));
    Ok(writeln!(
        console.out,
        "{offset:>14} {length:>11}  {layout:<6} {huge:>6} {padding:>10} {files:>6}  {path}{from}"
    )?)
}

/// A row of the totals: its name, its bytes and a note.
type Row = (&'static str, u64, String);

/// Prints totals.
///
/// # Errors
/// Those of the output.
pub fn totals(totals: &Totals, exact: Exact, console: &mut Console<'_>) -> Result<()> {
    let of_image = totals.image.iter().flat_map(image_rows);
    let rows = file_rows(totals).into_iter().chain(layout_rows(totals));
    for (name, bytes, note) in rows.chain(of_image) {
        let bytes = size_as(bytes, exact);
        writeln!(console.out, "{name:<9} {bytes:>14}  {note}")?;
    }
    Ok(())
}

/// The rows about files and their contents.
fn file_rows(totals: &Totals) -> [Row; 4] {
    let stored = totals.direct.bytes + totals.packed.bytes + totals.sparse.bytes;
    let files = format!("{} with bytes", plural(totals.files, "file"));
    let sharing = format!("saved; {} share", plural(totals.sharing_files, "file"));
    [
        ("files", totals.file_bytes, files),
        ("stored", stored, plural(totals.contents, "content")),
        ("shared", totals.shared_bytes, sharing),
        ("holes", totals.hole_bytes, "of sparse files".to_owned()),
    ]
}

/// The rows about the layouts.
fn layout_rows(totals: &Totals) -> [Row; 5] {
    let (direct, packed, sparse) = (totals.direct, totals.packed, totals.sparse);
    let padding = direct.padding + sparse.padding;
    [
        ("direct", direct.bytes, plural(direct.extents, "extent")),
        ("huge", totals.huge_bytes, huge(totals)),
        ("packed", packed.bytes, plural(packed.extents, "file")),
        ("sparse", sparse.bytes, plural(sparse.extents, "extent")),
        ("padding", padding, "after the ends of files".to_owned()),
    ]
}

/// The rows about the image as a whole.
fn image_rows(image: &ImageTotals) -> [Row; 4] {
    let unused = "pages of the data section".to_owned();
    let part = format!("{} of the image", percent(image.metadata, image.size));
    let parts = "direct, packed, sparse, padding, unused, gaps, metadata".to_owned();
    [
        ("unused", image.unused_pages, unused),
        ("gaps", image.gaps, "between sections".to_owned()),
        ("metadata", image.metadata, part),
        ("image", image.size, parts),
    ]
}

fn huge(totals: &Totals) -> String {
    let pages = plural(totals.huge_pages, "huge page");
    let in_pages = [totals.direct, totals.sparse].map(|part| part.bytes + part.padding);
    let covered = percent(totals.huge_bytes, in_pages.iter().sum());
    format!("in {pages} of 2 MiB, {covered} of direct and sparse")
}
