// SPDX-License-Identifier: MIT OR Apache-2.0
//! The summary of an image that can be opened.

use std::ops::ControlFlow;

use anyhow::Result;
use daxfs_cli::json::Text;
use daxfs_cli::number::{plural, size, size_and_bytes};
use daxfs_image::format::check::Stop;
use daxfs_image::format::section::RawSection;
use daxfs_image::format::text::Uuid;
use daxfs_image::format::{
    FileType, Finding, Identity, Image, Inode, Memory, Object, Rule, SectionKind, Xxh64,
};
use daxfs_image::Opened;
use serde::Serialize;

use crate::console::Console;

/// The summary of an image.
#[derive(Debug, Serialize)]
pub struct Summary {
    label: Text,
    uuid: String,
    version: String,
    page_size: u64,
    image_size: u64,
    identity: String,
    root: u32,
    inodes: u32,
    types: Types,
    digests: bool,
    sections: Vec<SectionLine>,
}

/// The number of inodes of each type.
#[derive(Debug, Default, Serialize)]
struct Types {
    regular: u64,
    directory: u64,
    symlink: u64,
    char_device: u64,
    block_device: u64,
    fifo: u64,
    socket: u64,
    unreadable: u64,
}

impl Types {
    fn count<M: Memory, X: Xxh64>(image: &Image<M, X>, console: &mut Console<'_>) -> Self {
        let mut types = Self::default();
        for ino in image.inode_numbers() {
            let inode = image.inode(ino);
            let counter = match inode.as_ref().map(Inode::file_type) {
                Ok(FileType::Regular) => &mut types.regular,
                Ok(FileType::Directory) => &mut types.directory,
                Ok(FileType::Symlink) => &mut types.symlink,
                Ok(FileType::CharDevice) => &mut types.char_device,
                Ok(FileType::BlockDevice) => &mut types.block_device,
                Ok(FileType::Fifo) => &mut types.fifo,
                Ok(FileType::Socket) => &mut types.socket,
                Err(_) => &mut types.unreadable,
            };
            *counter += 1;
            if let Err(error) = inode {
                console.damage(error);
            }
        }
        types
    }

    fn text(&self) -> String {
        let counts = [
            (self.regular, "regular file"),
            (self.directory, "directory"),
            (self.symlink, "symlink"),
            (self.char_device, "character device"),
            (self.block_device, "block device"),
            (self.fifo, "fifo"),
            (self.socket, "socket"),
        ];
        let mut texts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, noun)| plural(*count, noun))
            .collect();
        if self.unreadable != 0 {
            texts.push(format!("{} unreadable", self.unreadable));
        }
        texts.join(", ")
    }
}

/// A section.
#[derive(Debug, Serialize)]
struct SectionLine {
    kind: &'static str,
    offset: u64,
    length: u64,
    checksum: Checksum,
}

/// The result of verifying the checksum of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Checksum {
    /// The section table states none.
    None,
    Ok,
    Wrong,
    Unreadable,
}

impl Checksum {
    fn text(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Ok => "ok",
            Self::Wrong => "WRONG",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Summary {
    /// Reads the inodes and verifies the checksums of `image`, and reports the defects.
    pub fn of<M: Memory>(image: &Opened<M>, identity: Identity, console: &mut Console<'_>) -> Self {
        let sections = section_lines(image, console);
        let superblock = image.superblock();
        Self {
            label: Text(superblock.label().to_vec()),
            uuid: Uuid(superblock.uuid()).to_string(),
            version: format!(
                "{}.{}",
                daxfs_image::format::superblock::VERSION_MAJOR,
                superblock.version_minor()
            ),
            page_size: superblock.page_size(),
            image_size: superblock.image_size(),
            identity: identity.to_string(),
            root: superblock.root().get(),
            inodes: image.inode_count(),
            types: Types::count(image, console),
            digests: superblock.sections().get(SectionKind::Digests).is_some(),
            sections,
        }
    }

    /// Prints the summary as text.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print(&self, console: &mut Console<'_>) -> Result<()> {
        let label = match self.label.0.as_slice() {
            b"" => "(none)".to_owned(),
            label => console.name(label),
        };
        let page = self.page_size / 1024;
        let digests = if self.digests {
            "SHA-256 of every content"
        } else {
            "none"
        };
        let lines = [
            ("label", label),
            ("uuid", self.uuid.clone()),
            ("identity", self.identity.clone()),
            (
                "format",
                format!("version {}, pages of {page} KiB", self.version),
            ),
            ("size", size_and_bytes(self.image_size)),
            ("inodes", format!("{}: {}", self.inodes, self.types.text())),
            ("root", format!("inode {}", self.root)),
            ("digests", digests.to_owned()),
        ];
        for (name, value) in lines {
            writeln!(console.out, "{name:<9} {value}")?;
        }
        writeln!(
            console.out,
            "\n{:<9} {:>14} {:>11}  CHECKSUM",
            "SECTION", "OFFSET", "SIZE"
        )?;
        for section in &self.sections {
            let (offset, length) = (format!("{:#x}", section.offset), size(section.length));
            let (kind, checksum) = (section.kind, section.checksum.text());
            writeln!(
                console.out,
                "{kind:<9} {offset:>14} {length:>11}  {checksum}"
            )?;
        }
        Ok(())
    }
}

fn section_lines<M: Memory>(image: &Opened<M>, console: &mut Console<'_>) -> Vec<SectionLine> {
    let mut wrong = Vec::new();
    let mut sink = |finding: Finding| {
        console.damage(finding);
        if let (Object::Section(kind), Rule::SectionChecksum) = (finding.object, finding.rule) {
            wrong.push(kind);
        }
        ControlFlow::Continue(())
    };
    let mut buffer = vec![0; 64 << 10];
    let verified = image.verify_checksums(&mut buffer, &mut sink);
    // Sections are checked in order, so those after a fault were not read.
    let fault = match verified {
        Err(Stop::Memory(fault)) => {
            console.damage(fault);
            Some(fault.offset)
        }
        Err(Stop::Sink | Stop::Scratch) | Ok(()) => None,
    };
    let checksum = |kind: SectionKind, end: u64| {
        if kind.flags() & RawSection::HASHED == 0 {
            Checksum::None
        } else if fault.is_some_and(|offset| offset < end) {
            Checksum::Unreadable
        } else if wrong.contains(&kind) {
            Checksum::Wrong
        } else {
            Checksum::Ok
        }
    };
    let sections = image.superblock().sections().iter();
    let lines = sections.map(|section| SectionLine {
        kind: section.kind.name(),
        offset: section.offset,
        length: section.length,
        checksum: checksum(section.kind, section.end()),
    });
    let mut lines: Vec<SectionLine> = lines.collect();
    lines.sort_unstable_by_key(|line| line.offset);
    lines
}
