// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect stat`: everything that an image states about a file.

use anyhow::Result;
use daxfs_cli::json::{self, Bytes, Kind};
use daxfs_cli::number::{plural, size_and_bytes};
use daxfs_cli::time;
use daxfs_image::attributes::{Attribute, Attributes};
use daxfs_image::escape;
use daxfs_image::format::text::Digest;
use daxfs_image::format::{ContentId, Error, FileData, Inode, InodeKind};
use daxfs_image::path::{self, Found, LastLink};
use daxfs_image::sharing::Sharing;
use serde::Serialize;

use crate::cli::PathsArgs;
use crate::console::{Console, Form};
use crate::human;
use crate::open::{self, Inspected};

/// Runs the command.
///
/// # Errors
/// Those of opening the image, and of the output.
pub fn run(arguments: &PathsArgs, console: &mut Console<'_>) -> Result<()> {
    let image = open::open(&arguments.image, console)?;
    let sharing = Sharing::read(&image);
    let mut gap = "";
    for path in &arguments.paths {
        let Some(found) = open::find(&image, path, LastLink::Keep, console) else {
            continue;
        };
        let facts = Facts::read(&image, &found, &sharing, console);
        if console.form() == Form::Json {
            console.json(Kind::File, &facts.json())?;
        } else {
            write!(console.out, "{gap}")?;
            gap = "\n";
            facts.print(console)?;
        }
    }
    open::close(&image, console);
    Ok(())
}

/// The facts about a file.
struct Facts<'a> {
    path: &'a [u8],
    inode: &'a Inode,
    /// The offset of the inode in the image.
    at: u64,
    target: Option<Vec<u8>>,
    digest: Option<[u8; 32]>,
    /// The number of inodes that have the content.
    sharers: u32,
    attributes: Vec<Attribute>,
}

/// The facts in JSON. A missing fact is an absent key.
#[derive(Serialize)]
struct Json<'a> {
    path: Bytes<'a>,
    inode: u32,
    #[serde(rename = "type")]
    file_type: &'static str,
    mode: String,
    links: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: json::Time,
    has_xattrs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<json::Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Bytes<'a>>,
    inode_offset: u64,
    layout: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extents: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sharers: Option<u32>,
    xattrs: Vec<JsonAttribute<'a>>,
}

#[derive(Serialize)]
struct JsonAttribute<'a> {
    name: Bytes<'a>,
    value: Bytes<'a>,
}

impl<'a> JsonAttribute<'a> {
    fn of(attribute: &'a Attribute) -> Self {
        Self {
            name: Bytes(&attribute.name),
            value: Bytes(&attribute.value),
        }
    }
}

impl<'a> Facts<'a> {
    /// Reads the objects that the inode refers to. Those that cannot be read are reported and left
    /// out.
    fn read(
        image: &Inspected,
        found: &'a Found,
        sharing: &Sharing,
        console: &mut Console<'_>,
    ) -> Self {
        let inode = &found.inode;
        let mut checked = |error: Error| console.problem_at(&found.path, error);
        let target = match inode.kind {
            InodeKind::Symlink(link) => path::target(image, &link).map_err(&mut checked).ok(),
            _ => None,
        };
        let digest = inode.content.map(|content| image.digest(content));
        let digest = digest.and_then(|digest| digest.map_err(&mut checked).ok().flatten());
        let attributes = inode
            .xattrs
            .map(|set| Attributes::new(image, set)?.collect());
        let attributes =
            attributes.and_then(|read: Result<_, Error>| read.map_err(&mut checked).ok());
        Self {
            path: &found.path,
            inode,
            at: image.inode_offset(inode.ino),
            target,
            digest,
            sharers: inode.content.map_or(0, |content| sharing.count(content)),
            attributes: attributes.unwrap_or_default(),
        }
    }

