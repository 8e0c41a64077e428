// SPDX-License-Identifier: MIT OR Apache-2.0
//! The records of superblock and section table.

use std::io;

use daxfs_image::format::section::RawSection;
use daxfs_image::format::superblock::{RawSuperblock, MAGIC, MAX_SECTIONS};
use daxfs_image::format::SectionKind;
use zerocopy::IntoBytes as _;

use super::record::{Dump, VERSION};

/// Writes the head of the dump, the superblock, and the section table.
///
/// # Errors
/// Those of the output.
pub fn dump(raw: &RawSuperblock, dump: &mut Dump<'_>) -> io::Result<()> {
    let head = dump.record("daxfs-dump").number("version", VERSION);
    dump.write(head)?;
    let mut record = dump.record("superblock");
    if raw.magic != MAGIC {
        record = record.hex("magic", &raw.magic);
    }
    record = record
        .number("version_major", raw.version_major.get())
        .number("version_minor", raw.version_minor.get())
        .number("section_count", raw.section_count.get())
        .word("compatible", format_args!("{:#x}", raw.compatible.get()))
        .word(
            "read_only_compatible",
            format_args!("{:#x}", raw.read_only_compatible.get()),
        )
        .word(
            "incompatible",
            format_args!("{:#x}", raw.incompatible.get()),
        )
        .number("image_size", raw.image_size.get())
        .hex("uuid", &raw.uuid)
        .bytes("label", label(&raw.label))
        .number("page_shift", raw.page_shift)
        .nonzero_bytes("reserved_129", &raw.reserved_129)
        .number("root", raw.root.get())
        .nonzero_bytes("reserved_136", &raw.reserved_136)
        .nonzero_bytes("reserved_4032", &raw.reserved_4032)
        .word("xxh64", format_args!("{:016x}", raw.xxh64.get()));
    dump.write(record)?;
    let used = usize::try_from(raw.section_count.get())
        .unwrap_or(usize::MAX)
        .min(MAX_SECTIONS);
    for (index, section) in (0_u32..).zip(&raw.sections) {
        let is_used = usize::try_from(index).is_ok_and(|index| index < used);
        if is_used || section.as_bytes().iter().any(|&byte| byte != 0) {
            dump_section(index, section, dump)?;
        }
    }
    Ok(())
}

/// The label up to its last byte that is not zero.
fn label(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    &field[..end]
}

fn dump_section(index: u32, raw: &RawSection, dump: &mut Dump<'_>) -> io::Result<()> {
    let kind = raw.kind.get();
    let record = dump.record("section").number("index", index);
    let record = match SectionKind::from_number(kind) {
        Some(kind) => record.word("kind", kind),
        None => record.number("kind", kind),
    };
    let record = record
        .word("flags", format_args!("{:#x}", raw.flags.get()))
        .number("offset", raw.offset.get())
        .number("length", raw.length.get())
        .word("xxh64", format_args!("{:016x}", raw.xxh64.get()))
        .hex("sha256", &raw.sha256);
    dump.write(record)
}
