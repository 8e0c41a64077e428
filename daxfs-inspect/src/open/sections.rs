// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sections from which results come, and warnings if their checksums are wrong.

use std::cell::{Cell, OnceCell};

use daxfs_cli::json::Finding as JsonFinding;
use daxfs_image::format::section::{RawSection, Section};
use daxfs_image::format::{Finding, Memory, Object, Rule, Xxh64 as _};
use daxfs_image::hash::Xxh64;
use daxfs_image::Opened;

use super::Inspected;
use crate::console::Console;

/// The size of a read in bytes.
const BUFFER: usize = 64 << 10;

/// The sections that were read from.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// The sections with checksums; set when the image is open.
    watched: OnceCell<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    section: Section,
    stated: u64,
    is_read: Cell<bool>,
}

impl Touched {
    /// Watches the sections whose checksums the image states.
    pub(super) fn watch(&self, image: &Inspected) {
        let sections = image.superblock().sections().iter();
        let watched = sections.filter_map(|section| {
            Some(Watched {
                section,
                stated: stated_checksum(image, &section)?,
                is_read: Cell::new(false),
            })
        });
        // It is set once, by the function that opens the image.
        let _ = self.watched.set(watched.collect());
    }

    /// Notes a read that begins at `offset`.
    pub(super) fn note(&self, offset: u64) {
        let watched = self.watched.get().into_iter().flatten();
        for watched in watched.filter(|watched| watched.section.holds(offset, 1)) {
            watched.is_read.set(true);
        }
    }
}

/// Warns of each section that was read from and whose checksum is wrong. Faults are not reported:
/// they were, where the results needed the bytes.
pub fn warn_of_checksums(image: &Inspected, console: &mut Console<'_>) {
    let watched = image.memory().touched.watched.get();
    let read: Vec<_> = watched.into_iter().flatten().collect();
    for Watched {
        section, stated, ..
    } in read.into_iter().filter(|watched| watched.is_read.get())
    {
        let computed = checksum(image, section).filter(|computed| computed != stated);
        if let Some(computed) = computed {
            warn(&image.memory().name, section, (*stated, computed), console);
        }
    }
}

fn warn(name: &str, section: &Section, (stated, computed): (u64, u64), console: &mut Console<'_>) {
    let (kind, offset) = (section.kind, section.offset);
    let finding = Finding::new(Object::Section(kind), offset, Rule::SectionChecksum, stated);
    let finding = JsonFinding {
        value: None,
        stated: Some(format!("{stated:016x}")),
        computed: Some(format!("{computed:016x}")),
        ..finding.into()
    };
    console.warn(
        format_args!(
            "{name}: the result comes from the {kind} section at {offset:#x}, whose checksum is \
             wrong: stated {stated:016x}, computed {computed:016x}"
        ),
        finding,
    );
}

/// The checksum that an image states for a section.
#[must_use]
pub fn stated_checksum<M: Memory>(image: &Opened<M>, section: &Section) -> Option<u64> {
    let mut entries = image.raw_superblock().sections.iter();
    let entry = entries.find(|raw| raw.kind.get() == section.kind.number())?;
    (entry.flags.get() & RawSection::HASHED != 0).then(|| entry.xxh64.get())
}

/// The checksum of the bytes of a section; `None` if they cannot be read.
#[must_use]
pub fn checksum<M: Memory>(image: &Opened<M>, section: &Section) -> Option<u64> {
    let mut hash = Xxh64::new();
    let mut buffer = vec![0; BUFFER];
    let mut at = section.offset;
    while at < section.end() {
        let rest = usize::try_from(section.end() - at).unwrap_or(BUFFER);
        let part = &mut buffer[..rest.min(BUFFER)];
        image.memory().read(at, part).ok()?;
        hash.update(part);
        at = at.saturating_add(u64::try_from(part.len()).ok()?);
    }
    Some(hash.finish())
}
