// SPDX-License-Identifier: MIT OR Apache-2.0
//! Double fetches: every word that a reader loads changes between two of its loads.
//!
//! Each operation of a reader runs once on a memory that notes how often it loads each word. Then
//! it runs again for each of these loads, on a memory that gives another value at that load: once,
//! or from then on. Operations that work on an object which was validated before (a directory, a
//! list) get it as it was in the sound image, as in a kernel that keeps it.
//!
//! An error is a good result, and so is a wrong answer. Defects are a panic, a read outside the
//! image, and more loads than the image has bytes.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use daxfs_format::check::{Sink, Stop};
use daxfs_format::directory::is_valid_name;
use daxfs_format::superblock::{Superblock, SuperblockCopy};
use daxfs_format::{
    Cookie, Directory, FileData, Image, Ino, Inode, InodeKind, ListBuf, Memory, NameBuf, ReadFault,
    XattrSetId,
};
use daxfs_image::hash::{Sha256, Xxh64};
use daxfs_test_random::mix;
use rayon::prelude::*;

use crate::examine::Examiner;
use crate::num::{from_usize, len64, to_usize};
use crate::walk;

/// The length of a word in bytes.
const WORD: usize = 4;

/// An image over memory of any kind.
type AnyImage<'m> = Image<&'m dyn Memory, Xxh64>;

/// An operation of a reader.
pub struct Operation {
    /// The name, for a report.
    pub name: &'static str,
    run: Box<Run>,
}

/// Runs on a memory, with the superblock of the sound image.
type Run = dyn Fn(&dyn Memory, &Superblock) + Sync;

/// The results of the runs of one kind of operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The number of operations.
    pub operations: u64,
    /// The number of loads of words that were changed, each in several ways.
    pub loads: u64,
    /// The number of runs.
    pub runs: u64,
    /// The most loads of one run.
    pub most: u64,
}

/// The duration of a change.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// At one load.
    Once,
    /// At one load and at those that follow.
    Lasting,
}

/// Memory in which one word changes at one load.
struct Changing<'m> {
    bytes: &'m [u8],
    word: usize,
    nth: u32,
    value: [u8; WORD],
    change: Change,
    seen: Cell<u32>,
    loads: Cell<u64>,
    loaded: Cell<u64>,
}

impl Memory for Changing<'_> {
    fn size(&self) -> u64 {
        len64(self.bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        copy(self.bytes, offset, into);
        self.loads.set(self.loads.get() + 1);
        self.loaded.set(self.loaded.get() + len64(into));
        let start = to_usize(offset);
        let changed = self.word * WORD..(self.word + 1) * WORD;
        if changed.start >= start + into.len() || start >= changed.end {
            return Ok(());
        }
        let nth = self.seen.get();
        self.seen.set(nth + 1);
        let now = match self.change {
            Change::Once => nth == self.nth,
            Change::Lasting => nth >= self.nth,
        };
        if now {
            for (at, byte) in changed.zip(self.value) {
                if let Some(room) = at.checked_sub(start).and_then(|at| into.get_mut(at)) {
                    *room = byte;
                }
            }
        }
        Ok(())
    }
}

/// Memory that counts the loads of each word.
struct Noting<'m> {
    bytes: &'m [u8],
    loads: RefCell<Vec<u32>>,
}

impl Memory for Noting<'_> {
    fn size(&self) -> u64 {
        len64(self.bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        copy(self.bytes, offset, into);
        let start = to_usize(offset);
        let words = start / WORD..(start + into.len()).div_ceil(WORD);
        for load in &mut self.loads.borrow_mut()[words] {
            *load += 1;
        }
        Ok(())
    }
}

/// Copies, and panics on a read outside the image.
fn copy(bytes: &[u8], offset: u64, into: &mut [u8]) {
    let length = into.len();
    let start = usize::try_from(offset).ok();
    let end = start.and_then(|start| start.checked_add(length));
    let range = start.zip(end).map(|(start, end)| start..end);
    let source = range.and_then(|range| bytes.get(range));
    let source = source.unwrap_or_else(|| panic!("{length} bytes at {offset:#x} are outside"));
    into.copy_from_slice(source);
}

