// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect ls`: directories and files, a line each.
//!
//! | module | owns |
//! |---|---|
//! | `columns` | the columns of a line |
//! | `order` | the order of lines |

mod columns;
mod order;

use anyhow::Result;
use daxfs_cli::json::{self, Bytes, Kind};
use daxfs_cli::number::Exact;
use daxfs_image::format::{FileType, Inode, InodeKind, Symlink};
use daxfs_image::path::CurrentPath;
use daxfs_image::path::{self, Found, LastLink};
use daxfs_image::walk::{entered_before, read_inode};
use daxfs_image::walk::{Listed, Listings};
use daxfs_image::InodeSet;

use crate::cli::LsArgs;
use crate::console::{Console, Form};
use crate::human;
use crate::open::{self, Inspected};
use columns::{File, Metadata, Widths};
use order::Order;

/// Runs the command.
///
/// # Errors
/// Those of opening the image, and of the output.
pub fn run(arguments: &LsArgs, console: &mut Console<'_>) -> Result<()> {
    let image = open::open(&arguments.image, console)?;
    let ls = Ls {
        image: &image,
        arguments,
        form: console.form(),
        order: Order::of(arguments),
    };
    let root = [std::ffi::OsString::from("/")];
    let paths = if arguments.paths.is_empty() {
        &root[..]
    } else {
        &arguments.paths[..]
    };
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for path in paths {
        match open::find(&image, path, LastLink::Keep, console) {
            Some(found)
                if found.inode.file_type() == FileType::Directory && !arguments.directory =>
            {
                directories.push(found);
            }
            Some(found) => files.push(found),
            None => {}
        }
    }
    ls.order.sort_found(&mut files);
    ls.print_files(&files, console)?;
    let mut titles = Titles {
        wanted: arguments.recursive || paths.len() > 1,
        first: files.is_empty(),
    };
    for directory in directories {
        ls.print_tree(&directory, &mut titles, console)?;
    }
    open::close(&image, console);
    Ok(())
}

/// The line before the entries of a directory.
struct Titles {
    wanted: bool,
    first: bool,
}

impl Titles {
    fn print(&mut self, path: &[u8], console: &mut Console<'_>) -> Result<()> {
        if self.wanted {
            let gap = if self.first { "" } else { "\n" };
            self.first = false;
            writeln!(console.out, "{gap}{}:", console.name(path))?;
        }
        Ok(())
    }
}

struct Ls<'a> {
    image: &'a Inspected,
    arguments: &'a LsArgs,
    form: Form,
    order: Order,
}

