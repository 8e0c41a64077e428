// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building, checking, and comparing an image with its tree by means that share no code with the
//! builder: the tree through the system's calls, the image through the format's reader.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use daxfs_image::check::{check_structure, verify_data, Findings};
use daxfs_image::file::{open, FileImage};
use daxfs_image::format::{FileData, Inode, InodeKind, Rdev};
use daxfs_image::path::resolve;
use daxfs_image::walk::Walk;
use mkdaxfs::{Keep, Options, Summary};
use tempfile::TempDir;

/// A directory with an empty tree, and room for images.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scene = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(scene.source()).unwrap();
        scene
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(self.source(), self.image())
    }

    /// Writes a file below the source.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.source().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Builds, checks, and compares with the source.
    pub(crate) fn build(&self) -> Summary {
        let summary = build(&self.options());
        compare(&self.source(), &self.image());
        summary
    }

    /// The names beside the source.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "source").collect()
    }
}

/// Builds an image and checks it.
pub(crate) fn build(options: &Options) -> Summary {
    let summary = mkdaxfs::build(options, &()).unwrap();
    check(&options.image, options.digests);
    assert_eq!(
        fs::metadata(&options.image).unwrap().len(),
        summary.image_bytes
    );
    summary
}

/// Opens an image after the complete check.
pub(crate) fn check(image: &Path, digests: Keep) -> FileImage {
    let opened = open(image).unwrap();
    let mut findings = Findings::new(10);
    let structure = check_structure(&opened, u64::MAX, &mut findings).unwrap();
    if digests == Keep::Yes {
        verify_data(&opened, &structure, 2, &mut findings).unwrap();
    }
    assert!(findings.is_empty(), "{:#?}", findings.first());
    opened
}

/// The inode at a path of an image.
pub(crate) fn inode(image: &FileImage, path: &[u8]) -> Inode {
    resolve(image, path).unwrap_or_else(|error| panic!("{}: {error}", path.escape_ascii()))
}

/// The bytes of a file of an image.
pub(crate) fn contents(image: &FileImage, inode: &Inode) -> Vec<u8> {
    let InodeKind::Regular(data) = inode.kind else {
        panic!("not a regular file");
    };
    let mut bytes = vec![0; usize::try_from(inode.size).unwrap()];
    let length = image.read(&data, inode.size, 0, &mut bytes).unwrap();
    assert_eq!(length, bytes.len());
    bytes
}

/// The extended attributes of a file of an image, with full names.
pub(crate) fn xattrs(image: &FileImage, inode: &Inode) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all = BTreeMap::new();
    let Some(id) = inode.xattrs else {
        return all;
    };
    let mut walk = image.xattrs(id).unwrap().walk();
    while let Some(xattr) = image.next_xattr(&mut walk).unwrap() {
        let mut name = [0; 255];
        let name = image.xattr_name(&xattr, &mut name).unwrap();
        let full = [xattr.namespace.prefix().as_bytes(), name].concat();
        let mut value = vec![0; usize::try_from(xattr.value_length()).unwrap()];
        image.xattr_value(&xattr, &mut value).unwrap();
        assert!(all.insert(full, value).is_none());
    }
    all
}

/// Compares everything that an image holds with the tree that it was made of.
pub(crate) fn compare(source: &Path, image: &Path) {
    let image = &open(image).unwrap();
    let mut count = 0;
    let mut links = BTreeMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(path) = pending.pop() {
        let full = source.join(&path);
        let inode = inode(image, path.as_os_str().as_bytes());
        compare_metadata(&full, &inode);
        compare_kind(image, &full, &inode);
        assert_eq!(
            xattrs(image, &inode),
            source_xattrs(&full),
            "{}",
            full.display()
        );
        let metadata = fs::symlink_metadata(&full).unwrap();
        let same = *links
            .entry((metadata.dev(), metadata.ino()))
            .or_insert(inode.ino);
        assert_eq!(same, inode.ino, "{}: hard links", full.display());
        if metadata.is_dir() {
            for entry in fs::read_dir(&full).unwrap() {
                pending.push(path.join(entry.unwrap().file_name()));
            }
        }
        count += 1;
    }
    let mut walk = Walk::new(image).unwrap();
    let mut steps = 1;
    while walk.step().is_some() {
        steps += 1;
    }
    assert_eq!(steps, count, "entries");
    assert_eq!(
        usize::try_from(image.inode_count()).unwrap(),
        links.len(),
        "inodes"
    );
}