/// The readers of [`Image`], each with the operation that runs it.
pub const READERS: &[(&str, &str)] = &[
    ("open", "open"),
    ("raw_inode", "inode"),
    ("inode", "inode"),
    ("lookup", "lookup"),
    ("child", "lookup"),
    ("check_child", "lookup"),
    ("seek", "readdir from a cookie"),
    ("next_entry", "readdir"),
    ("entry", "entry by its index"),
    ("name", "name"),
    ("read_link", "read_link"),
    ("xattrs", "list attributes"),
    ("next_xattr", "list attributes"),
    ("find_xattr", "get an attribute"),
    ("xattr_name", "list attributes"),
    ("xattr_value", "get an attribute"),
    ("extent", "extents by their indices"),
    ("segment", "segment"),
    ("segments", "segments"),
    ("next_segment", "segments"),
    ("check_tail", "tail"),
    ("read", "read"),
    ("digest", "digest"),
];

/// Runs one operation for every change at every load.
#[must_use]
pub fn enumerate(image: &[u8], superblock: &Superblock, operation: &Operation) -> Outcome {
    let noting = Noting {
        bytes: image,
        loads: RefCell::new(vec![0; image.len().div_ceil(WORD)]),
    };
    (operation.run)(&noting, superblock);
    let loads = noting.loads.into_inner();
    let mut outcome = Outcome {
        operations: 1,
        loads: loads.iter().map(|&load| u64::from(load)).sum(),
        ..Outcome::default()
    };
    for (word, &count) in loads.iter().enumerate() {
        for nth in 0..count {
            for value in values(image, word) {
                for change in [Change::Once, Change::Lasting] {
                    let most =
                        run_changed(image, superblock, operation, (word, nth, value, change));
                    outcome.runs += 1;
                    outcome.most = outcome.most.max(most);
                }
            }
        }
    }
    outcome
}

fn run_changed(
    image: &[u8],
    superblock: &Superblock,
    operation: &Operation,
    (word, nth, value, change): (usize, u32, [u8; WORD], Change),
) -> u64 {
    let memory = Changing {
        bytes: image,
        word,
        nth,
        value,
        change,
        seen: Cell::new(0),
        loads: Cell::new(0),
        loaded: Cell::new(0),
    };
    (operation.run)(&memory, superblock);
    let (loads, loaded) = (memory.loads.get(), memory.loaded.get());
    let length = len64(image);
    assert!(
        loads <= length && loaded <= 8 * length,
        "{}: {loads} loads of {loaded} bytes with {value:?} at word {word} from load {nth}",
        operation.name
    );
    loads
}

/// Other values of a word: none, all, one more, the one beside it, and a random one.
fn values(image: &[u8], word: usize) -> Vec<[u8; WORD]> {
    let at = |word: usize| -> [u8; WORD] {
        let bytes = image.get(word * WORD..(word + 1) * WORD);
        bytes
            .and_then(|bytes| bytes.first_chunk())
            .copied()
            .unwrap_or_default()
    };
    let old = at(word);
    let number = u32::from_le_bytes(old);
    let random = mix(from_usize(word)).to_le_bytes();
    let mut values = vec![
        [0; WORD],
        [0xff; WORD],
        number.wrapping_add(1).to_le_bytes(),
        at(word + 1),
        [random[0], random[1], random[2], random[3]],
    ];
    values.sort_unstable();
    values.dedup();
    values.retain(|value| *value != old);
    values
}

