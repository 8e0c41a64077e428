// SPDX-License-Identifier: MIT OR Apache-2.0
//! The extents of all contents, in the order of the image.

use std::collections::HashSet;

use daxfs_image::format::extent::{ExtentList, EXTENT_SIZE};
use daxfs_image::format::limits::HUGE_PAGE;
use daxfs_image::format::{
    ContentId, Error, FileData, Finding, Image, Ino, Inode, InodeKind, Memory, Object, Rule, Xxh64,
};
use daxfs_image::ranges::Ranges;

use crate::console::Console;

/// The page size in bytes of a kernel whose huge pages have 2 MiB.
const SMALL_PAGE: u64 = 4096;

/// The layout of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The whole of a file, page aligned.
    Direct,
    /// The whole of a file, beside others.
    Packed,
    /// A part of a sparse file.
    Sparse,
}

impl Layout {
    /// The name of the layout.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Packed => "packed",
            Self::Sparse => "sparse",
        }
    }
}

/// An extent, and the file to which it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// The offset, in bytes from the start of the image.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The offset in the file, in bytes.
    pub file_offset: u64,
    /// The distance in bytes of a mapping of the whole file from a multiple of 2 MiB. The kernel
    /// chooses the address so that it lines up with the first segment of the mapping, extent or
    /// hole.
    pub phase: u64,
    /// The layout.
    pub layout: Layout,
    /// The content.
    pub content: ContentId,
    /// The first file that has it.
    pub ino: Ino,
}

impl Placed {
    /// The bytes that it takes in the image, including padding.
    #[must_use]
    pub fn footprint(&self, page: u64) -> u64 {
        match self.layout {
            Layout::Packed => self.length,
            Layout::Direct | Layout::Sparse => self
                .length
                .checked_next_multiple_of(page)
                .unwrap_or(self.length),
        }
    }

    /// The bytes of padding after it.
    #[must_use]
    pub fn padding(&self, page: u64) -> u64 {
        self.footprint(page) - self.length
    }

    /// The number of 2 MiB pages by which the kernel module maps it in a mapping of the whole file:
    /// the aligned ranges of 2 MiB that lie in the extent up to its last page of 4 KiB, if the
    /// address of the mapping lines up with them. Packed files are not mapped in place.
    #[must_use]
    pub fn huge_pages(&self) -> u64 {
        let in_line = self.offset.wrapping_sub(self.file_offset) % HUGE_PAGE == self.phase;
        if self.layout == Layout::Packed || !in_line {
            return 0;
        }
        let end = self.offset.saturating_add(self.footprint(SMALL_PAGE));
        (end / HUGE_PAGE).saturating_sub(self.offset.div_ceil(HUGE_PAGE))
    }
}

/// Reads the extents of the contents of all files for which `is_member` holds, each content and
/// each list once. Failures are reported.
pub fn read<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    is_member: impl Fn(Ino) -> bool,
    console: &mut Console<'_>,
) -> Vec<Placed> {
    let mut seen = HashSet::new();
    let mut reader = Reader {
        image,
        lists: Ranges::default(),
        placed: Vec::new(),
    };
    for ino in image.inode_numbers().filter(|&ino| is_member(ino)) {
        match image.inode(ino) {
            Ok(inode) => {
                if let Some(content) = inode.content.filter(|&content| seen.insert(content)) {
                    reader.push_extents(&inode, content, console);
                }
            }
            Err(error) => console.damage(error),
        }
    }
    let mut placed = reader.placed;
    placed.sort_unstable_by_key(|extent| (extent.offset, extent.ino, extent.file_offset));
    placed
}

struct Reader<'a, M, X> {
    image: &'a Image<M, X>,
    /// The lists that were read. Sparse files that share a list would multiply its extents.
    lists: Ranges,
    placed: Vec<Placed>,
}

