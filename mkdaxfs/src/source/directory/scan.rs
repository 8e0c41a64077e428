// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scan: all metadata of the tree, by several threads, a directory at a time.
//!
//! The order in which directories are scanned does not matter: numbering sorts the tree.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::calls::Answer;
use super::lister::{Lister, Listers};
use super::listing::{Found, Listing};
use super::root::Directory;
use super::way::Way;
use crate::error::{Error, Result};
use crate::num::len64;
use crate::observer::Observer;
use crate::own::FileKey;
use crate::pool::{self, lock};
use crate::source::problems::Problems;
use crate::tree::builder::{Child, TreeBuilder};
use crate::tree::node::{NodeId, Status};

/// Adds all files of a directory to `tree`, and returns the node of the directory itself.
///
/// # Errors
/// When a file cannot be read, or be in an image. All of them are named, up to a limit.
pub(super) fn scan(
    directory: &Directory,
    tree: &mut TreeBuilder,
    observer: &dyn Observer,
) -> Result<NodeId> {
    let answer = (directory.calls().status(directory.descriptor()))
        .map_err(Error::io("open the directory", &directory.path))?;
    let problems = Problems::new(directory.rules.unreadable, observer);
    let shared = Listers {
        directory,
        observer,
        problems: &problems,
        device: answer.key.device,
    };
    let root = run(shared, &answer, tree)?;
    problems.finish()?;
    Ok(root)
}

fn run(shared: Listers<'_>, answer: &Answer, tree: &mut TreeBuilder) -> Result<NodeId> {
    let root = Lister::new(shared).root(answer)?;
    let root = tree
        .add(root)
        .map_err(|limit| limit.at(shared.directory.path.clone()))?;
    shared.observer.scanned(1);
    let state = State {
        shared,
        tree,
        links: HashMap::new(),
        jobs: vec![Way::root(root, answer.key)],
        busy: 0,
        stopped: false,
    };
    let queue = Queue {
        state: Mutex::new(state),
        wake: Condvar::new(),
    };
    let threads = shared.directory.rules.threads;
    pool::run(threads, || work(shared, &queue), || queue.stop())?;
    Ok(root)
}

/// The work of one thread.
fn work(shared: Listers<'_>, queue: &Queue<'_>) -> Result<()> {
    let mut lister = Lister::new(shared);
    let mut done = None;
    while let Some(way) = queue.next(done.take()) {
        let listing = lister.list(&way);
        done = Some((way, listing));
    }
    Ok(())
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
    fn next(&self, done: Option<(Arc<Way>, Listing)>) -> Option<Arc<Way>> {
        let mut state = lock(&self.state);
        if let Some((way, listing)) = done {
            state.busy -= 1;
            state.enter(&way, listing);
            self.wake.notify_all();
        }
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                state.busy += 1;
                return Some(job);
            }
            if state.busy == 0 {
                self.wake.notify_all();
                return None;
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
    shared: Listers<'a>,
    tree: &'a mut TreeBuilder,
    /// The files that may have several names.
    links: HashMap<FileKey, (NodeId, Status)>,
    /// The directories to be listed.
    jobs: Vec<Arc<Way>>,
    /// Number of threads that have a job.
    busy: usize,
    stopped: bool,
}

impl State<'_> {
    /// Enters the files of a directory into the tree.
    fn enter(&mut self, way: &Arc<Way>, mut listing: Listing) {
        let files = std::mem::take(&mut listing.files);
        self.shared.observer.scanned(len64(files.len()));
        let mut children = Vec::with_capacity(files.len());
        for file in files {
            let name = listing.name(&file);
            if let Some(node) = self.node_of(file.found, name, way) {
                children.push(Child { name, node });
            }
        }
        if let Err(refused) = self.tree.set_children(way.node, &children) {
            let name = refused.child.map(|at| children[at].name);
            let path = name.map_or_else(|| way.path(), |name| way.path_of(name));
            self.report(refused.limit.at(self.shared.directory.full_path(&path)));
        }
    }

    /// The node of a file: a new one, unless the file is a further link to one. Files with the same
    /// number and other metadata are others: not every file system gives numbers.
    fn node_of(&mut self, found: Found, name: &[u8], way: &Arc<Way>) -> Option<NodeId> {
        let status = found.node.status;
        let link = self.links.get(&found.key).filter(|_| found.is_linked);
        if let Some(&(node, _)) = link.filter(|(_, other)| *other == status) {
            return Some(node);
        }
        let node = match self.tree.add(found.node) {
            Ok(node) => node,
            Err(limit) => {
                let path = self.shared.directory.full_path(&way.path_of(name));
                self.report(limit.at(path));
                return None;
            }
        };
        if found.is_linked {
            self.links.insert(found.key, (node, status));
        }
        if found.is_scanned {
            self.jobs.push(way.child(node, found.key, name));
        }
        Some(node)
    }

    fn report(&self, error: Error) {
        self.shared.problems.report(error);
    }
}