/// Runs every operation on an image, and adds up the outcomes of those of one name.
///
/// # Panics
/// When an operation panics, reads outside the image or does not end.
#[must_use]
pub fn enumerate_all(image: &[u8]) -> Vec<(&'static str, Outcome)> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let superblock = opened.superblock().clone();
    let operations = operations(image);
    let outcomes: Vec<_> = operations
        .par_iter()
        .with_max_len(1)
        .map(|operation| (operation.name, enumerate(image, &superblock, operation)))
        .collect();
    let mut sums: Vec<(&'static str, Outcome)> = Vec::new();
    for (name, outcome) in outcomes {
        match sums.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => sum.add(outcome),
            None => sums.push((name, outcome)),
        }
    }
    sums
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.loads += other.loads;
        self.runs += other.runs;
        self.most = self.most.max(other.most);
    }
}

/// Returns all operations of readers on an image, object by object.
#[must_use]
pub fn operations(image: &[u8]) -> Vec<Operation> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let mut list = Operations(vec![
        Operation {
            name: "open",
            run: Box::new(|memory, _| {
                let _ = Image::<_, Xxh64>::open(memory, &mut SuperblockCopy::zeroed());
            }),
        },
        Operation {
            name: "check the checksums",
            run: Box::new(|memory, _| {
                check(memory, |examiner, image, sink| {
                    examiner.checksums(image, sink)
                });
            }),
        },
        Operation {
            name: "check the structure",
            run: Box::new(|memory, _| {
                check(memory, |examiner, image, sink| {
                    examiner.structure(image, sink)
                });
            }),
        },
    ]);
    for ino in opened.inode_numbers() {
        list.push("inode", move |image| {
            let _ = image.inode(ino);
        });
        list.push("all that an inode has", move |image| {
            let _ = walk::visit(image, ino);
        });
        let inode = opened.inode(ino).expect("a sound inode");
        list.inode(&opened, ino, inode);
    }
    list.0
}

/// Opens and checks: the superblock that a check uses is the copy that was opened.
fn check<'m>(
    memory: &'m dyn Memory,
    check: impl FnOnce(&mut Examiner, &AnyImage<'m>, &mut Sink<'_>) -> Result<(), Stop>,
) {
    let mut examiner = Examiner::default();
    if let Ok(image) = examiner.open(memory) {
        let mut sink = |_| ControlFlow::Continue(());
        let _ = check(&mut examiner, &image, &mut sink);
    }
}

struct Operations(Vec<Operation>);

