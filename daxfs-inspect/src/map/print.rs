// SPDX-License-Identifier: MIT OR Apache-2.0
//! A map as text and as JSON.

use anyhow::Result;
use daxfs_cli::json::{Bytes, Kind, Totals};
use daxfs_cli::number::{percent, plural, size, size_as, Exact};
use daxfs_image::names::Names;
use daxfs_image::sharing::Sharing;
use serde::Serialize;

use super::extents::Placed;
use super::groups::Group;
use crate::console::{Console, Form};

/// The number of largest extents that are printed.
const LARGEST: usize = 10;

/// A map without its extents.
#[derive(Serialize)]
pub struct Map<'a> {
    /// The file or directory.
    pub path: Bytes<'a>,
    /// The size of the image, if the map is about all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The totals.
    pub totals: Totals,
    /// The extents by layout and length.
    pub groups: Vec<Group>,
}

/// The extents that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// None of them.
    None,
    /// The largest, in text.
    Largest,
    /// All.
    All,
}

/// An extent in JSON.
#[derive(Serialize)]
struct Line<'a> {
    offset: u64,
    length: u64,
    file_offset: u64,
    layout: &'static str,
    huge_pages: u64,
    padding_size: u64,
    content: u32,
    sharers: u32,
    inode: u32,
    path: Bytes<'a>,
}

/// Prints a map.
pub struct Printer<'a> {
    /// The page size of the image.
    pub page: u64,
    /// The files of each content.
    pub sharing: &'a Sharing,
    /// The form of sizes.
    pub exact: Exact,
}

impl Printer<'_> {
    /// Prints totals and groups.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print(&self, map: &Map<'_>, console: &mut Console<'_>) -> Result<()> {
        if console.form() == Form::Json {
            return Ok(console.json(Kind::Map, map)?);
        }
        let totals = &map.totals;
        let rows = file_rows(totals).into_iter().chain(layout_rows(totals));
        let of_image = map.size.iter().flat_map(|&size| image_rows(totals, size));
        for (name, bytes, note) in rows.chain(of_image) {
            let bytes = size_as(bytes, self.exact);
            writeln!(console.out, "{name:<9} {bytes:>14}  {note}")?;
        }
        self.print_groups(&map.groups, console)
    }

    fn print_groups(&self, groups: &[Group], console: &mut Console<'_>) -> Result<()> {
        if groups.is_empty() {
            return Ok(());
        }
        let columns = ("LAYOUT", "LENGTH", "EXTENTS", "BYTES", "PADDING", "HUGE");
        let (layout, length, extents, bytes, padding, huge) = columns;
        writeln!(
            console.out,
            "\n{layout:<6}  {length:<19}  {extents:>9} {bytes:>14} {padding:>12} {huge:>7}"
        )?;
        for group in groups {
            let (layout, length, extents) = (group.layout.name(), range(group), group.extents);
            let bytes = size_as(group.extents_size, self.exact);
            let padding = self.dash(group.padding_size);
            let huge = dash(group.huge_pages, group.huge_pages.to_string());
            writeln!(
                console.out,
                "{layout:<6}  {length:<19}  {extents:>9} {bytes:>14} {padding:>12} {huge:>7}"
            )?;
        }
        Ok(())
    }

    /// Prints extents: in text the largest of them or all, in JSON all or none.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print_extents(
        &self,
        placed: &[Placed],
        rows: Rows,
        names: &Names,
        console: &mut Console<'_>,
    ) -> Result<()> {
        match (console.form(), rows) {
            (_, Rows::None) | (Form::Json, Rows::Largest) => Ok(()),
            (Form::Json, Rows::All) => placed.iter().try_for_each(|extent| {
                let path = names.path(extent.ino);
                Ok(console.json(Kind::Extent, &self.line(extent, &path))?)
            }),
            (Form::Text, Rows::All) => self.print_table("", placed, names, console),
            (Form::Text, Rows::Largest) => {
                let largest = largest(placed);
                let title = match placed.len() > LARGEST {
                    true => "the largest extents (--all prints all):\n",
                    false => "",
                };
                self.print_table(title, &largest, names, console)
            }
        }
    }

    fn line<'p>(&self, extent: &Placed, path: &'p [u8]) -> Line<'p> {
        Line {
            offset: extent.offset,
            length: extent.length,
            file_offset: extent.file_offset,
            layout: extent.layout.name(),
            huge_pages: extent.huge_pages(),
            padding_size: extent.padding(self.page),
            content: extent.content.get(),
            sharers: self.sharing.count(extent.content),
            inode: extent.ino.get(),
            path: Bytes(path),
        }
    }

    fn print_table(
        &self,
        title: &str,
        placed: &[Placed],
        names: &Names,
        console: &mut Console<'_>,
    ) -> Result<()> {
        if placed.is_empty() {
            return Ok(());
        }
        let columns = ("OFFSET", "LENGTH", "LAYOUT", "HUGE", "PADDING", "FILES");
        let (offset, length, layout, huge, padding, files) = columns;
        writeln!(
            console.out,
            "\n{title}{offset:>14} {length:>12}  {layout:<6} {huge:>6} {padding:>10} {files:>6}  PATH"
        )?;
        placed
            .iter()
            .try_for_each(|extent| self.print_extent(extent, &names.path(extent.ino), console))
    }

    fn print_extent(&self, extent: &Placed, path: &[u8], console: &mut Console<'_>) -> Result<()> {
        let offset = format!("{:#x}", extent.offset);
        let length = size_as(extent.length, self.exact);
        let huge = extent.huge_pages();
        let huge = dash(huge, huge.to_string());
        let padding = self.dash(extent.padding(self.page));
        let files = self.sharing.count(extent.content);
        let from = match extent.file_offset {
            0 => String::new(),
            offset => format!(" from byte {offset}"),
        };
        let (layout, path) = (extent.layout.name(), console.name(path));
        Ok(writeln!(
            console.out,
            "{offset:>14} {length:>12}  {layout:<6} {huge:>6} {padding:>10} {files:>6}  {path}{from}"
        )?)
    }

    fn dash(&self, bytes: u64) -> String {
        dash(bytes, size_as(bytes, self.exact))
    }
}

