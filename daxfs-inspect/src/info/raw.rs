// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fields of a damaged superblock, as they lie in the file.

use anyhow::Result;
use daxfs_cli::json::Text;
use daxfs_cli::number::size_and_bytes;
use daxfs_image::escape;
use daxfs_image::format::section::RawSection;
use daxfs_image::format::superblock::{RawSuperblock, MAGIC, MAX_SECTIONS};
use daxfs_image::format::text::{Hex, Uuid};
use daxfs_image::format::SectionKind;
use daxfs_image::hash::Xxh64;
use serde::Serialize;
use zerocopy::IntoBytes as _;

use crate::console::Console;

/// The fields. Their names in JSON are those of the specification.
#[derive(Debug, Serialize)]
pub struct Fields {
    path: Text,
    file_size: u64,
    magic: String,
    #[serde(skip)]
    magic_is_right: bool,
    version_major: u16,
    version_minor: u16,
    section_count: u32,
    compatible: String,
    read_only_compatible: String,
    incompatible: String,
    image_size: u64,
    uuid: String,
    label: Text,
    page_shift: u8,
    root: u32,
    xxh64: String,
    xxh64_computed: String,
    sections: Vec<Entry>,
}

/// An entry of the section table.
#[derive(Debug, Serialize)]
struct Entry {
    kind: u32,
    #[serde(skip)]
    name: &'static str,
    flags: u32,
    offset: u64,
    length: u64,
}

impl Fields {
    /// The fields of a superblock in a file of `file_size` bytes.
    #[must_use]
    pub fn of(raw: &RawSuperblock, path: Text, file_size: u64) -> Self {
        let used = usize::try_from(raw.section_count.get()).unwrap_or(usize::MAX);
        let used = used.min(MAX_SECTIONS);
        let is_shown = |(index, entry): &(usize, &RawSection)| {
            *index < used || entry.as_bytes().iter().any(|&byte| byte != 0)
        };
        let entries = raw.sections.iter().enumerate().filter(is_shown);
        Self {
            path,
            file_size,
            magic: Hex(&raw.magic).to_string(),
            magic_is_right: raw.magic == MAGIC,
            version_major: raw.version_major.get(),
            version_minor: raw.version_minor.get(),
            section_count: raw.section_count.get(),
            compatible: format!("{:#x}", raw.compatible.get()),
            read_only_compatible: format!("{:#x}", raw.read_only_compatible.get()),
            incompatible: format!("{:#x}", raw.incompatible.get()),
            image_size: raw.image_size.get(),
            uuid: Uuid(raw.uuid).to_string(),
            label: Text(trim_zeros(&raw.label).to_vec()),
            page_shift: raw.page_shift,
            root: raw.root.get(),
            xxh64: format!("{:016x}", raw.xxh64.get()),
            xxh64_computed: format!("{:016x}", raw.checksum::<Xxh64>()),
            sections: entries.map(|(_, entry)| Entry::of(entry)).collect(),
        }
    }

    /// Prints the fields as text.
    ///
    /// # Errors
    /// Those of the output.
    pub fn print(&self, console: &mut Console<'_>) -> Result<()> {
        let magic = if self.magic_is_right {
            format!("{} (right)", self.magic)
        } else {
            format!("{} (WRONG, expected {})", self.magic, Hex(&MAGIC))
        };
        let checksum = if self.xxh64 == self.xxh64_computed {
            format!("{} (right)", self.xxh64)
        } else {
            format!("{} (WRONG, computed {})", self.xxh64, self.xxh64_computed)
        };
        let features = [
            &self.compatible,
            &self.read_only_compatible,
            &self.incompatible,
        ];
        let [compatible, read_only, incompatible] = features;
        let lines = [
            ("file size", size_and_bytes(self.file_size)),
            ("magic", magic),
            (
                "version",
                format!("{}.{}", self.version_major, self.version_minor),
            ),
            ("checksum", checksum),
            (
                "features",
                format!(
                    "compatible {compatible}, read-only {read_only}, incompatible {incompatible}"
                ),
            ),
            ("image size", size_and_bytes(self.image_size)),
            ("uuid", self.uuid.clone()),
            ("label", escape::quoted(&self.label.0)),
            ("page shift", self.page_shift.to_string()),
            ("root", format!("inode {}", self.root)),
            ("sections", self.section_count.to_string()),
        ];
        writeln!(console.out, "fields of the superblock as they are:")?;
        for (name, value) in lines {
            writeln!(console.out, "{name:<10} {value}")?;
        }
        self.print_sections(console)
    }

    fn print_sections(&self, console: &mut Console<'_>) -> Result<()> {
        if self.sections.is_empty() {
            return Ok(());
        }
        writeln!(
            console.out,
            "\n{:<10} {:<12} {:<8} {:>18} {:>20}",
            "KIND", "", "FLAGS", "OFFSET", "LENGTH"
        )?;
        for Entry {
            kind,
            name,
            flags,
            offset,
            length,
        } in &self.sections
        {
            writeln!(
                console.out,
                "{kind:<10} {name:<12} {flags:<#8x} {offset:>#18x} {length:>20}"
            )?;
        }
        Ok(())
    }
}

impl Entry {
    fn of(raw: &RawSection) -> Self {
        let kind = raw.kind.get();
        Self {
            kind,
            name: SectionKind::from_number(kind).map_or("unknown", SectionKind::name),
            flags: raw.flags.get(),
            offset: raw.offset.get(),
            length: raw.length.get(),
        }
    }
}

/// A field without its padding of zeros.
fn trim_zeros(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    &field[..end]
}
