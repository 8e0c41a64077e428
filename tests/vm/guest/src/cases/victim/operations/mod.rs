// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on a mount whose image is hostile: they may fail, but must end.
//!
//! | module | owns |
//! |---|---|
//! | [`files`] | operations on names, contents and attributes |
//! | [`memory`] | operations on mappings, and programs |

mod files;
mod memory;

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{bail, Result};
use daxfs_test_random::Random;

use crate::cases::{at, peer};
use crate::image::{phys, MOUNT};
use crate::sample;
use crate::sys;

pub(super) use memory::Died;

/// The state of a process that does operations.
pub(super) struct Place {
    pub(super) random: Random,
    paths: Vec<PathBuf>,
    /// A directory of this process, to mount on.
    private: String,
}

/// An operation and its name.
pub(super) type Operation = (&'static str, fn(&mut Place) -> Result<()>);

/// All operations; what is there more than once is done more often.
pub(super) const OPERATIONS: &[Operation] = &[
    ("lstat", files::lstat),
    ("lstat", files::lstat),
    ("list", files::list),
    ("list from a place", files::list_from),
    ("read", files::read),
    ("read", files::read),
    ("read directly", files::read_directly),
    ("read the end", memory::read_end),
    ("read the end", memory::read_end),
    ("readlink", files::readlink),
    ("xattrs", files::xattrs),
    ("seek", files::seek),
    ("fiemap", files::fiemap),
    ("sendfile", files::sendfile),
    ("map", memory::map),
    ("map", memory::map),
    ("look at a mapping", memory::look),
    ("execute", memory::execute),
    ("handle", files::handle),
    ("forged handle", files::forged),
    ("statfs", files::statfs),
    ("forget", forget),
    ("mount again", mount_again),
];

impl Place {
    pub(super) fn new(seed: u64) -> Result<Self> {
        let private = format!("/tmp/again-{seed}");
        fs::create_dir_all(&private)?;
        let all = sample::entries().into_iter().map(|entry| entry.path);
        // A few of the many names are enough.
        let paths = all
            .enumerate()
            .filter(|(n, path)| !path.starts_with("many/") || n % 100 == 0);
        Ok(Self {
            random: Random::new(seed),
            paths: paths.map(|(_, path)| path).collect(),
            private,
        })
    }

    fn path(&mut self) -> PathBuf {
        match self.random.below(12) {
            0 => at("no such name"),
            1 => at("many/no such name"),
            _ => PathBuf::from(MOUNT).join(self.random.pick(&self.paths)),
        }
    }

    fn file(&mut self) -> PathBuf {
        let names = [
            "empty",
            "small",
            "page",
            "odd",
            "wide",
            "big",
            "huge",
            "twin1",
            "twin2",
            "sparse",
            "vast",
            "hole",
            "prog",
            "script",
            "hard1",
            "attributes",
            "deep/deeper/file",
        ];
        let name = *self.random.pick(&names);
        at(name)
    }

    fn directory(&mut self) -> PathBuf {
        let names = [
            "",
            "many",
            "deep",
            "deep/deeper",
            "deep/deeper/deeper",
            "void",
            "acl-directory",
        ];
        let name = *self.random.pick(&names);
        at(name)
    }

    /// An offset that is in the file as a rule, and where something happens.
    fn offset(&mut self) -> u64 {
        let large = *self
            .random
            .pick(&[1, 4096, 65536, 1 << 20, 8 << 20, 6 << 30]);
        self.random.below(large)
    }
}

/// Opens a file to read. Whatever the peer has made of it, a FIFO for example, the call does not
/// wait.
fn open(path: PathBuf) -> Result<File> {
    open_with(path, 0)
}

fn open_with(path: PathBuf, flags: i32) -> Result<File> {
    Ok(sys::open(path, libc::O_RDONLY | libc::O_NONBLOCK | flags)?.into())
}

/// Fails for good if the bytes are not the image's.
fn inspect(bytes: &[u8]) -> Result<()> {
    let canary = peer::canary().to_le_bytes();
    if bytes.windows(8).any(|word| word == canary) {
        bail!(Outside);
    }
    Ok(())
}

/// Bytes from behind the image were read.
#[derive(Debug)]
pub(super) struct Outside;

impl std::fmt::Display for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes from outside the image were read")
    }
}

impl std::error::Error for Outside {}

fn forget(_: &mut Place) -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "2")?;
    Ok(())
}

fn mount_again(place: &mut Place) -> Result<()> {
    let validate = *place.random.pick(&["", ",validate"]);
    let options = format!("phys={}{validate}", phys());
    sys::mount("none", &place.private, "daxfs", libc::MS_NODEV, &options)?;
    sys::unmount(&place.private, libc::MNT_DETACH)
}