fn dash(number: u64, text: String) -> String {
    if number == 0 {
        "-".to_owned()
    } else {
        text
    }
}

/// The largest extents, in the order of the image.
fn largest(placed: &[Placed]) -> Vec<Placed> {
    let mut largest = placed.to_vec();
    largest.sort_by_key(|extent| std::cmp::Reverse(extent.length));
    largest.truncate(LARGEST);
    largest.sort_by_key(|extent| (extent.offset, extent.ino, extent.file_offset));
    largest
}

/// The lengths of a group.
fn range(group: &Group) -> String {
    let text = |bytes: u64| size(bytes).replace(".0 ", " ");
    match group.below_size {
        Some(below) if group.from_size == 0 => format!("below {}", text(below)),
        Some(below) => format!("{} to {}", text(group.from_size), text(below)),
        None => format!("{} and more", text(group.from_size)),
    }
}

/// A row of the totals: its name, its bytes and a note.
type Row = (&'static str, u64, String);

/// The rows about files and their contents.
fn file_rows(totals: &Totals) -> [Row; 4] {
    let shared = match totals.shared {
        1 => "saved: 1 file has the content of an earlier one".to_owned(),
        count => format!("saved: {count} files have the content of an earlier one"),
    };
    [
        ("files", totals.files_size, plural(totals.files, "file")),
        ("shared", totals.shared_size, shared),
        ("holes", totals.holes_size, holes(totals)),
        (
            "contents",
            totals.contents_size,
            plural(totals.contents, "content"),
        ),
    ]
}

fn holes(totals: &Totals) -> String {
    format!("of {}", plural(totals.sparse, "sparse content"))
}

/// The rows about the layouts.
fn layout_rows(totals: &Totals) -> [Row; 5] {
    [
        (
            "direct",
            totals.direct_size,
            plural(totals.direct, "content"),
        ),
        (
            "packed",
            totals.packed_size,
            plural(totals.packed, "content"),
        ),
        (
            "sparse",
            totals.sparse_size,
            plural(totals.sparse, "content"),
        ),
        ("huge", totals.huge_size, huge(totals)),
        (
            "padding",
            totals.padding_size,
            "after the ends of contents".to_owned(),
        ),
    ]
}

/// The rows about the image as a whole.
fn image_rows(totals: &Totals, size: u64) -> [Row; 4] {
    let metadata = totals.metadata_size.unwrap_or_default();
    let unused = "pages that alignment leaves empty".to_owned();
    let part = format!("{} of the image", percent(metadata, size));
    let parts = "contents, padding, unused, gaps, metadata".to_owned();
    [
        ("unused", totals.unused_size.unwrap_or_default(), unused),
        (
            "gaps",
            totals.gaps_size.unwrap_or_default(),
            "between sections".to_owned(),
        ),
        ("metadata", metadata, part),
        ("image", size, parts),
    ]
}

fn huge(totals: &Totals) -> String {
    let pages = plural(totals.huge_pages, "huge page");
    // The last huge page of a content may map its padding too.
    let pages_size = totals.mappable_size.saturating_add(totals.padding_size);
    let covered = percent(totals.huge_size, pages_size);
    format!("in {pages} of 2 MiB, {covered} of what can be mapped")
}