impl Operations {
    fn push(&mut self, name: &'static str, run: impl Fn(&AnyImage<'_>) + Sync + 'static) {
        self.0.push(Operation {
            name,
            run: Box::new(move |memory, superblock| {
                let image = Image::with_superblock(memory, superblock.clone());
                run(&image.expect("the size of the memory does not change"));
            }),
        });
    }

    fn inode(&mut self, image: &Image<&[u8], Xxh64>, ino: Ino, inode: Inode) {
        if let Some(set) = inode.xattrs {
            self.xattrs(image, set);
        }
        match inode.kind {
            InodeKind::Directory(directory) => self.directory(image, directory),
            InodeKind::Symlink(link) => self.push("read_link", move |image| {
                let _ = image.read_link(&link, &mut [0; 4096]);
            }),
            InodeKind::Regular(data) => {
                let size = inode.size;
                if let FileData::Sparse(list) = data {
                    self.push("extents by their indices", move |image| {
                        for index in 0..=list.count() {
                            let _ = image.extent(&list, index);
                        }
                    });
                }
                self.push("read", move |image| {
                    let _ = image.read(&data, size, 0, &mut [0; 24576]);
                });
                self.push("segment", move |image| {
                    let mut at = 0;
                    while let Ok(Some(segment)) = image.segment(&data, size, at) {
                        assert!(
                            segment.start <= at && segment.end > at,
                            "inode {ino}: a segment that leads nowhere"
                        );
                        at = segment.end;
                    }
                });
                self.push("segments", move |image| walk_segments(image, &data, size));
                self.push("tail", move |image| {
                    let _ = image.check_tail(ino, &data, size);
                });
                self.push("digest", move |image| {
                    let _ = inode.content.map(|content| image.digest(content));
                    let buffer = &mut [0; 4096];
                    let _ = daxfs_format::content::content_digest::<Sha256, _, _>(
                        image, &data, size, buffer,
                    );
                });
            }
            _ => {}
        }
    }

    fn directory(&mut self, image: &Image<&[u8], Xxh64>, directory: Directory) {
        self.push("readdir", move |image| {
            readdir(image, &directory, Cookie::START);
        });
        self.push("lookup", move |image| {
            let _ = image.lookup(&directory, b"such a name is absent");
        });
        self.push("entry by its index", move |image| {
            for index in 0..=directory.len() {
                let _ = image.entry(&directory, index);
            }
        });
        let mut position = image.seek(&directory, Cookie::START).expect("a position");
        let mut buffer = ListBuf::new();
        while let Ok(Some(listed)) = image.next_entry(&directory, &mut position, &mut buffer) {
            let (entry, cookie, name) = (listed.entry, listed.cookie, listed.name.to_vec());
            self.push("name", move |image| {
                let _ = image.name(&directory, &entry, &mut NameBuf::new());
            });
            self.push("lookup", move |image| {
                if let Ok(Some(entry)) = image.lookup(&directory, &name) {
                    let _ = image.child(&directory, &entry);
                }
            });
            self.push("readdir from a cookie", move |image| {
                readdir(image, &directory, cookie.next());
            });
        }
    }

    fn xattrs(&mut self, image: &Image<&[u8], Xxh64>, id: XattrSetId) {
        let set = image.xattrs(id).expect("a sound set");
        self.push("list attributes", move |image| {
            let Ok(set) = image.xattrs(id) else {
                return;
            };
            let mut walk = set.walk();
            while let Ok(Some(xattr)) = image.next_xattr(&mut walk) {
                let _ = image.xattr_name(&xattr, &mut [0; 255]);
                let mut value = vec![0; to_usize(xattr.value_length().into())];
                let _ = image.xattr_value(&xattr, &mut value);
            }
        });
        let mut walk = set.walk();
        while let Ok(Some(xattr)) = image.next_xattr(&mut walk) {
            let mut buffer = [0; 255];
            let name = image
                .xattr_name(&xattr, &mut buffer)
                .expect("a name")
                .to_vec();
            self.push("get an attribute", move |image| {
                if let Ok(Some(found)) = image.find_xattr(&set, xattr.namespace, &name) {
                    let mut value = vec![0; to_usize(found.value_length().into())];
                    let _ = image.xattr_value(&found, &mut value);
                }
            });
        }
    }
}

/// Walks to the end; a walk has no more pieces than a list of so many extents can make.
fn walk_segments(image: &AnyImage<'_>, data: &FileData, size: u64) {
    let Ok(mut walk) = image.segments(data, size, 0) else {
        return;
    };
    let mut left = match data {
        FileData::Sparse(list) => u64::from(list.count()) * 2 + 1,
        _ => 1,
    };
    let mut at = 0;
    while let Ok(Some(segment)) = image.next_segment(&mut walk) {
        left = left.checked_sub(1).expect("a walk ends");
        assert!(
            segment.start <= at && segment.end > at && segment.end <= size,
            "a piece that leads nowhere"
        );
        at = segment.end;
    }
}

/// Iterates to the end; an iteration has no more entries than its directory, and cookies ascend.
fn readdir(image: &AnyImage<'_>, directory: &Directory, start: Cookie) {
    let Ok(mut position) = image.seek(directory, start) else {
        return;
    };
    let (mut left, mut last) = (directory.len(), None);
    let mut buffer = ListBuf::new();
    while let Ok(Some(listed)) = image.next_entry(directory, &mut position, &mut buffer) {
        left = left.checked_sub(1).expect("an iteration ends");
        assert!(
            listed.cookie >= start && last < Some(listed.cookie),
            "a cookie that goes back"
        );
        assert!(is_valid_name(listed.name), "a name that cannot be one");
        last = Some(listed.cookie);
    }
}
