// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extents grouped by layout and length.

use daxfs_image::format::limits::HUGE_PAGE;
use serde::Serialize;

use super::extents::{Layout, Placed};

/// The lengths from which on an extent belongs to the next group.
const BOUNDS: [u64; 5] = [0, 4 << 10, 64 << 10, HUGE_PAGE, 64 << 20];

/// Extents of one layout whose lengths are similar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The layout.
    #[serde(serialize_with = "layout")]
    pub layout: Layout,
    /// The least length.
    pub from_size: u64,
    /// The length that is too large; `None` for the last group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below_size: Option<u64>,
    /// The number of extents.
    pub extents: u64,
    /// Their bytes.
    pub extents_size: u64,
    /// The padding after them.
    pub padding_size: u64,
    /// The number of 2 MiB pages that map them.
    pub huge_pages: u64,
}

impl Group {
    fn new(layout: Layout, class: usize) -> Self {
        Self {
            layout,
            from_size: BOUNDS.get(class).copied().unwrap_or_default(),
            below_size: BOUNDS.get(class + 1).copied(),
            extents: 0,
            extents_size: 0,
            padding_size: 0,
            huge_pages: 0,
        }
    }

    fn add(&mut self, extent: &Placed, page: u64) {
        self.extents += 1;
        self.extents_size = self.extents_size.saturating_add(extent.length);
        self.padding_size = self.padding_size.saturating_add(extent.padding(page));
        self.huge_pages = self.huge_pages.saturating_add(extent.huge_pages());
    }
}

fn layout<S: serde::Serializer>(layout: &Layout, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(layout.name())
}

/// The groups that have extents, by layout and length.
#[must_use]
pub fn of(placed: &[Placed], page: u64) -> Vec<Group> {
    let layouts = [Layout::Packed, Layout::Direct, Layout::Sparse];
    let mut groups: Vec<Group> = layouts
        .into_iter()
        .flat_map(|layout| (0..BOUNDS.len()).map(move |class| Group::new(layout, class)))
        .collect();
    for extent in placed {
        let group = groups.iter_mut().find(|group| {
            let is_below = group.below_size.is_none_or(|below| extent.length < below);
            group.layout == extent.layout && is_below
        });
        if let Some(group) = group {
            group.add(extent, page);
        }
    }
    groups.retain(|group| group.extents != 0);
    groups
}
