// SPDX-License-Identifier: MIT OR Apache-2.0
//! The section that small files are copied to.

use crate::options::PageSize;
use crate::plan::area::Area;
use crate::plan::contents::{Contents, Location};
use crate::plan::offset::ImageOffset;

/// The state that the threads of a copy change in turn.
pub(crate) struct Placing {
    pub(crate) contents: Contents,
    pub(crate) target: Target,
}

/// The section that small files are copied to.
pub(crate) enum Target {
    /// The packed section, with the offset of the next content.
    Packed(ImageOffset),
    /// The data section.
    Data(Area),
}

impl Target {
    /// The offset behind all contents.
    pub(crate) fn end(&self) -> ImageOffset {
        match self {
            Self::Packed(end) => *end,
            Self::Data(area) => area.end(),
        }
    }

    /// Number of bytes before the end that hold no content.
    pub(crate) fn unused(&self) -> u64 {
        match self {
            Self::Packed(_) => 0,
            Self::Data(area) => area.unused(),
        }
    }

    /// The spacing of contents in the section.
    pub(super) fn packing(&self) -> Packing {
        match self {
            Self::Packed(_) => Packing::Bytes,
            Self::Data(area) => Packing::Pages(area.page()),
        }
    }

    /// Places a content of `size` bytes.
    pub(super) fn place(&mut self, size: u64) -> Location {
        match self {
            Self::Packed(next) => {
                let offset = *next;
                *next = offset.after(size);
                Location::Packed(offset)
            }
            Self::Data(area) => Location::Direct(area.place(size)),
        }
    }
}

/// The spacing of contents that follow each other in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Side by side.
    Bytes,
    /// Each in pages of its own.
    Pages(PageSize),
}

impl Packing {
    /// Number of bytes that a content of `size` bytes takes.
    pub(super) fn room(self, size: u64) -> u64 {
        match self {
            Self::Bytes => size,
            Self::Pages(page) => page.round_up(size),
        }
    }
}
