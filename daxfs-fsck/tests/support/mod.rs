// SPDX-License-Identifier: MIT OR Apache-2.0
//! A scratch directory with trees and images in it, and the command.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use daxfs_image::file;
use daxfs_image::format::{Ino, Inode, SectionKind};
use daxfs_image::path::resolve;
use daxfs_image::FileImage;
use tempfile::TempDir;

/// A directory that goes away with everything below it, however deep.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// A directory for the tree of an image.
    pub(crate) fn source(&self) -> PathBuf {
        let source = self.join("source");
        fs::create_dir_all(&source).unwrap();
        source
    }

    /// The image of the tree at [`Self::source`].
    pub(crate) fn image(&self) -> PathBuf {
        self.image_with(|_| {})
    }

    pub(crate) fn image_with(&self, change: impl FnOnce(&mut mkdaxfs::Options)) -> PathBuf {
        let image = self.join("image");
        let mut options = mkdaxfs::Options::new(self.source(), &image);
        change(&mut options);
        mkdaxfs::build(&options, &()).expect("an image");
        image
    }

    /// The image of a small tree.
    pub(crate) fn small_image(&self) -> PathBuf {
        let source = self.source();
        fs::create_dir(source.join("dir")).unwrap();
        fs::write(source.join("dir/large"), vec![7; 10_000]).unwrap();
        fs::write(source.join("small"), b"a few bytes").unwrap();
        std::os::unix::fs::symlink("dir/large", source.join("link")).unwrap();
        self.image()
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The standard library keeps a descriptor for each level, which a deep tree has too many
        // of.
        let _ = Command::new("rm").arg("-rf").arg(self.0.path()).status();
    }
}

/// The command, to be given arguments.
pub(crate) fn fsck() -> Command {
    Command::new(env!("CARGO_BIN_EXE_daxfs-fsck"))
}

/// The output of a run, and its exit status.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(command: &mut Command) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    Run {
        status: status.code().expect("no signal"),
        stdout: String::from_utf8(stdout).expect("text"),
        stderr: String::from_utf8(stderr).expect("text"),
    }
}

/// Runs the command with `arguments` on `image`.
pub(crate) fn check(image: &Path, arguments: &[&str]) -> Run {
    let result = run(fsck().args(arguments).arg(image));
    if arguments.contains(&"--json") {
        daxfs_test_json::records(&result.stdout).expect("records of the schema");
    }
    result
}

pub(crate) fn open(image: &Path) -> FileImage {
    file::open(image).expect("an image")
}

/// The inode at a path of an image.
pub(crate) fn inode(image: &Path, path: &str) -> Inode {
    resolve(&open(image), path.as_bytes()).expect("an inode")
}

/// The offset of the field `field` of an inode in the image.
pub(crate) fn field(image: &Path, ino: Ino, field: usize) -> usize {
    usize::try_from(open(image).inode_offset(ino)).unwrap() + field
}

/// The range of a section in the image.
pub(crate) fn section(image: &Path, kind: SectionKind) -> std::ops::Range<usize> {
    let image = open(image);
    let section = image.superblock().sections().get(kind).expect("a section");
    let start = usize::try_from(section.offset).unwrap();
    start..start + usize::try_from(section.length).unwrap()
}

/// Changes the bytes of an image, without new checksums.
pub(crate) fn damage(image: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(image).unwrap();
    change(&mut bytes);
    fs::write(image, bytes).unwrap();
}

/// Changes the bytes of an image and computes its checksums anew.
pub(crate) fn forge(image: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    damage(image, |bytes| {
        change(bytes);
        daxfs_image::seal::seal(bytes);
    });
}

/// The offset of the only occurrence of `needle`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let windows = bytes.windows(needle.len()).enumerate();
    let mut offsets = windows.filter(|(_, window)| *window == needle);
    let (offset, _) = offsets.next().expect("it occurs");
    assert!(offsets.next().is_none(), "it occurs once");
    offset
}