    fn json(&self) -> Json<'_> {
        let inode = self.inode;
        let location = Location::of(inode);
        Json {
            path: Bytes(self.path),
            inode: inode.ino.get(),
            file_type: json::type_name(inode.file_type()),
            mode: json::permissions(inode.permissions()),
            links: inode.link_count,
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size,
            mtime: inode.mtime.into(),
            has_xattrs: inode.xattrs.is_some(),
            device: device(inode),
            target: self.target.as_deref().map(Bytes),
            inode_offset: self.at,
            layout: layout(inode),
            offset: location.offset,
            extents: location.extents,
            entries: location.entries,
            parent: location.parent,
            content: inode.content.map(ContentId::get),
            digest: self.digest.map(|digest| Digest(&digest).to_string()),
            sharers: inode.content.map(|_| self.sharers),
            xattrs: self.attributes.iter().map(JsonAttribute::of).collect(),
        }
    }

    fn print(&self, console: &mut Console<'_>) -> Result<()> {
        let inode = self.inode;
        let mut path = console.name(self.path);
        if let Some(target) = &self.target {
            path = format!("{path} -> {}", console.name(target));
        }
        let permissions = inode.permissions();
        let mode = human::mode(inode.file_type(), permissions);
        line(console, "path", path)?;
        line(console, "type", human::type_name(inode.file_type()))?;
        line(
            console,
            "inode",
            format_args!("{} at {:#x}", inode.ino, self.at),
        )?;
        line(console, "mode", format_args!("{permissions:04o} ({mode})"))?;
        line(
            console,
            "owner",
            format_args!("uid {}, gid {}", inode.uid, inode.gid),
        )?;
        line(console, "links", inode.link_count)?;
        line(console, "size", size_and_bytes(inode.size))?;
        line(console, "mtime", time::exact(inode.mtime))?;
        self.print_kind(console)?;
        self.print_content(console)?;
        for Attribute { name, value } in &self.attributes {
            let name = console.name(name);
            line(
                console,
                "xattr",
                format_args!("{name} = {}", escape::quoted(value)),
            )?;
        }
        Ok(())
    }

    fn print_kind(&self, console: &mut Console<'_>) -> Result<()> {
        match self.inode.kind {
            InodeKind::CharDevice(device) | InodeKind::BlockDevice(device) => line(
                console,
                "device",
                format_args!("{}, {}", device.major, device.minor),
            ),
            InodeKind::Directory(directory) => {
                let entries = plural(directory.len().into(), "entry");
                let located = format!("{entries} at {:#x}", directory.offset());
                line(
                    console,
                    "entries",
                    if directory.is_empty() {
                        entries
                    } else {
                        located
                    },
                )?;
                line(
                    console,
                    "parent",
                    format_args!("inode {}", directory.parent()),
                )
            }
            InodeKind::Symlink(link) => {
                line(console, "target", format_args!("at {:#x}", link.offset()))
            }
            InodeKind::Regular(_) | InodeKind::Fifo | InodeKind::Socket => Ok(()),
        }
    }

    fn print_content(&self, console: &mut Console<'_>) -> Result<()> {
        if let InodeKind::Regular(data) = self.inode.kind {
            let text = match data {
                FileData::Empty => "empty".to_owned(),
                FileData::Direct { offset } => format!("direct at {offset:#x}"),
                FileData::Packed { offset } => format!("packed at {offset:#x}"),
                FileData::Sparse(list) => {
                    let extents = plural(list.count().into(), "extent");
                    format!("sparse, {extents} listed at {:#x}", list.offset())
                }
            };
            line(console, "layout", text)?;
        }
        if let Some(content) = self.inode.content {
            let others = u64::from(self.sharers.saturating_sub(1));
            let shared = match others {
                0 => String::new(),
                others => format!(", shared with {}", plural(others, "other file")),
            };
            line(console, "content", format_args!("{content}{shared}"))?;
        }
        if let Some(digest) = self.digest {
            line(console, "digest", Digest(&digest))?;
        }
        Ok(())
    }
}

fn line(console: &mut Console<'_>, name: &str, value: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(console.out, "{name:<8} {value}")?)
}

/// The number of a device.
pub(crate) fn device(inode: &Inode) -> Option<json::Device> {
    match inode.kind {
        InodeKind::CharDevice(device) | InodeKind::BlockDevice(device) => Some(device.into()),
        _ => None,
    }
}

/// The location of the bytes of an inode.
#[derive(Default)]
struct Location {
    /// The offset of the bytes.
    offset: Option<u64>,
    /// The number of extents of a sparse file.
    extents: Option<u32>,
    /// The number of entries of a directory.
    entries: Option<u32>,
    /// The parent of a directory.
    parent: Option<u32>,
}

impl Location {
    fn of(inode: &Inode) -> Self {
        let at = |offset| Self {
            offset: Some(offset),
            ..Self::default()
        };
        match inode.kind {
            InodeKind::Regular(FileData::Empty) => Self::default(),
            InodeKind::Regular(data @ FileData::Sparse(list)) => Self {
                extents: Some(list.count()),
                ..at(data.offset())
            },
            InodeKind::Regular(data) => at(data.offset()),
            InodeKind::Directory(directory) => Self {
                entries: Some(directory.len()),
                parent: Some(directory.parent().get()),
                ..at(directory.offset())
            },
            InodeKind::Symlink(link) => at(link.offset()),
            _ => Self::default(),
        }
    }
}

/// The name of an inode's layout.
fn layout(inode: &Inode) -> &'static str {
    match inode.kind {
        InodeKind::Regular(FileData::Direct { .. }) => "direct",
        InodeKind::Regular(FileData::Packed { .. }) => "packed",
        InodeKind::Regular(FileData::Sparse(_)) => "sparse",
        _ => "none",
    }
}