impl<M: Memory, X: Xxh64> Reader<'_, M, X> {
    fn push_extents(&mut self, inode: &Inode, content: ContentId, console: &mut Console<'_>) {
        let whole = |layout, offset| Placed {
            offset,
            length: inode.size,
            file_offset: 0,
            phase: offset % HUGE_PAGE,
            layout,
            content,
            ino: inode.ino,
        };
        match inode.kind {
            InodeKind::Regular(FileData::Direct { offset }) => {
                self.placed.push(whole(Layout::Direct, offset));
            }
            InodeKind::Regular(FileData::Packed { offset }) => {
                self.placed.push(whole(Layout::Packed, offset));
            }
            InodeKind::Regular(FileData::Sparse(list)) => {
                self.push_list(&list, whole(Layout::Sparse, 0), console);
            }
            _ => {}
        }
    }

    /// Adds the extents of a list, each like `model`.
    fn push_list(&mut self, list: &ExtentList, mut model: Placed, console: &mut Console<'_>) {
        let length = u64::from(list.count()).saturating_mul(EXTENT_SIZE);
        if !self.lists.insert(list.offset(), length) {
            return console.damage(Error::from(shared_list(model.ino, list)));
        }
        for index in 0..list.count() {
            match self.image.extent(list, index) {
                Ok(Some(extent)) => {
                    if extent.file_offset == 0 {
                        model.phase = extent.offset % HUGE_PAGE;
                    }
                    self.placed.push(Placed {
                        offset: extent.offset,
                        length: extent.length,
                        file_offset: extent.file_offset,
                        ..model
                    });
                }
                Ok(None) => return,
                Err(error) => console.damage(error),
            }
        }
    }
}

fn shared_list(file: Ino, list: &ExtentList) -> Finding {
    Finding::new(
        Object::Inode(file.get()),
        list.offset(),
        Rule::ExtentOffset,
        list.offset(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(layout: Layout, offset: u64, length: u64) -> Placed {
        let (content, ino) = (ContentId::new(1).unwrap(), Ino::new(1).unwrap());
        Placed {
            offset,
            length,
            file_offset: 0,
            phase: offset % HUGE_PAGE,
            layout,
            content,
            ino,
        }
    }

    #[test]
    fn huge_pages_map_whole_and_aligned_units_of_memory() {
        let huge = |layout, offset, length| extent(layout, offset, length).huge_pages();
        for layout in [Layout::Direct, Layout::Sparse] {
            assert_eq!(huge(layout, HUGE_PAGE, 2 * HUGE_PAGE + 5), 2);
            let tail = "the tail page is its own";
            assert_eq!(huge(layout, HUGE_PAGE, 2 * HUGE_PAGE - 4095), 2, "{tail}");
            assert_eq!(huge(layout, HUGE_PAGE, 2 * HUGE_PAGE - 4096), 1);
            assert_eq!(huge(layout, HUGE_PAGE + 4096, 4 * HUGE_PAGE), 3);
            assert_eq!(huge(layout, HUGE_PAGE + 4096, HUGE_PAGE), 0);
        }
        assert_eq!(huge(Layout::Packed, HUGE_PAGE, 2 * HUGE_PAGE), 0);
    }

    /// One address serves the whole file. The extent that is mapped first determines it.
    #[test]
    fn huge_pages_map_extents_that_line_up_with_the_address() {
        let placed = |phase, file_offset| Placed {
            file_offset,
            phase,
            ..extent(Layout::Sparse, 5 * HUGE_PAGE + 4096, 3 * HUGE_PAGE)
        };
        assert_eq!(placed(0, 7 * HUGE_PAGE + 4096).huge_pages(), 2);
        assert_eq!(placed(0, 7 * HUGE_PAGE).huge_pages(), 0);
        assert_eq!(placed(4096, 7 * HUGE_PAGE).huge_pages(), 2);
        assert_eq!(placed(HUGE_PAGE - 4096, 8192).huge_pages(), 2);
    }

    #[test]
    fn padding_reaches_to_the_end_of_the_page() {
        assert_eq!(extent(Layout::Direct, 4096, 1).padding(4096), 4095);
        assert_eq!(extent(Layout::Sparse, 4096, 4096).padding(4096), 0);
        assert_eq!(extent(Layout::Packed, 4097, 1).padding(4096), 0);
    }
}
