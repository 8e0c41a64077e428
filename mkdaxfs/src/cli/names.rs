// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of users and groups: those of the image, so that the same tree gives the same image on
//! every system.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{openat, openat2, Mode, OFlags, ResolveFlags, CWD};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::options::SourceSpec;

/// A list of names in the image.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    Users,
    Groups,
}

impl List {
    /// The path in the image.
    fn path(self) -> &'static str {
        match self {
            Self::Users => "etc/passwd",
            Self::Groups => "etc/group",
        }
    }
}

/// Finds the number of a name in the trees that make an image.
///
/// # Errors
/// When no tree has the name, or its list cannot be read.
pub(super) fn find(name: &str, list: List, sources: &[SourceSpec]) -> Result<u32> {
    for source in sources {
        let text = read(source, list.path())?;
        if let Some(number) = text.and_then(|text| number_of(&text, name)) {
            return Ok(number);
        }
    }
    if name == "root" {
        return Ok(0);
    }
    Err(Error::UnknownName {
        name: name.to_owned(),
        list: list.path(),
    })
}

/// The bytes of the file that has a path in the image, if the source has it.
fn read(source: &SourceSpec, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(below) = below(&source.prefix, path) else {
        return Ok(None);
    };
    let failed = |errno: Errno| Error::io("read", source.path.join(below))(errno);
    let mut bytes = Vec::new();
    match open(&source.path, below) {
        Ok(mut file) => file
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", source.path.join(below)))
            .map(|_| Some(bytes)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(failed(errno)),
    }
}

/// The part of a path that is below a prefix.
fn below<'a>(prefix: &[u8], path: &'a str) -> Option<&'a Path> {
    let rest = match std::str::from_utf8(prefix).ok()? {
        "" => path,
        prefix => path.strip_prefix(prefix)?.strip_prefix('/')?,
    };
    Some(Path::new(rest))
}

/// Opens a file of a tree. Links in the tree lead to files of the tree.
fn open(root: &Path, path: &Path) -> rustix::io::Result<File> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, root, directory, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).map(File::from)
}

/// The number in the third field of the line whose first is `name`.
fn number_of(list: &[u8], name: &str) -> Option<u32> {
    list.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let is_name = fields.next() == Some(name.as_bytes());
        let number = fields.nth(1).filter(|_| is_name)?;
        let number: u32 = std::str::from_utf8(number).ok()?.parse().ok()?;
        (number != u32::MAX).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_number_of_their_line() {
        let list = b"root:x:0:0\nbad:x:many\nnone:x:4294967295\nshort:x\n\xff:x:3\nwww:x:33:44:a:b";
        assert_eq!(number_of(list, "root"), Some(0));
        assert_eq!(number_of(list, "www"), Some(33));
        for name in ["bad", "none", "short", "ww", "x", ""] {
            assert_eq!(number_of(list, name), None, "{name}");
        }
    }

    #[test]
    fn a_path_lies_below_its_prefixes() {
        let below = |prefix: &str| below(prefix.as_bytes(), "etc/passwd").and_then(Path::to_str);
        assert_eq!(below(""), Some("etc/passwd"));
        assert_eq!(below("etc"), Some("passwd"));
        for prefix in ["et", "etc/passwd", "usr", "etc/pass"] {
            assert_eq!(below(prefix), None, "{prefix}");
        }
    }
}
