// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a report, in the form in which they are printed.

use daxfs_cli::json::{self, Text};
use daxfs_image::check::{DataSummary, Hashes};
use daxfs_image::format::superblock::VERSION_MAJOR;
use daxfs_image::format::text::{Hex, Uuid};
use daxfs_image::format::Finding;
use daxfs_image::FileImage;
use serde::{Serialize, Serializer};

/// The properties of an image that the superblock states.
#[derive(Debug)]
pub struct Description {
    /// The identity.
    pub identity: String,
    /// The UUID.
    pub uuid: String,
    /// The label.
    pub label: Text,
    /// The length of the image in bytes.
    pub size: u64,
    /// The alignment of contents in bytes.
    pub page_size: u64,
    /// The version of the format.
    pub version: String,
    /// The number of inodes.
    pub inodes: u32,
}

/// A finding with its path.
#[derive(Debug)]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// The path, if there is one.
    pub path: Option<Text>,
    /// The hashes of a finding about one.
    pub hashes: Option<Hashes>,
}

/// The extent of a verification.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The number of contents whose digests were compared.
    pub contents: u64,
    /// The number of their bytes.
    pub size: u64,
}

impl From<DataSummary> for Verified {
    fn from(summary: DataSummary) -> Self {
        let DataSummary { contents, bytes } = summary;
        let size = bytes;
        Self { contents, size }
    }
}

impl Description {
    /// The description of an image.
    #[must_use]
    pub fn of(image: &FileImage) -> Self {
        let validated = image.superblock();
        Self {
            identity: image.identity().to_string(),
            uuid: Uuid(validated.uuid()).to_string(),
            label: Text(validated.label().to_vec()),
            size: validated.image_size(),
            page_size: 1 << validated.page_shift(),
            version: format!("{VERSION_MAJOR}.{}", validated.version_minor()),
            inodes: image.inode_count(),
        }
    }
}

impl Located {
    /// A finding at a path.
    #[must_use]
    pub fn new(finding: &Finding, path: Option<Vec<u8>>, hashes: Option<Hashes>) -> Self {
        Self {
            finding: *finding,
            path: path.map(Text),
            hashes,
        }
    }

    /// The finding as a line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let path = self.path.as_ref();
        let path = path.map_or(String::new(), |path| format!(" ({path})"));
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = self.finding.write_with(&mut line, format_args!("{path}"));
        if let Some(Hashes { stated, computed }) = &self.hashes {
            // The value of the finding is the start of the stated hash.
            line.truncate(line.rfind(": stated ").unwrap_or(line.len()));
            line += &format!(": stated {}, computed {}", Hex(stated), Hex(computed));
        }
        if self.finding.rule.is_support() {
            line += "; a newer version may support it";
        }
        line + "\n"
    }
}

impl Serialize for Located {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = json::Finding::from(self.finding);
        finding.path.clone_from(&self.path);
        if let Some(Hashes { stated, computed }) = &self.hashes {
            finding.value = None;
            finding.stated = Some(Hex(stated).to_string());
            finding.computed = Some(Hex(computed).to_string());
        }
        finding.serialize(serializer)
    }
}
