// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect info`: what kind of image it is.
//!
//! | module | owns |
//! |---|---|
//! | [`summary`] | an image that can be opened |
//! | [`raw`] | a superblock that cannot be relied upon |

pub mod raw;
pub mod summary;

use anyhow::Result;

use crate::cli::ImageArgs;
use crate::console::Console;
use crate::open::{self, Candidate};

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, or the output takes nothing.
pub fn run(arguments: &ImageArgs, console: &mut Console<'_>) -> Result<()> {
    let candidate = Candidate::read(&arguments.image, console)?;
    let name = candidate.name.clone();
    let file_size = candidate.file_size();
    let superblock = candidate.superblock.raw().to_owned();
    let identity = candidate.superblock.identity::<daxfs_image::hash::Sha256>();
    match candidate.open(console) {
        Ok(image) => {
            let opened = open::superblock_of(&image)?;
            let summary = summary::Summary::of(&image, &opened, identity, console);
            if arguments.json {
                console.json(&summary)?;
            } else {
                summary.print(console)?;
            }
            crate::report_cause(&image, console);
        }
        Err(error) => {
            console.problem(format_args!("{name}: {error}"));
            let fields = raw::Fields::of(&superblock, file_size);
            if arguments.json {
                console.json(&fields)?;
            } else {
                fields.print(console)?;
            }
        }
    }
    Ok(())
}

/// A UUID as RFC 9562 writes it.
#[must_use]
pub fn uuid(bytes: &[u8; 16]) -> String {
    let hex = daxfs_image::escape::hex(bytes);
    let groups = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    groups.join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids_have_five_groups() {
        let bytes = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(super::uuid(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
