// SPDX-License-Identifier: MIT OR Apache-2.0
//! The build: scan, compare, copy, look again, describe, publish.
//!
//! ```text
//! superblock | inodes | directories | symlinks | xattrs | extents | digests | packed | data
//! ```
//!
//! The lengths of the first sections are known after the scan. How many digests there are, and how
//! long `packed` and `data` get, depends on which files are equal, which is known when they have been
//! read. So there is room for a digest of every file, `packed` is copied behind it, then `data` behind
//! that; the room for the digests of files that turned out equal to others stays empty.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::thread;
use std::time::Instant;

use daxfs_format::digest::DIGEST_SIZE;
use daxfs_format::SectionKind;

use crate::area::{self, Area, Large};
use crate::compare::{compare, Comparison};
use crate::contents::{Classes, Content, Contents, Place};
use crate::copy::{copy, Job, LargeFile, Placing, Target};
use crate::error::{Error, Result};
use crate::huge::Alignment;
use crate::metadata::{Cursor, Cursors, Ordered};
use crate::num::round_up;
use crate::observer::{Observer, Phase};
use crate::options::{Keep, Options};
use crate::output::Output;
use crate::recheck::recheck;
use crate::scan::scan;
use crate::seal::{Sealed, Sections};
use crate::summary::{self, Summary};
use crate::tree::{NodeId, NodeKind, Piece};

/// The sections whose lengths are known after the scan.
const DESCRIBING: [SectionKind; 5] = [
    SectionKind::Inodes,
    SectionKind::Directories,
    SectionKind::Symlinks,
    SectionKind::Xattrs,
    SectionKind::Extents,
];

/// The longest xattr section, in bytes: offsets in it have 32 bits.
const MAX_XATTRS: u64 = 0xffff_ffff;

/// Builds an image.
///
/// # Errors
/// See [`Error`]. With one exception, no image has appeared, and one that existed is as it was.
pub fn build(options: &Options, observer: &dyn Observer) -> Result<Summary> {
    let start = Instant::now();
    Output::check(options)?;
    observer.phase(Phase::Scan);
    let mut scan = scan(options, observer)?;
    let order = scan.tree.number();
    let output = Output::open(options)?;
    let (entries, bytes) = summary::count(&scan.tree);
    observer.phase(Phase::Compare { entries, bytes });
    let tree = &scan.tree;
    let job = Job {
        options,
        observer,
        root: &scan.root,
        tree,
        output: &output,
    };
    let ordered = Ordered::new(tree, order, &scan.sets);
    let mut image = thread::scope(|scope| {
        // Without that thread there is more to wait for at the end.
        let _ = thread::Builder::new().spawn_scoped(scope, || output.write_behind());
        let image = copy_contents(&job, &ordered);
        output.stop_write_behind();
        image
    })?;
    recheck(&job, &ordered.order)?;
    observer.phase(Phase::Metadata);
    let sealed = describe(&job, &ordered, &mut image)?;
    let summary = summary::of(tree, &image, &sealed);
    observer.phase(Phase::Publish);
    output.publish(image.sections.image_size())?;
    Ok(Summary {
        seconds: start.elapsed().as_secs_f64(),
        ..summary
    })
}

/// What of the image is known when the contents are in it.
pub(crate) struct Copied {
    pub(crate) sections: Sections,
    pub(crate) contents: Contents,
    /// Bytes that nothing was placed in: of the data section, and of the room for digests.
    pub(crate) unused: u64,
}

fn copy_contents(job: &Job<'_>, ordered: &Ordered<'_>) -> Result<Copied> {
    let mut sections = describing_sections(job, ordered)?;
    let classes = Classes::of(job.tree, &ordered.order, job.options);
    if job.options.digests == Keep::Yes {
        sections.push(SectionKind::Digests, digests_length(classes.count()));
    }
    check_sparse(job, &classes.large)?;
    let comparison = match job.options.sharing {
        Keep::Yes => compare(job, &classes.large)?,
        Keep::No => Comparison::default(),
    };
    job.observer.phase(Phase::Copy);
    let contents = Contents::new(job.tree.nodes.len());
    let start = sections.next(SectionKind::Packed);
    let placing = Placing {
        contents,
        target: Target::Packed(start),
    };
    let (placing, _) = copy(job, placing, &[], &classes.packed)?;
    sections.push(SectionKind::Packed, placing.target.end() - start);

    let mut contents = placing.contents;
    let small = direct(job, &classes, &contents);
    let start = sections.next(SectionKind::Data);
    let mut area = Area::new(start, job.options.page.bytes());
    let large = place_large(
        job,
        &classes.large,
        &small,
        &comparison,
        &mut area,
        &mut contents,
    );
    let placing = Placing {
        contents,
        target: Target::Data(area),
    };
    let (placing, digests) = copy(job, placing, &large, &small)?;
    sections.push(SectionKind::Data, placing.target.end() - start);
    let mut contents = placing.contents;
    for (content, digest) in digests {
        contents.set_digest(content, digest);
    }
    Ok(Copied {
        sections,
        contents,
        unused: placing.target.unused(),
    })
}

/// The length of a digest section for so many contents, in bytes; without contents there is none.
fn digests_length(contents: usize) -> u64 {
    match crate::num::len64(contents) {
        0 => 0,
        contents => (contents + 1) * DIGEST_SIZE,
    }
}

