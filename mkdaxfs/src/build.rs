// SPDX-License-Identifier: MIT OR Apache-2.0
//! The build: scan, compare, copy, look again, describe, publish.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::adjust::adjust;
use crate::error::{Error, Result};
use crate::observer::{Observer, Phase};
use crate::options::{Options, SourceSpec, Unreadable};
use crate::own::OwnDirectory;
use crate::plan::inputs::Inputs;
use crate::plan::ordered::Ordered;
use crate::source::directory::Directory;
use crate::source::exclude::Exclude;
use crate::source::joined::Joined;
use crate::source::problems::Problems;
use crate::source::{pretending, Source};
use crate::summary::{self, Summary};
use crate::tree::builder::TreeBuilder;
use crate::tree::node::NodeId;
use crate::tree::Tree;
use crate::write::output::Output;
use crate::write::passes::copy_contents;
use crate::write::{describe, Job};

/// Builds an image.
///
/// # Errors
/// See [`Error`]. With one exception, no image has appeared, and one that existed is
/// as it was.
pub fn build(options: &Options, observer: &dyn Observer) -> Result<Summary> {
    let start = Instant::now();
    pretending::check()?;
    Output::check(options)?;
    let mut unreadable = HashSet::new();
    let summary = loop {
        match attempt(options, observer, &unreadable) {
            Err(error) if may_leave_out(options, &error, &mut unreadable) => {
                observer.skipped(&error);
            }
            result => break result?,
        }
    };
    Ok(Summary {
        seconds: start.elapsed().as_secs_f64(),
        ..summary
    })
}

/// The most files that a build finds unreadable after the scan before it fails: each one makes it
/// begin anew.
const MOST_ATTEMPTS: usize = 100;

/// Notes the file that an error is about, and returns true if the build may begin anew without it.
fn may_leave_out(options: &Options, error: &Error, unreadable: &mut HashSet<PathBuf>) -> bool {
    let Some(path) = error.path().filter(|_| error.is_of_reading()) else {
        return false;
    };
    let is_below = |spec: &SourceSpec| path.starts_with(&spec.path) && path != spec.path;
    options.unreadable == Unreadable::LeaveOut
        && options.sources.iter().any(is_below)
        && unreadable.len() < MOST_ATTEMPTS
        && unreadable.insert(path.to_owned())
}

/// Builds an image without the files that earlier attempts could not read.
fn attempt(
    options: &Options,
    observer: &dyn Observer,
    unreadable: &HashSet<PathBuf>,
) -> Result<Summary> {
    observer.phase(Phase::Scan);
    let own = OwnDirectory::default();
    let exclude = Arc::new(Exclude::new(&options.exclude)?);
    let mut source = open_sources(options, (&own, &exclude), unreadable)?;
    let summary = build_from(&mut source, &own, options, observer)?;
    exclude
        .unmatched()
        .for_each(|glob| observer.unmatched(glob));
    Ok(summary)
}

/// Opens the sources that the options name.
fn open_sources(
    options: &Options,
    (own, exclude): (&OwnDirectory, &Arc<Exclude>),
    unreadable: &HashSet<PathBuf>,
) -> Result<Joined> {
    let mut joined = Joined::default();
    for spec in &options.sources {
        let mut directory = Directory::open(spec, options, own.clone(), exclude.clone())?;
        directory.leave_out(unreadable);
        joined.push(&spec.path, &spec.prefix, Box::new(directory))?;
    }
    Ok(joined)
}

/// Builds an image of any source. The output states in `own` the directory that it changes.
fn build_from(
    source: &mut dyn Source,
    own: &OwnDirectory,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Summary> {
    let mut builder = TreeBuilder::default();
    source.scan(&mut builder, observer)?;
    let (mut tree, order) = builder
        .finish()
        .map_err(|limit| limit.at(root_path(options)))?;
    adjust(&mut tree, options, |tree, node| source.path(tree, node))?;
    let ordered = Ordered::new(&tree, order);
    let output = Output::open(options, own)?;
    let (entries, bytes) = summary::count(&tree);
    observer.phase(Phase::Compare { entries, bytes });
    let inputs = Inputs {
        options,
        observer,
        source,
        tree: &tree,
    };
    let job = Job {
        inputs,
        output: &output,
    };
    let mut image = output
        .while_syncing(|| copy_contents(job, &ordered))
        .map_err(|error| with_others(error, source, &tree, &ordered.order))?;
    source.recheck(&tree, &ordered.order, observer)?;
    observer.phase(Phase::Metadata);
    let sealed = describe(job, &ordered, &mut image)?;
    let summary = summary::of(&tree, &image, &sealed);
    observer.phase(Phase::Publish);
    output.publish(image.sections.image_size())?;
    Ok(summary)
}

/// An error of reading, with all other files that cannot be opened if it is one of them.
fn with_others(error: Error, source: &dyn Source, tree: &Tree, order: &[NodeId]) -> Error {
    let is_denied = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied);
    if !is_denied(&error) {
        return error;
    }
    let all = source.unreadable(tree, order);
    if !all.iter().any(|other| other.path() == error.path()) {
        return error;
    }
    let problems = Problems::new(Unreadable::Fail, &());
    all.into_iter().for_each(|error| problems.report(error));
    problems.finish().err().unwrap_or(error)
}

/// The path of the first source, for a rule that the tree as a whole breaks.
fn root_path(options: &Options) -> PathBuf {
    let first = options.sources.first();
    first.map_or_else(PathBuf::new, |first| first.path.clone())
}

