// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect cat`: contents of files.

use anyhow::Result;
use daxfs_cli::json::{Bytes, Kind};
use daxfs_image::format::{FileData, InodeKind, Memory};
use daxfs_image::path::{Found, LastLink};
use serde::Serialize;

use crate::cli::PathsArgs;
use crate::console::{Console, Form};
use crate::open::{self, Inspected};

/// The size of a read in bytes.
const BUFFER: usize = 256 << 10;

/// Runs the command.
///
/// # Errors
/// Those of opening the image, and of the output.
pub fn run(arguments: &PathsArgs, console: &mut Console<'_>) -> Result<()> {
    let image = open::open(&arguments.image, console)?;
    let mut cat = Cat {
        image: &image,
        buffer: vec![0; BUFFER],
        form: console.form(),
    };
    for path in &arguments.paths {
        if let Some(found) = open::find(&image, path, LastLink::Follow, console) {
            cat.print(&found, console)?;
        }
    }
    open::close(&image, console);
    Ok(())
}

/// A segment of a file in JSON.
#[derive(Serialize)]
struct Part<'a> {
    path: Bytes<'a>,
    file_offset: u64,
    length: u64,
    /// Absent for a hole.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes<'a>>,
}

struct Cat<'a> {
    image: &'a Inspected,
    buffer: Vec<u8>,
    form: Form,
}

impl Cat<'_> {
    fn print(&mut self, found: &Found, console: &mut Console<'_>) -> Result<()> {
        let InodeKind::Regular(data) = found.inode.kind else {
            let name = crate::human::type_name(found.inode.file_type());
            console.problem_at(&found.path, format_args!("is a {name}, not a regular file"));
            return Ok(());
        };
        self.print_data(found, &data, console)
    }

    fn print_data(
        &mut self,
        found: &Found,
        data: &FileData,
        console: &mut Console<'_>,
    ) -> Result<()> {
        let size = found.inode.size;
        let mut at = 0;
        loop {
            let segment = match self.image.segment(data, size, at) {
                Ok(Some(segment)) => segment,
                Ok(None) => return Ok(()),
                Err(error) => {
                    console.problem_at(&found.path, format_args!("at byte {at}: {error}"));
                    return Ok(());
                }
            };
            match segment.data {
                Some(offset) => {
                    let end = offset.saturating_add(segment.end - at);
                    if !self.print_bytes(found, at, (offset, end), console)? {
                        return Ok(());
                    }
                }
                None => self.print_hole(found, at, segment.end, console)?,
            }
            at = segment.end;
        }
    }

    /// Prints the bytes of an image range. Returns true if all of them could be read.
    fn print_bytes(
        &mut self,
        found: &Found,
        at: u64,
        (offset, end): (u64, u64),
        console: &mut Console<'_>,
    ) -> Result<bool> {
        let mut from = offset;
        while from < end {
            let length = (end - from).min(u64::try_from(BUFFER)?);
            let part = &mut self.buffer[..usize::try_from(length)?];
            let file_offset = at + (from - offset);
            if let Err(fault) = self.image.memory().read(from, part) {
                console.problem_at(&found.path, format_args!("at byte {file_offset}: {fault}"));
                return Ok(false);
            }
            if self.form == Form::Json {
                let (path, data) = (Bytes(&found.path), Some(Bytes(part)));
                let part = Part {
                    path,
                    file_offset,
                    length,
                    data,
                };
                console.json(Kind::Data, &part)?;
            } else {
                console.out.write_all(part)?;
            }
            from += length;
        }
        Ok(true)
    }

    fn print_hole(
        &mut self,
        found: &Found,
        at: u64,
        end: u64,
        console: &mut Console<'_>,
    ) -> Result<()> {
        if self.form == Form::Json {
            let path = Bytes(&found.path);
            let part = Part {
                path,
                file_offset: at,
                length: end - at,
                data: None,
            };
            return Ok(console.json(Kind::Data, &part)?);
        }
        self.buffer.fill(0);
        let mut rest = end - at;
        while rest != 0 {
            let length = rest.min(u64::try_from(BUFFER)?);
            console
                .out
                .write_all(&self.buffer[..usize::try_from(length)?])?;
            rest -= length;
        }
        Ok(())
    }
}
