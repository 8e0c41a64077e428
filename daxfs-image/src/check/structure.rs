// SPDX-License-Identifier: MIT OR Apache-2.0
//! The structural check: one thread hashes the sections while another applies the rules.

use std::thread;

use daxfs_format::check::{self, Scratch, ScratchSize};
use daxfs_format::superblock::SuperblockCopy;

use super::{join, spawn, view, CheckError, Findings};
use crate::file::FileImage;
use crate::hash::Sha256;

/// What hashing reads at a time, in bytes: it stays in the cache between copy and hash.
const HASH_BUFFER: usize = 128 << 10;

/// What the check of the structure has learned: the memory that it worked in.
#[derive(Debug)]
pub struct Structure {
    links: Vec<u32>,
    /// The first inode of each content, from content 1 on; 0 for numbers without content.
    pub(super) owners: Vec<u32>,
    acls: Vec<u16>,
    /// One bit for each page of the data section that holds a content.
    pub(super) pages: Vec<u64>,
    buffer: Vec<u8>,
}

impl Structure {
    /// The first inode with this content, as far as the image says.
    #[must_use]
    pub fn owner(&self, content: daxfs_format::ContentId) -> Option<daxfs_format::Ino> {
        let slot = usize::try_from(content.get().checked_sub(1)?).ok()?;
        daxfs_format::Ino::new(*self.owners.get(slot)?)
    }

    fn allocate(size: ScratchSize, limit: u64) -> Result<Self, CheckError> {
        let needed = needed(size);
        if needed > limit {
            return Err(CheckError::Limit { needed, limit });
        }
        let fail = |_| CheckError::NoMemory(needed);
        Ok(Self {
            links: zeros(size.inodes).map_err(fail)?,
            owners: zeros(size.inodes).map_err(fail)?,
            acls: zeros(size.sets).map_err(fail)?,
            pages: zeros(size.page_words).map_err(fail)?,
            buffer: zeros(Scratch::BUFFER).map_err(fail)?,
        })
    }

    fn scratch(&mut self) -> Scratch<'_> {
        Scratch {
            links: &mut self.links,
            owners: &mut self.owners,
            acls: &mut self.acls,
            pages: &mut self.pages,
            buffer: &mut self.buffer,
        }
    }
}

/// The bytes of scratch memory: eight for each inode, two for each attribute set, a bit for each page.
fn needed(size: ScratchSize) -> u64 {
    let bytes = |count: usize, each| {
        u64::try_from(count)
            .unwrap_or(u64::MAX)
            .saturating_mul(each)
    };
    bytes(size.inodes, 8)
        .saturating_add(bytes(size.sets, 2))
        .saturating_add(bytes(size.page_words, 8))
}

fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, std::collections::TryReserveError> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(count)?;
    vector.resize(count, T::default());
    Ok(vector)
}

/// Checks the hashes of all metadata sections and every rule that [`check::check_structure`] knows,
/// in two threads and at most `limit` bytes of memory. `superblock` is the copy that the image was
/// opened with.
///
/// # Errors
/// [`CheckError`] when the check could not be completed; `findings` then holds what was found so far.
pub fn check_structure(
    image: &FileImage,
    superblock: &SuperblockCopy,
    limit: u64,
    findings: &mut Findings,
) -> Result<Structure, CheckError> {
    let mut structure = Structure::allocate(ScratchSize::of(image), limit)?;
    let view = view(image)?;
    let mut own = findings.sibling();
    let of_hashes = &mut own;
    let done = thread::scope(|scope| {
        let hashes = spawn(scope, move || verify_hashes(&view, superblock, of_hashes))?;
        let (mut scratch, mut sink) = (structure.scratch(), findings.sink());
        let rules = check::check_structure(image, superblock, &mut scratch, &mut sink)
            .map_err(|stop| CheckError::stopped(stop, image.memory()));
        join(hashes).and(rules)
    });
    findings.append(own);
    done.map(|()| structure)
}

fn verify_hashes(
    image: &FileImage,
    superblock: &SuperblockCopy,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let mut buffer = vec![0; HASH_BUFFER];
    let mut sink = findings.sink();
    check::verify_checksums(image, superblock, &mut buffer, &mut sink)
        .and_then(|()| {
            check::verify_section_digests::<Sha256, _, _>(image, superblock, &mut buffer, &mut sink)
        })
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}