impl Ls<'_> {
    /// Returns true if a listing needs more than the entries state.
    fn needs_inodes(&self) -> bool {
        self.arguments.is_long() || self.arguments.classify || self.form == Form::Json
    }

    fn exact(&self) -> Exact {
        self.arguments.bytes.into()
    }

    fn print_files(&self, files: &[Found], console: &mut Console<'_>) -> Result<()> {
        let mut widths = Widths::default();
        for Found { inode, .. } in files {
            widths.include(inode.ino, Some(inode), self.exact());
        }
        for Found { inode, path } in files {
            let (name, ino) = (path.as_slice().into(), inode.ino);
            let file_type = inode.file_type();
            let listed = Listed {
                name,
                ino,
                file_type,
            };
            self.print_line(&listed, path, Some(inode), &widths, console)?;
        }
        Ok(())
    }

    /// Prints a directory and, with `--recursive`, all directories below it.
    fn print_tree(
        &self,
        start: &Found,
        titles: &mut Titles,
        console: &mut Console<'_>,
    ) -> Result<()> {
        let InodeKind::Directory(directory) = start.inode.kind else {
            return Ok(());
        };
        let mut listings = Listings::new(self.image);
        let mut entered = InodeSet::new(self.image);
        entered.insert(start.inode.ino);
        let mut current = CurrentPath::new(start.inode.ino, start.path.clone());
        let entries = listings.list(&directory, &current.path(), console);
        let mut open = vec![self
            .print_directory(entries, &current, titles, console)?
            .into_iter()];
        while let Some(level) = open.last_mut() {
            let Some(entry) = level.next() else {
                open.pop();
                current.leave();
                continue;
            };
            let path = current.path_of(&entry.name);
            let inode = self.subdirectory(&entry, &path, console);
            let Some(InodeKind::Directory(directory)) = inode.map(|inode| inode.kind) else {
                continue;
            };
            if !entered.insert(entry.ino) {
                console.problem_at(&path, entered_before(entry.ino));
                continue;
            }
            current.enter(entry.ino, &entry.name);
            let entries = listings.list(&directory, &current.path(), console);
            open.push(
                self.print_directory(entries, &current, titles, console)?
                    .into_iter(),
            );
        }
        Ok(())
    }

    /// The inode of a subdirectory. A failure that the listing has reported is not reported again.
    fn subdirectory(
        &self,
        entry: &Listed,
        path: &[u8],
        console: &mut Console<'_>,
    ) -> Option<Inode> {
        if self.needs_inodes() {
            return self.image.inode(entry.ino).ok();
        }
        read_inode(self.image, entry.ino, path, console)
    }

    /// Prints the entries of a directory, and returns the subdirectories to enter.
    fn print_directory(
        &self,
        mut entries: Vec<Listed>,
        current: &CurrentPath,
        titles: &mut Titles,
        console: &mut Console<'_>,
    ) -> Result<Vec<Listed>> {
        if self.form == Form::Text {
            titles.print(&current.path(), console)?;
        }
        self.order.sort(self.image, &mut entries);
        let widths = self.widths(&entries);
        for entry in &entries {
            let path = current.path_of(&entry.name);
            let inode = if self.needs_inodes() {
                read_inode(self.image, entry.ino, &path, console)
            } else {
                None
            };
            self.print_line(entry, &path, inode.as_ref(), &widths, console)?;
        }
        entries.retain(|entry| entry.file_type == FileType::Directory && self.arguments.recursive);
        entries.shrink_to_fit();
        Ok(entries)
    }

    /// The widths of the columns. The inodes are read again when they are printed, so that a
    /// directory of a million entries needs no memory for a million lines.
    fn widths(&self, entries: &[Listed]) -> Widths {
        let mut widths = Widths::default();
        for entry in entries {
            let inode = if self.arguments.is_long() {
                self.image.inode(entry.ino).ok()
            } else {
                None
            };
            widths.include(entry.ino, inode.as_ref(), self.exact());
        }
        widths
    }

    fn print_line(
        &self,
        entry: &Listed,
        path: &[u8],
        inode: Option<&Inode>,
        widths: &Widths,
        console: &mut Console<'_>,
    ) -> Result<()> {
        let shows_target = self.arguments.is_long() || self.form == Form::Json;
        let target = match inode.map(|inode| inode.kind) {
            Some(InodeKind::Symlink(link)) if shows_target => self.target(&link, path, console),
            _ => None,
        };
        if self.form == Form::Json {
            let inode_type = inode.map_or(entry.file_type, Inode::file_type);
            let file = File {
                path: Bytes(path),
                inode: entry.ino.get(),
                file_type: json::type_name(inode_type),
                metadata: inode.map(Metadata::of),
                target: target.as_deref().map(Bytes),
            };
            return Ok(console.json(Kind::File, &file)?);
        }
        if self.arguments.inode {
            write!(console.out, "{:>1$} ", entry.ino, widths.inode)?;
        }
        if self.arguments.is_long() {
            let columns = inode.map_or_else(
                || columns::unknown(entry.file_type, widths),
                |inode| columns::known(inode, widths, self.exact()),
            );
            write!(console.out, "{columns} ")?;
        }
        write!(console.out, "{}", console.name(&entry.name))?;
        match target {
            Some(target) => write!(console.out, " -> {}", console.name(&target))?,
            None => write!(console.out, "{}", self.mark(entry, inode))?,
        }
        Ok(writeln!(console.out)?)
    }

    fn mark(&self, entry: &Listed, inode: Option<&Inode>) -> &'static str {
        let permissions = inode.map_or(0, Inode::permissions);
        if self.arguments.classify {
            human::mark(entry.file_type, permissions)
        } else {
            ""
        }
    }

    fn target(&self, link: &Symlink, path: &[u8], console: &mut Console<'_>) -> Option<Vec<u8>> {
        path::target(self.image, link)
            .inspect_err(|error| console.problem_at(path, error))
            .ok()
    }
}
