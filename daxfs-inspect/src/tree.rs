// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect tree`: everything below a directory.

use std::ffi::OsStr;
use std::fmt::Display;

use anyhow::Result;
use daxfs_cli::json::{self, Bytes, Kind};
use daxfs_cli::number::plural;
use daxfs_image::escape::Charset;
use daxfs_image::format::{FileType, Ino, Inode, InodeKind};
use daxfs_image::path::{self, Found, LastLink};
use daxfs_image::walk::{Problems, Traversal, Visit};
use daxfs_image::InodeSet;
use serde::Serialize;

use crate::cli::TreeArgs;
use crate::console::{Console, Form};
use crate::open::{self, Inspected};

/// The number of levels that are indented. Below them the depth is printed as a number: the lines
/// of a very deep tree would otherwise grow without bound.
const INDENTED: usize = 64;

/// Runs the command.
///
/// # Errors
/// Those of opening the image, and of the output.
pub fn run(arguments: &TreeArgs, console: &mut Console<'_>) -> Result<()> {
    let image = open::open(&arguments.image, console)?;
    let path = arguments.path.as_deref().unwrap_or(OsStr::new("/"));
    let Some(start) = open::find(&image, path, LastLink::Keep, console) else {
        return Ok(());
    };
    let only = arguments
        .directories
        .then(|| LastDirectories::find(&image, &start));
    let mut tree = Tree::new(&image, console.charset());
    if console.form() == Form::Text {
        writeln!(console.out, "{}", console.name(&start.path))?;
    }
    let level = arguments.level.map(usize::try_from).transpose()?;
    let mut traversal = Traversal::new(&image, &start, console);
    let is_entered = |depth| level.is_none_or(|n| depth + 1 < n);
    while let Some(mut visit) = traversal.step(console, is_entered) {
        if let Some(last) = &only {
            if visit.file_type != FileType::Directory {
                continue;
            }
            visit.is_last = last.contains(&visit);
        }
        tree.show(&visit, console)?;
    }
    if console.form() == Form::Text {
        let counts = tree.counts(arguments);
        writeln!(console.out, "\n{counts}")?;
    }
    open::close(&image, console);
    Ok(())
}

/// The directories that are the last ones of their directory.
struct LastDirectories(InodeSet);

impl LastDirectories {
    /// Walks through a tree. Problems are reported by the walk that prints.
    fn find(image: &Inspected, start: &Found) -> Self {
        let mut last = InodeSet::new(image);
        // For each level, the last directory so far.
        let mut open: Vec<Ino> = Vec::new();
        let silent = &mut Ignored;
        let mut traversal = Traversal::new(image, start, silent);
        while let Some(visit) = traversal.step(silent, |_| true) {
            if visit.file_type == FileType::Directory {
                for ended in open.drain((visit.depth + 1).min(open.len())..) {
                    last.insert(ended);
                }
                open.truncate(visit.depth);
                open.push(visit.ino);
            }
        }
        for ended in open {
            last.insert(ended);
        }
        Self(last)
    }

    fn contains(&self, visit: &Visit) -> bool {
        self.0.contains(visit.ino)
    }
}

/// Ignores problems.
struct Ignored;

impl Problems for Ignored {
    fn at(&mut self, _: &[u8], _: &dyn Display) {}
    fn of_image(&mut self, _: &dyn Display) {}
}

/// An entry of the tree in JSON.
#[derive(Serialize)]
struct Node<'a> {
    path: Bytes<'a>,
    depth: usize,
    inode: u32,
    #[serde(rename = "type")]
    file_type: &'static str,
}

impl<'a> Node<'a> {
    fn of(visit: &'a Visit) -> Self {
        let inode = visit.inode.as_ref();
        let file_type = inode.map_or(visit.file_type, Inode::file_type);
        Self {
            path: Bytes(&visit.path),
            depth: visit.depth + 1,
            inode: visit.ino.get(),
            file_type: json::type_name(file_type),
        }
    }
}

/// The parts of the lines before a name.
struct Lines {
    pass: &'static str,
    none: &'static str,
    branch: &'static str,
    last: &'static str,
}

const UNICODE: Lines = Lines {
    pass: "│   ",
    none: "    ",
    branch: "├── ",
    last: "└── ",
};
const ASCII: Lines = Lines {
    pass: "|   ",
    none: "    ",
    branch: "|-- ",
    last: "`-- ",
};

struct Tree<'a> {
    image: &'a Inspected,
    lines: Lines,
    /// For each indented level above the current one: true if its last entry has been printed.
    ended: Vec<bool>,
    directories: u64,
    files: u64,
}

impl<'a> Tree<'a> {
    fn new(image: &'a Inspected, charset: Charset) -> Self {
        let lines = match charset {
            Charset::Utf8 => UNICODE,
            Charset::Ascii => ASCII,
        };
        Self {
            image,
            lines,
            ended: Vec::new(),
            directories: 0,
            files: 0,
        }
    }

    /// Counts and prints an entry.
    fn show(&mut self, visit: &Visit, console: &mut Console<'_>) -> Result<()> {
        self.count(visit);
        match console.form() {
            Form::Json => Ok(console.json(Kind::File, &Node::of(visit))?),
            Form::Text => self.print(visit, console),
        }
    }

    fn counts(&self, arguments: &TreeArgs) -> String {
        let directories = plural(self.directories, "directory");
        if arguments.directories {
            return directories;
        }
        format!("{directories}, {}", plural(self.files, "file"))
    }

    fn count(&mut self, visit: &Visit) {
        if visit.file_type == FileType::Directory {
            self.directories += 1;
        } else {
            self.files += 1;
        }
    }

    fn print(&mut self, visit: &Visit, console: &mut Console<'_>) -> Result<()> {
        self.print_indent(visit, console)?;
        write!(console.out, "{}", console.name(&visit.name))?;
        if let Some(InodeKind::Symlink(link)) = visit.inode.as_ref().map(|inode| inode.kind) {
            match path::target(self.image, &link) {
                Ok(target) => write!(console.out, " -> {}", console.name(&target))?,
                Err(error) => console.problem_at(&visit.path, error),
            }
        }
        Ok(writeln!(console.out)?)
    }

    fn print_indent(&mut self, visit: &Visit, console: &mut Console<'_>) -> Result<()> {
        if visit.depth >= INDENTED {
            return Ok(write!(console.out, "[depth {}] ", visit.depth + 1)?);
        }
        self.ended.truncate(visit.depth);
        for &ended in &self.ended {
            let part = if ended {
                self.lines.none
            } else {
                self.lines.pass
            };
            write!(console.out, "{part}")?;
        }
        self.ended.push(visit.is_last);
        let part = if visit.is_last {
            self.lines.last
        } else {
            self.lines.branch
        };
        Ok(write!(console.out, "{part}")?)
    }
}
