// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect tree`: everything below a directory.

use std::ffi::OsStr;

use anyhow::Result;
use daxfs_cli::json::Bytes;
use daxfs_cli::number::plural;
use daxfs_image::escape::Charset;
use daxfs_image::format::{FileType, Inode, InodeKind};
use daxfs_image::path::{self, LastLink};
use daxfs_image::walk::{Traversal, Visit};
use serde::Serialize;

use crate::cli::TreeArgs;
use crate::console::Console;
use crate::json;
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
    let mut tree = Tree::new(&image, console.charset());
    if !arguments.json {
        writeln!(console.out, "{}", console.name(&start.path))?;
    }
    let level = arguments.level.map(usize::try_from).transpose()?;
    let mut traversal = Traversal::new(&image, &start, console);
    while let Some(visit) = traversal.step(console, |depth| level.is_none_or(|n| depth + 1 < n)) {
        tree.count(&visit);
        if arguments.json {
            let file_type = visit
                .inode
                .as_ref()
                .map_or(visit.file_type, Inode::file_type);
            console.json(&Node {
                path: Bytes(&visit.path),
                depth: visit.depth + 1,
                inode: visit.ino.get(),
                file_type: json::type_name(file_type),
            })?;
        } else {
            tree.print(&visit, console)?;
        }
    }
    if !arguments.json {
        let (directories, files) = (
            plural(tree.directories, "directory"),
            plural(tree.files, "file"),
        );
        writeln!(console.out, "\n{directories}, {files}")?;
    }
    open::report_cause(&image, console);
    Ok(())
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
                Err(error) => console.damage(error),
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
