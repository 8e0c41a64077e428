// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scan: all metadata of the tree, by several threads, a directory at a time.
//!
//! Nothing is opened but directories, and regular files that may have holes. Whatever the order in
//! which directories are scanned, [`Tree::number`] gives the tree the same shape.

mod listing;

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use daxfs_format::limits::{MAX_DIRECTORY, MAX_INO};
use rustix::fs::{fstat, openat, Mode, OFlags, CWD};

use self::listing::{Listed, Lister, Listing};
use crate::error::{Error, Result};
use crate::exclude::Exclude;
use crate::num::len64;
use crate::observer::Observer;
use crate::options::{Boundary, Options};
use crate::pool::{self, lock};
use crate::source;
use crate::tree::{Entry, Node, NodeId, NodeKind, Span, Tree};
use crate::xattrs::Sets;

/// What a scan has found.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) tree: Tree,
    /// The attribute sets, in an order that says nothing.
    pub(crate) sets: Vec<Box<[u8]>>,
    /// SOURCE.
    pub(crate) root: OwnedFd,
}

/// Scans the tree below SOURCE.
///
/// # Errors
/// When something cannot be read, or exceeds a limit of the format.
pub(crate) fn scan(options: &Options, observer: &dyn Observer) -> Result<Scan> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || Error::io("open the directory", &options.source);
    let root = openat(CWD, &options.source, flags, Mode::empty()).map_err(open())?;
    let status = fstat(&root).map_err(open())?;
    let scanner = Scanner {
        options,
        observer,
        exclude: Exclude::new(&options.exclude)?,
        image: fs::symlink_metadata(&options.image)
            .ok()
            .map(|image| (image.dev(), image.ino())),
        device: matches!(options.boundary, Boundary::Stay).then_some(status.st_dev),
        shared: Mutex::new(Shared::default()),
        wake: Condvar::new(),
        root,
    };
    scanner.add_root(&status)?;
    pool::run(options.thread_count(), || scanner.work(), || scanner.stop())?;
    let shared = pool::into_inner(scanner.shared);
    Ok(Scan {
        tree: shared.tree,
        sets: shared.sets.into_sets(),
        root: scanner.root,
    })
}

/// What all threads of a scan know.
struct Scanner<'a> {
    options: &'a Options,
    observer: &'a dyn Observer,
    exclude: Exclude,
    /// Device and inode of the image that is about to be replaced.
    image: Option<(u64, u64)>,
    /// The device that the scan stays on.
    device: Option<u64>,
    root: OwnedFd,
    shared: Mutex<Shared>,
    /// Signalled when there is a job, or no more can come.
    wake: Condvar,
}

/// What the threads of a scan work on together.
#[derive(Default)]
struct Shared {
    tree: Tree,
    sets: Sets,
    /// The files with several links, by device and inode.
    links: HashMap<(u64, u64), NodeId>,
    jobs: Vec<Job>,
    /// How many threads have a job.
    busy: usize,
    stopped: bool,
}

/// A directory to be scanned.
struct Job {
    directory: NodeId,
    /// Its path below SOURCE.
    path: Vec<u8>,
}