fn compare_metadata(path: &Path, inode: &Inode) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let (mtime, shown) = (inode.mtime, path.display());
    assert_eq!(u32::from(inode.mode), metadata.mode(), "{shown}: mode");
    assert_eq!(
        (inode.uid, inode.gid),
        (metadata.uid(), metadata.gid()),
        "{shown}: owner"
    );
    assert_eq!(mtime.seconds, metadata.mtime(), "{shown}: time");
    assert_eq!(
        i64::from(mtime.nanoseconds),
        metadata.mtime_nsec(),
        "{shown}: nanoseconds"
    );
    if !metadata.is_dir() {
        assert_eq!(
            u64::from(inode.link_count),
            metadata.nlink(),
            "{shown}: links"
        );
    }
}

fn compare_kind(image: &FileImage, path: &Path, inode: &Inode) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let file_type = metadata.file_type();
    let rdev = Rdev {
        major: rustix::fs::major(metadata.rdev()),
        minor: rustix::fs::minor(metadata.rdev()),
    };
    match inode.kind {
        InodeKind::Regular(data) => {
            assert!(file_type.is_file());
            assert_eq!(inode.size, metadata.size(), "{}: size", path.display());
            compare_bytes(image, path, inode, &data);
        }
        InodeKind::Directory(directory) => {
            assert!(file_type.is_dir());
            let children = fs::read_dir(path).unwrap().count();
            assert_eq!(usize::try_from(directory.len()).unwrap(), children);
        }
        InodeKind::Symlink(link) => {
            let mut target = vec![0; 4096];
            let target = image.read_link(&link, &mut target).unwrap();
            assert_eq!(target, fs::read_link(path).unwrap().as_os_str().as_bytes());
        }
        InodeKind::CharDevice(number) => assert!(file_type.is_char_device() && number == rdev),
        InodeKind::BlockDevice(number) => assert!(file_type.is_block_device() && number == rdev),
        InodeKind::Fifo => assert!(file_type.is_fifo()),
        InodeKind::Socket => assert!(file_type.is_socket()),
    }
}

/// Compares chunk by chunk, and data only: files may have terabytes of holes.
fn compare_bytes(image: &FileImage, path: &Path, inode: &Inode, data: &FileData) {
    let file = File::open(path).unwrap();
    let mut at = 0;
    while let Some(segment) = image.segment(data, inode.size, at).unwrap() {
        match segment.data {
            Some(_) => {
                while at < segment.end {
                    let length = usize::try_from((segment.end - at).min(1 << 20)).unwrap();
                    let (mut ours, mut theirs) = (vec![1; length], vec![2; length]);
                    assert_eq!(image.read(data, inode.size, at, &mut ours).unwrap(), length);
                    file.read_exact_at(&mut theirs, at).unwrap();
                    assert!(ours == theirs, "{} at {at}", path.display());
                    at += u64::try_from(length).unwrap();
                }
            }
            None => {
                while at < segment.end {
                    let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(at));
                    let (start, mut bytes) = (data.unwrap_or(segment.end), [1; 4096]);
                    if start < segment.end {
                        let count = file.read_at(&mut bytes, start).unwrap();
                        let end = segment.end.min(start + u64::try_from(count).unwrap());
                        let bytes = &bytes[..usize::try_from(end - start).unwrap()];
                        assert!(bytes.iter().all(|&byte| byte == 0), "{}", path.display());
                    }
                    at = segment.end.min(start + 4096);
                }
            }
        }
    }
}

fn source_xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut list = vec![0; 65536];
    let length = rustix::fs::llistxattr(path, &mut list[..]).unwrap_or(0);
    let names = list[..length]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 65536];
            let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
            value.truncate(length);
            (name.to_vec(), value)
        })
        .collect()
}

/// Bytes that look random and are the same every time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
