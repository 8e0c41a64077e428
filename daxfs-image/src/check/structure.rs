// SPDX-License-Identifier: MIT OR Apache-2.0
//! The structural check: one thread hashes the sections while another applies the rules, and both
//! look at the ends of files afterwards. Which pages of the data section nothing owns is known
//! then, and they are looked at last.

use std::thread;

use daxfs_format::check::{self, Scratch, ScratchSize};
use daxfs_format::Memory;

use super::error::{lost, CheckError};
use super::findings::Findings;
use super::tails::{Deferring, Tails};
use super::threads::{join, spawn, view};
use crate::file::FileImage;
use crate::opened::Opened;

/// The size of a read for hashing in bytes, which stays in the cache between copy and hash.
const HASH_BUFFER: usize = 128 << 10;

/// The result of the check of the structure: the memory that it worked in.
#[derive(Debug)]
pub struct Structure {
    links: Vec<u32>,
    /// The first inode of each content, from content 1 on; 0 for numbers without content.
    pub(super) owners: Vec<u32>,
    acls: Vec<u16>,
    /// One bit for each page of the data section that holds a content.
    pages: Vec<u64>,
    buffer: Vec<u8>,
}

impl Structure {
    /// The first inode with this content, as stated in the image.
    #[must_use]
    pub fn owner(&self, content: daxfs_format::ContentId) -> Option<daxfs_format::Ino> {
        let slot = usize::try_from(content.get().checked_sub(1)?).ok()?;
        daxfs_format::Ino::new(*self.owners.get(slot)?)
    }

    fn allocate(size: ScratchSize, limit: u64) -> Result<Self, CheckError> {
        let needed = size.bytes();
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

fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, std::collections::TryReserveError> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(count)?;
    vector.resize(count, T::default());
    Ok(vector)
}

/// Checks the hashes of all metadata sections, every rule that [`check::check_rules`] knows,
/// and that the pages that nothing owns are zero: all that the module's `validate` checks. It takes
/// two threads and at most `limit` bytes of memory.
///
/// ```no_run
/// use daxfs_image::check::{check_structure, Findings};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let image = daxfs_image::file::open("doc.daxfs".as_ref())?;
/// let mut findings = Findings::new(10);
/// check_structure(&image, 1 << 30, &mut findings)?;
/// for finding in findings.first() {
///     println!("{finding}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CheckError`] if the check could not be completed; `findings` then holds the findings so far.
pub fn check_structure(
    image: &FileImage,
    limit: u64,
    findings: &mut Findings,
) -> Result<Structure, CheckError> {
    let mut structure = Structure::allocate(ScratchSize::of(image), limit)?;
    let view = view(image)?;
    let tails = Tails::default();
    let (mut of_hashes, mut of_rules) = (findings.sibling(), findings.sibling());
    let (deferred, hash_findings) = (&tails, &mut of_hashes);
    let mut done = thread::scope(|scope| {
        let helper = spawn(scope, move || {
            verify_hashes(&view, hash_findings)?;
            examine(deferred, &view)
        })?;
        let rules = check_but_tails(image, &mut structure, &mut of_rules, &tails)
            .and_then(|()| examine(&tails, image));
        join(helper).and(rules)
    });
    if done.is_ok() && tails.found_nonzero() {
        of_rules = findings.sibling();
        done = check_rules(image, image, &mut structure, &mut of_rules);
    }
    let done = done.and_then(|()| check_padding(image, &mut structure, &mut of_rules));
    findings.append(of_hashes);
    findings.append(of_rules);
    done.map(|()| structure)
}

/// Applies the rules, and defers the ends of files.
fn check_but_tails(
    image: &FileImage,
    structure: &mut Structure,
    findings: &mut Findings,
    tails: &Tails,
) -> Result<(), CheckError> {
    let deferring = Deferring::new(image, tails);
    let deferred = image.over(&deferring).map_err(|_| lost(image.memory()))?;
    check_rules(image, &deferred, structure, findings)?;
    deferring
        .flush()
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}

/// Applies the rules to `view`, which is `image` itself or `image` through another memory.
fn check_rules<M: Memory>(
    image: &FileImage,
    view: &Opened<M>,
    structure: &mut Structure,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let (mut scratch, mut sink) = (structure.scratch(), findings.sink());
    view.check_rules(&mut scratch, &mut sink)
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}

/// Checks that the pages of the data section that hold no content are zero.
fn check_padding(
    image: &FileImage,
    structure: &mut Structure,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let Structure { pages, buffer, .. } = structure;
    check::check_data_padding(image, pages, buffer, &mut findings.sink())
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}

fn examine(tails: &Tails, image: &FileImage) -> Result<(), CheckError> {
    tails
        .examine(image.memory())
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}

fn verify_hashes(image: &FileImage, findings: &mut Findings) -> Result<(), CheckError> {
    let mut buffer = vec![0; HASH_BUFFER];
    let mut sink = findings.sink();
    image
        .verify_checksums(&mut buffer, &mut sink)
        .and_then(|()| image.verify_section_digests(&mut buffer, &mut sink))
        .map_err(|stop| CheckError::stopped(stop, image.memory()))
}
