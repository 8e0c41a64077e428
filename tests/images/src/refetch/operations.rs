// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operations of readers.

use std::ops::ControlFlow;

use daxfs_format::check::{Sink, Stop};
use daxfs_format::directory::is_valid_name;
use daxfs_format::superblock::{Superblock, SuperblockCopy};
use daxfs_format::{
    Cookie, Directory, FileData, Image, Ino, Inode, InodeKind, ListBuf, Memory, NameBuf, XattrSetId,
};
use daxfs_image::hash::{Sha256, Xxh64};

use crate::examine::Examiner;
use crate::num::to_usize;
use crate::walk;

/// An image over memory of any kind.
type AnyImage<'m> = Image<&'m dyn Memory, Xxh64>;

/// An operation of a reader.
pub struct Operation {
    /// The name, for a report.
    pub name: &'static str,
    pub(super) run: Box<Run>,
}

/// Runs on a memory, with the superblock of the sound image.
pub(super) type Run = dyn Fn(&dyn Memory, &Superblock) + Sync;

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

/// Walks to the end; a walk has no more segments than a list of so many extents can make.
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
            "a segment that leads nowhere"
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