fn describing_sections(job: &Job<'_>, ordered: &Ordered<'_>) -> Result<Sections> {
    let mut sections = Sections::new(job.options.page.shift());
    for kind in DESCRIBING {
        sections.push(kind, ordered.length(kind));
    }
    let (_, xattrs) = sections.range(SectionKind::Xattrs);
    if xattrs > MAX_XATTRS {
        let limit = format!("all extended attributes may have {MAX_XATTRS} bytes, not {xattrs}");
        return Err(Error::Limit {
            path: job.options.source.clone(),
            limit,
        });
    }
    Ok(sections)
}

/// The small direct files: those that were known as such, and those that were not packed because
/// they are ELF.
fn direct(job: &Job<'_>, classes: &Classes, contents: &Contents) -> Vec<NodeId> {
    let mut small = classes.small.clone();
    small.extend(
        classes
            .packed
            .iter()
            .filter(|&&file| contents.of(file) == 0),
    );
    small.sort_unstable_by_key(|&file| job.tree.node(file).ino);
    small
}

/// Gives the large files their contents and places.
fn place_large(
    job: &Job<'_>,
    files: &[NodeId],
    small: &[NodeId],
    comparison: &Comparison,
    area: &mut Area,
    contents: &mut Contents,
) -> Vec<LargeFile> {
    let page = job.options.page.bytes();
    let rounded = |file: &NodeId| round_up(job.tree.node(*file).status.size, page);
    let originals: Vec<NodeId> = files
        .iter()
        .copied()
        .filter(|file| !comparison.same.contains_key(file))
        .collect();
    let lengths: Vec<Large> = originals.iter().map(|&file| large_of(job, file)).collect();
    let filler = small.iter().map(rounded).sum();
    let places = area::place_large(area, &lengths, filler, job.options.huge_align);
    let mut large = Vec::with_capacity(originals.len());
    for (&file, place) in originals.iter().zip(places) {
        let size = job.tree.node(file).status.size;
        let to = match pieces_of(job, file) {
            None => Place::Direct(place),
            Some(_) => Place::Sparse(place),
        };
        let content = contents.add(Content {
            digest: [0; 32],
            size,
            place: to,
        });
        contents.assign(file, content);
        let digest = comparison.digests.get(&file).copied();
        large.push(LargeFile {
            file,
            place,
            content,
            digest,
        });
    }
    // The last to be finished are small, so that the threads finish together.
    large.sort_by_key(|large| Reverse(job.tree.node(large.file).status.size));
    for (&file, &original) in &comparison.same {
        job.observer.advance(job.tree.node(file).status.size);
        contents.assign(file, contents.of(original));
    }
    large
}

/// A sparse file states its pages in 32 bits.
fn check_sparse(job: &Job<'_>, files: &[NodeId]) -> Result<()> {
    let most = u64::from(u32::MAX) * job.options.page.bytes();
    for &file in files {
        if pieces_of(job, file).is_some() && large_of(job, file).length > most {
            let limit = format!("a file with holes may have {most} bytes besides them");
            let path = OsString::from_vec(job.tree.path(file));
            let path = job.options.source.join(path);
            return Err(Error::Limit { path, limit });
        }
    }
    Ok(())
}

/// The pieces of a sparse file.
fn pieces_of<'a>(job: &Job<'a>, file: NodeId) -> Option<&'a [Piece]> {
    match job.tree.node(file).kind {
        NodeKind::Regular { sparse } => job.tree.pieces(sparse),
        _ => None,
    }
}

/// What a large file takes in the data section.
fn large_of(job: &Job<'_>, file: NodeId) -> Large {
    let page = job.options.page.bytes();
    match pieces_of(job, file) {
        Some(pieces) => {
            let lengths = pieces.iter().map(|&(_, length)| round_up(length, page));
            Large {
                length: lengths.sum(),
                alignment: Alignment::of_sparse(pieces, page),
            }
        }
        None => {
            let length = job.tree.node(file).status.size;
            Large {
                length,
                alignment: Alignment::of_dense(length),
            }
        }
    }
}

/// Writes the sections that describe files, and the superblock.
fn describe(job: &Job<'_>, ordered: &Ordered<'_>, image: &mut Copied) -> Result<Sealed> {
    let (options, contents) = (job.options, &image.contents);
    let (numbers, numbered) = contents.number(&ordered.order);
    let digests = ordered.digests(options, contents, &numbered);
    let sections = &mut image.sections;
    image.unused += sections.shorten(SectionKind::Digests, crate::num::len64(digests.len()));
    let start = |kind| Cursor(sections.range(kind).0);
    let cursors = Cursors {
        directories: start(SectionKind::Directories),
        symlinks: start(SectionKind::Symlinks),
        extents: start(SectionKind::Extents),
    };
    let mut write = |kind, bytes: Vec<u8>| {
        let (offset, length) = sections.range(kind);
        debug_assert_eq!(length, crate::num::len64(bytes.len()), "{kind}");
        sections.hash(kind, &bytes);
        job.output.write(&bytes, offset)
    };
    write(SectionKind::Digests, digests)?;
    write(SectionKind::Directories, ordered.directories())?;
    write(SectionKind::Symlinks, ordered.symlinks())?;
    write(SectionKind::Xattrs, ordered.xattrs())?;
    write(
        SectionKind::Extents,
        ordered.extents(contents, options.page.bytes()),
    )?;
    write(
        SectionKind::Inodes,
        ordered.inodes(options, contents, &numbers, cursors),
    )?;
    let sealed = sections.superblock(options)?;
    job.output.write(sealed.as_bytes(), 0)?;
    Ok(sealed)
}