impl Scanner<'_> {
    fn path(&self, path: &[u8]) -> PathBuf {
        source::full_path(&self.options.source, path)
    }

    fn stop(&self) {
        lock(&self.shared).stopped = true;
        self.wake.notify_all();
    }

    fn add_root(&self, status: &rustix::fs::Stat) -> Result<()> {
        let mut lister = Lister::new(self);
        let status = source::status_of(status);
        lister.enter(self.root.as_fd(), b"");
        let xattrs = lister.xattrs(b".", b"", status.mode)?;
        let mut shared = lock(&self.shared);
        let listed = Listed::directory(status, xattrs);
        let root = shared.add_node(&listed, &[], self.options)?;
        shared.jobs.push(Job {
            directory: root,
            path: Vec::new(),
        });
        Ok(())
    }

    fn work(&self) -> Result<()> {
        let mut lister = Lister::new(self);
        let mut done = None;
        while let Some(job) = self.next(done.take())? {
            let listing = lister.list(&job.path)?;
            done = Some((job, listing));
        }
        Ok(())
    }

    /// Enters what a job has found, and waits for the next job; `None` when all are done.
    fn next(&self, done: Option<(Job, Listing)>) -> Result<Option<Job>> {
        let mut shared = lock(&self.shared);
        if let Some((job, listing)) = done {
            shared.busy -= 1;
            shared.enter(&job, &listing, self)?;
            self.wake.notify_all();
        }
        loop {
            if shared.stopped {
                return Ok(None);
            }
            if let Some(job) = shared.jobs.pop() {
                shared.busy += 1;
                return Ok(Some(job));
            }
            if shared.busy == 0 {
                self.wake.notify_all();
                return Ok(None);
            }
            shared = self
                .wake
                .wait(shared)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn enter(&mut self, job: &Job, listing: &Listing, scanner: &Scanner<'_>) -> Result<()> {
        let first = number(self.tree.entries.len());
        for listed in &listing.files {
            let name = listing.name(listed);
            let node = self.node_of(listed, name, job, scanner)?;
            let name = Span {
                start: len64(self.tree.names.len()),
                length: number(name.len()),
            };
            self.tree.names.extend_from_slice(listing.name(listed));
            self.tree.entries.push(Entry {
                hash: listed.hash,
                node,
                name,
            });
        }
        let count = number(listing.files.len());
        if self.tree.unit_length(first, count) > MAX_DIRECTORY {
            let limit = format!("a directory may have {MAX_DIRECTORY} bytes of names and entries");
            return Err(Error::Limit {
                path: scanner.path(&job.path),
                limit,
            });
        }
        self.tree.node_mut(job.directory).kind = NodeKind::Directory { first, count };
        Ok(())
    }

    /// The node that an entry names: a new one, unless it is a further link to one.
    fn node_of(
        &mut self,
        listed: &Listed,
        name: &[u8],
        job: &Job,
        scanner: &Scanner<'_>,
    ) -> Result<NodeId> {
        if let Some(&node) = listed.linked.and_then(|key| self.links.get(&key)) {
            return Ok(node);
        }
        let node = self.add_node(listed, name, scanner.options)?;
        if let Some(key) = listed.linked {
            self.links.insert(key, node);
        }
        if listed.is_scanned {
            self.jobs.push(Job {
                directory: node,
                path: source::join(&job.path, name),
            });
        }
        Ok(node)
    }

    fn add_node(&mut self, listed: &Listed, name: &[u8], options: &Options) -> Result<NodeId> {
        let id = number(self.tree.nodes.len());
        if id >= MAX_INO {
            let (path, limit) = (
                options.source.join(source::os(name)),
                "a tree may have 2^31 - 1 inodes",
            );
            return Err(Error::Limit {
                path,
                limit: limit.to_owned(),
            });
        }
        let kind = match &listed.kind {
            listing::Kind::Regular(pieces) => {
                let sparse = pieces.as_ref().map_or(0, |pieces| {
                    self.tree.sparse.push(pieces.clone());
                    number(self.tree.sparse.len())
                });
                NodeKind::Regular { sparse }
            }
            listing::Kind::Directory => NodeKind::Directory { first: 0, count: 0 },
            listing::Kind::Symlink(target) => {
                let start = len64(self.tree.targets.len());
                self.tree.targets.extend_from_slice(target);
                NodeKind::Symlink(Span {
                    start,
                    length: number(target.len()),
                })
            }
            listing::Kind::Device(device) => NodeKind::Device(*device),
            listing::Kind::Other => NodeKind::Other,
        };
        self.tree.nodes.push(Node {
            status: listed.status,
            xattrs: self.sets.intern(&listed.xattrs),
            links: 0,
            ino: 0,
            parent: NodeId::ROOT,
            entry: 0,
            kind,
        });
        Ok(NodeId(id))
    }
}

/// A count that the limits of the format keep within 32 bits; what exceeds them is refused.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