#[cfg(test)]
mod odd;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::{len64, to_usize};
    use crate::options::{Existing, Mtime, Overrides};
    use crate::source::{OpenFile, Reader};
    use crate::tree::builder::{Child, NewKind, NewNode};
    use crate::tree::node::{hash_of, Status};
    use crate::tree::xattrs::EncodedSet;
    use daxfs_format::Timestamp;
    use std::fs;
    use std::os::unix::fs::{symlink, PermissionsExt as _};
    use std::path::Path;

    const BLOCK: u64 = 64 << 10;
    const EPOCH: Timestamp = Timestamp {
        seconds: 0,
        nanoseconds: 0,
    };
    /// Size of the sparse file: data in its third block only.
    const SPARSE: u64 = 9 * BLOCK;

    fn noise(length: usize) -> Vec<u8> {
        let bytes = (0..length).map(|at| u8::try_from(at * at % 251).unwrap());
        bytes.collect()
    }

    /// The regular files of the tree: packed, small, two that are large and equal, sparse.
    fn files() -> [(&'static str, Vec<u8>); 5] {
        [
            ("packed", b"bytes".to_vec()),
            ("small", noise(50_000)),
            ("one", noise(400_000)),
            ("two", noise(400_000)),
            ("sparse", sparse_bytes()),
        ]
    }

    fn sparse_bytes() -> Vec<u8> {
        let mut bytes = vec![0; to_usize(SPARSE)];
        bytes[to_usize(2 * BLOCK + 9)..to_usize(3 * BLOCK)].fill(7);
        bytes
    }

    /// A source in memory. Its tree has one directory.
    #[derive(Default)]
    struct Memory {
        /// The contents of each node.
        contents: Vec<Vec<u8>>,
    }

    impl Memory {
        fn add(
            &mut self,
            tree: &mut TreeBuilder,
            mode: u16,
            kind: NewKind,
            bytes: Vec<u8>,
        ) -> NodeId {
            let status = Status {
                mode,
                uid: 0,
                gid: 0,
                size: len64(bytes.len()),
                mtime: EPOCH,
                ctime: 0,
            };
            self.contents.push(bytes);
            let xattrs = EncodedSet::default();
            tree.add(NewNode {
                status,
                xattrs,
                kind,
            })
            .unwrap()
        }
    }

    impl Source for Memory {
        fn scan(&mut self, tree: &mut TreeBuilder, _: &dyn Observer) -> Result<NodeId> {
            let root = self.add(tree, 0o040_755, NewKind::Directory, Vec::new());
            let mut named = vec![(
                "link",
                self.add(
                    tree,
                    0o120_777,
                    NewKind::Symlink(b"target".to_vec()),
                    Vec::new(),
                ),
            )];
            for (name, bytes) in files() {
                named.push((name, self.add(tree, 0o100_644, NewKind::Regular, bytes)));
            }
            let mut children: Vec<Child<'_>> = named
                .iter()
                .map(|&(name, node)| Child {
                    name: name.as_bytes(),
                    node,
                })
                .collect();
            children.sort_by_key(|child| (hash_of(child.name), child.name));
            tree.set_children(root, &children).unwrap();
            Ok(root)
        }

        fn reader<'a>(&'a self, _: &'a Tree) -> Box<dyn Reader<'a> + 'a> {
            Box::new(self)
        }

        fn recheck(&self, _: &Tree, _: &[NodeId], _: &dyn Observer) -> Result<()> {
            Ok(())
        }

        fn path(&self, tree: &Tree, node: NodeId) -> PathBuf {
            String::from_utf8(tree.path(NodeId::ROOT, node))
                .unwrap()
                .into()
        }
    }

    impl<'a> Reader<'a> for &'a Memory {
        fn open(&mut self, file: NodeId) -> Result<Box<dyn OpenFile + 'a>> {
            Ok(Box::new(self.contents[file.index()].as_slice()))
        }
    }

    impl OpenFile for &[u8] {
        fn read(&self, into: &mut [u8], offset: u64) -> Result<()> {
            let start = to_usize(offset);
            into.copy_from_slice(&self[start..start + into.len()]);
            Ok(())
        }

        fn verify(&self) -> Result<()> {
            Ok(())
        }
    }

    /// Makes the same tree as a directory.
    fn make_directory(path: &Path) {
        fs::create_dir(path).unwrap();
        for (name, bytes) in files() {
            fs::write(path.join(name), bytes).unwrap();
        }
        for (name, _) in files() {
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("target", path.join("link")).unwrap();
    }

    #[test]
    fn a_tree_gives_the_same_image_from_any_source() {
        let dir = tempfile::tempdir().unwrap();
        let (source, image) = (dir.path().join("source"), dir.path().join("image"));
        make_directory(&source);
        let options = Options {
            existing: Existing::Replace,
            overrides: Overrides {
                uid: Some(1),
                gid: Some(2),
                mtime: Mtime::Set(EPOCH),
            },
            ..Options::new(&source, &image)
        };
        let summary = build(&options, &()).unwrap();
        assert_eq!((summary.shared_files, summary.sparse_files), (1, 1));
        assert_eq!((summary.packed_contents, summary.symlinks), (1, 1));
        let expected = fs::read(&image).unwrap();
        let own = OwnDirectory::default();
        build_from(&mut Memory::default(), &own, &options, &()).unwrap();
        assert!(fs::read(&image).unwrap() == expected);
    }
}
