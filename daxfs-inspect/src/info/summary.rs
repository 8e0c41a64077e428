// SPDX-License-Identifier: MIT OR Apache-2.0
//! The summary of an image that can be opened.

use std::ops::ControlFlow;

use anyhow::Result;
use daxfs_cli::json::{self, Text};
use daxfs_cli::number::{plural, size, size_and_bytes};
use daxfs_image::format::check::Stop;
use daxfs_image::format::section::{RawSection, Section};
use daxfs_image::format::superblock::VERSION_MAJOR;
use daxfs_image::format::text::Uuid;
use daxfs_image::format::{
    FileType, Finding, Identity, Image, Inode, Memory, Object, Rule, SectionKind, Xxh64,
};
use daxfs_image::Opened;
use serde::Serialize;

use crate::console::Console;
use crate::open::{checksum, stated_checksum};

/// The summary of an image.
#[derive(Debug, Serialize)]
pub struct Summary {
    image: json::Image,
    root: u32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    stated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<String>,
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
    pub fn of<M: Memory>(
        image: &Opened<M>,
        path: Text,
        identity: Identity,
        console: &mut Console<'_>,
    ) -> Self {
        let sections = section_lines(image, console);
        let superblock = image.superblock();
        Self {
            image: describe(image, path, identity),
            root: superblock.root().get(),
            types: Types::count(image, console),
            digests: superblock.sections().get(SectionKind::Digests).is_some(),
            sections,
        }
    }

    fn inodes(&self) -> String {
        let count = self.image.inodes.unwrap_or_default();
        format!("{count}: {}", self.types.text())
    }

    /// Prints the summary as text.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print(&self, console: &mut Console<'_>) -> Result<()> {
        let image = &self.image;
        let label = image.label.as_ref().filter(|label| !label.0.is_empty());
        let label = label.map_or("(none)".to_owned(), |label| console.name(&label.0));
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let page = image.page_size.unwrap_or_default() / 1024;
        let digests = if self.digests {
            "SHA-256 of every content"
        } else {
            "none"
        };
        let lines = [
            ("label", label),
            ("uuid", text(&image.uuid)),
            ("identity", text(&image.identity)),
            (
                "format",
                format!("version {}, pages of {page} KiB", text(&image.version)),
            ),
            ("size", size_and_bytes(image.size.unwrap_or_default())),
            ("inodes", self.inodes()),
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
            write!(
                console.out,
                "{kind:<9} {offset:>14} {length:>11}  {checksum}"
            )?;
            if let (Some(stated), Some(computed)) = (&section.stated, &section.computed) {
                write!(console.out, ": stated {stated}, computed {computed}")?;
            }
            writeln!(console.out)?;
        }
        Ok(())
    }
}

fn describe<M: Memory>(image: &Opened<M>, path: Text, identity: Identity) -> json::Image {
    let superblock = image.superblock();
    let (major, minor) = (VERSION_MAJOR, superblock.version_minor());
    json::Image {
        path: Some(path),
        identity: Some(identity.to_string()),
        uuid: Some(Uuid(superblock.uuid()).to_string()),
        label: Some(Text(superblock.label().to_vec())),
        version: Some(format!("{major}.{minor}")),
        page_size: Some(superblock.page_size()),
        size: Some(superblock.image_size()),
        file_size: None,
        inodes: Some(image.inode_count()),
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
    let state = |kind: SectionKind, end: u64| {
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
    let lines = sections.map(|section| {
        let checksum = state(section.kind, section.end());
        let hashes = hashes(image, &section).filter(|_| checksum == Checksum::Wrong);
        let (stated, computed) = hashes.unzip();
        SectionLine {
            kind: section.kind.name(),
            offset: section.offset,
            length: section.length,
            checksum,
            stated,
            computed,
        }
    });
    let mut lines: Vec<SectionLine> = lines.collect();
    lines.sort_unstable_by_key(|line| line.offset);
    lines
}

/// The stated and the computed checksum of a section, in hexadecimal.
fn hashes<M: Memory>(image: &Opened<M>, section: &Section) -> Option<(String, String)> {
    let digits = |hash: u64| format!("{hash:016x}");
    let stated = stated_checksum(image, section)?;
    Some((digits(stated), digits(checksum(image, section)?)))
}
