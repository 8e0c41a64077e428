// SPDX-License-Identifier: MIT OR Apache-2.0
//! All checks of an image, in the order of a mount and then of fsck.

use std::ops::ControlFlow;

use daxfs_format::check::{self, Scratch, ScratchSize, Sink, Stop};
use daxfs_format::content::content_digest;
use daxfs_format::error::digest_value;
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::{Error, Finding, Image, InodeKind, Memory, Object, Rule};
use daxfs_image::hash::{Sha256, Xxh64};

/// The check that finds a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Superblock and section table: each mount.
    Open,
    /// XXH64 and SHA-256 of the metadata sections: the first mount (SHA-256 for `identity=` and
    /// `validate`).
    Checksums,
    /// The structure: `daxfs-fsck`, and a mount with `validate`.
    Structure,
    /// The contents: `daxfs-fsck --verify-data`.
    Contents,
}

impl Stage {
    /// The name of the stage in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Checksums => "checksums",
            Self::Structure => "structure",
            Self::Contents => "contents",
        }
    }
}

/// The memory that checks need, kept from one image to the next.
pub struct Examiner {
    copy: Box<SuperblockCopy>,
    links: Vec<u32>,
    owners: Vec<u32>,
    acls: Vec<u16>,
    pages: Vec<u64>,
    buffer: Vec<u8>,
}

impl Default for Examiner {
    fn default() -> Self {
        Self {
            copy: Box::new(SuperblockCopy::zeroed()),
            links: Vec::new(),
            owners: Vec::new(),
            acls: Vec::new(),
            pages: Vec::new(),
            buffer: vec![0; Scratch::BUFFER],
        }
    }
}

impl Examiner {
    /// Opens the image in `memory`.
    ///
    /// # Errors
    /// The first rule that superblock or section table break.
    pub fn open<M: Memory>(&mut self, memory: M) -> Result<Image<M, Xxh64>, Error> {
        Image::open(memory, &mut self.copy)
    }

    /// Verifies the hashes of the sections of the image that was opened last.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn checksums<M: Memory>(
        &mut self,
        image: &Image<M, Xxh64>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let (copy, buffer) = (&self.copy, &mut self.buffer);
        check::verify_checksums(image, copy, buffer, sink)?;
        check::verify_section_digests::<Sha256, _, _>(image, copy, buffer, sink)
    }

    /// Checks the structure of the image that was opened last, with the padding of the data
    /// section.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn structure<M: Memory>(
        &mut self,
        image: &Image<M, Xxh64>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let size = ScratchSize::of(image);
        self.links.resize(size.inodes, 0);
        self.owners.resize(size.inodes, 0);
        self.acls.resize(size.sets, 0);
        self.pages.resize(size.page_words, 0);
        let mut scratch = Scratch {
            links: &mut self.links,
            owners: &mut self.owners,
            acls: &mut self.acls,
            pages: &mut self.pages,
            buffer: &mut self.buffer,
        };
        check::check_rules(image, &self.copy, &mut scratch, sink)?;
        check::check_data_padding(image, &self.pages, &mut self.buffer, sink)
    }

    /// Compares every content with its digest, up to the first that differs or cannot be read.
    ///
    /// # Errors
    /// A rule that an object on the way breaks, or the memory's own.
    pub fn contents<M: Memory>(&mut self, image: &Image<M, Xxh64>) -> Result<(), Error> {
        for ino in image.inode_numbers() {
            let inode = image.inode(ino)?;
            let (InodeKind::Regular(data), Some(content)) = (inode.kind, inode.content) else {
                continue;
            };
            let Some(stated) = image.digest(content)? else {
                continue;
            };
            let found = content_digest::<Sha256, _, _>(image, &data, inode.size, &mut self.buffer)?;
            if found != stated {
                let finding = Finding {
                    object: Object::Content(content),
                    offset: image.inode_offset(ino),
                    rule: Rule::ContentDigest,
                    value: digest_value(&stated),
                };
                return Err(finding.into());
            }
        }
        Ok(())
    }

    /// Returns the first finding of an image, and the check that finds it.
    pub fn first<M: Memory>(&mut self, memory: M) -> Option<(Stage, Error)> {
        match self.accept(memory) {
            Err(refusal) => Some(refusal),
            Ok(image) => self
                .contents(&image)
                .err()
                .map(|error| (Stage::Contents, error)),
        }
    }

    /// Returns the image if a mount with `validate` accepts it.
    ///
    /// # Errors
    /// The first finding, and the check that finds it.
    pub fn accept<M: Memory>(&mut self, memory: M) -> Result<Image<M, Xxh64>, (Stage, Error)> {
        let image = self.open(memory).map_err(|error| (Stage::Open, error))?;
        let mut first = None;
        let stop = self.checksums(&image, &mut keep_first(&mut first));
        if let Some(error) = first_of(first, stop) {
            return Err((Stage::Checksums, error));
        }
        let mut first = None;
        let stop = self.structure(&image, &mut keep_first(&mut first));
        if let Some(error) = first_of(first, stop) {
            return Err((Stage::Structure, error));
        }
        Ok(image)
    }
}

/// A sink that ends the check with its first finding.
fn keep_first(first: &mut Option<Finding>) -> impl FnMut(Finding) -> ControlFlow<()> + '_ {
    |finding| {
        first.get_or_insert(finding);
        ControlFlow::Break(())
    }
}

fn first_of(finding: Option<Finding>, stop: Result<(), Stop>) -> Option<Error> {
    match (finding, stop) {
        (Some(finding), _) => Some(finding.into()),
        (None, Err(Stop::Memory(fault))) => Some(Error::Memory(fault)),
        (None, Err(stop)) => unreachable!("a check stopped by itself: {stop:?}"),
        (None, Ok(())) => None,
    }
}
