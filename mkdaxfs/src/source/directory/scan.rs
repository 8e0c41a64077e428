// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scan: all metadata of the tree, by several threads, a directory at a time.
//!
//! The order in which directories are scanned does not matter: numbering sorts the tree.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::fs::{fstat, Stat};

use super::lister::{Lister, Listers};
use super::listing::{Found, Listing};
use super::open::join;
use super::root::Directory;
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::options::Boundary;
use crate::own::FileKey;
use crate::pool::{self, lock};
use crate::tree::builder::{Child, NewNode, TreeBuilder};
use crate::tree::node::NodeId;

/// A scan of a directory's tree.
pub(super) struct Scanner<'a> {
    shared: Listers<'a>,
    stat: Stat,
}

impl<'a> Scanner<'a> {
    /// Reads the status of the source itself.
    ///
    /// # Errors
    /// When the system does not give it.
    pub(super) fn new(directory: &'a Directory, observer: &'a dyn Observer) -> Result<Self> {
        let stat = fstat(directory.descriptor())
            .map_err(Error::io("open the directory", &directory.path))?;
        let stays = directory.rules.boundary == Boundary::Stay;
        let shared = Listers {
            directory,
            observer,
            device: stays.then_some(stat.st_dev),
        };
        Ok(Self { shared, stat })
    }

    /// Adds all files to `tree`, and returns the node of the source itself.
    pub(super) fn run(&self, tree: &mut TreeBuilder) -> Result<NodeId> {
        let root = Lister::new(self.shared).root(&self.stat)?;
        let mut state = State::new(self.shared.directory, tree);
        let root = state.add_root(root)?;
        state.jobs.push(Job {
            directory: root,
            path: Vec::new(),
        });
        let queue = Queue {
            state: Mutex::new(state),
            wake: Condvar::new(),
        };
        let threads = self.shared.directory.rules.threads;
        pool::run(threads, || self.work(&queue), || queue.stop())?;
        Ok(root)
    }

    /// The work of one thread.
    fn work(&self, queue: &Queue<'_>) -> Result<()> {
        let mut lister = Lister::new(self.shared);
        let mut done = None;
        while let Some(job) = queue.next(done.take())? {
            let listing = lister.list(&job.path)?;
            done = Some((job, listing));
        }
        Ok(())
    }
}

/// The state of a scan, and the threads that wait for it to change.
struct Queue<'a> {
    state: Mutex<State<'a>>,
    /// Signalled when there is a job, or no more can come.
    wake: Condvar,
}

impl Queue<'_> {
    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wake.notify_all();
    }

    /// Enters the result of a job, and waits for the next job; `None` when all are done.
    fn next(&self, done: Option<(Job, Listing)>) -> Result<Option<Job>> {
        let mut state = lock(&self.state);
        if let Some((job, listing)) = done {
            state.busy -= 1;
            state.enter(&job, listing)?;
            self.wake.notify_all();
        }
        loop {
            if state.stopped {
                return Ok(None);
            }
            if let Some(job) = state.jobs.pop() {
                state.busy += 1;
                return Ok(Some(job));
            }
            if state.busy == 0 {
                self.wake.notify_all();
                return Ok(None);
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The state that the threads of a scan change in turn.
struct State<'a> {
    directory: &'a Directory,
    tree: &'a mut TreeBuilder,
    /// The files with several names.
    links: HashMap<FileKey, NodeId>,
    jobs: Vec<Job>,
    /// Number of threads that have a job.
    busy: usize,
    stopped: bool,
}

/// A directory to be scanned.
struct Job {
    directory: NodeId,
    /// Its path below the source.
    path: Vec<u8>,
}

impl<'a> State<'a> {
    fn new(directory: &'a Directory, tree: &'a mut TreeBuilder) -> Self {
        Self {
            directory,
            tree,
            links: HashMap::new(),
            jobs: Vec::new(),
            busy: 0,
            stopped: false,
        }
    }

    /// Enters the files of a directory into the tree.
    fn enter(&mut self, job: &Job, mut listing: Listing) -> Result<()> {
        let files = std::mem::take(&mut listing.files);
        let mut children = Vec::with_capacity(files.len());
        for file in files {
            let name = listing.name(&file);
            children.push(Child {
                name,
                node: self.node_of(file.found, name, job)?,
            });
        }
        self.tree
            .set_children(job.directory, &children)
            .map_err(|refused| {
                let name = refused.child.map(|at| children[at].name);
                let path = name.map_or_else(|| job.path.clone(), |name| join(&job.path, name));
                refused.limit.at(self.directory.full_path(&path))
            })
    }

    /// The node of a file: a new one, unless the file is a further link to one.
    fn node_of(&mut self, found: Found, name: &[u8], job: &Job) -> Result<NodeId> {
        if let Some(&node) = found.linked.and_then(|key| self.links.get(&key)) {
            return Ok(node);
        }
        let path = || join(&job.path, name);
        let node = self
            .tree
            .add(found.node)
            .map_err(|limit| limit.at(self.directory.full_path(&path())))?;
        if let Some(key) = found.linked {
            self.links.insert(key, node);
        }
        if found.is_scanned {
            self.jobs.push(Job {
                directory: node,
                path: path(),
            });
        }
        Ok(node)
    }

    fn add_root(&mut self, root: NewNode) -> Result<NodeId> {
        self.tree
            .add(root)
            .map_err(|limit| limit.at(self.directory.path.clone()))
    }
}
