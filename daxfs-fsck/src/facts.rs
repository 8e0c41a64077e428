// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a report, in the form in which they are printed.

use daxfs_cli::json::{self, Text};
use daxfs_image::check::{DataSummary, Hashes};
use daxfs_image::format::text::{Hex, Uuid};
use daxfs_image::format::Finding;
use daxfs_image::FileImage;
use serde::{Serialize, Serializer};

/// The properties of an image that the superblock states.
#[derive(Debug, Serialize)]
pub struct Description {
    /// The identity.
    pub identity: String,
    /// The UUID.
    pub uuid: String,
    /// The label.
    pub label: Text,
    /// The length of the image in bytes.
    pub bytes: u64,
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

/// A finding in JSON.
#[derive(Serialize)]
struct JsonFinding<'a> {
    object: String,
    /// The offset of the offending bytes, from the start of the image.
    offset: u64,
    path: Option<&'a Text>,
    /// The name of the rule.
    rule: &'static str,
    /// The text of the rule.
    text: &'static str,
    /// The stated value that breaks it, as [`Finding`] defines it.
    value: u64,
    /// The whole hash that is stated, and that of the bytes, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    stated: Option<json::Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<json::Hex<'a>>,
    /// True if a newer version of the format may allow this.
    newer: bool,
}

/// The extent of a verification.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The number of contents whose digests were compared.
    pub contents: u64,
    /// The number of their bytes.
    pub bytes: u64,
}

impl From<DataSummary> for Verified {
    fn from(summary: DataSummary) -> Self {
        let DataSummary { contents, bytes } = summary;
        Self { contents, bytes }
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
            bytes: validated.image_size(),
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
        let Finding {
            object,
            offset,
            rule,
            value,
        } = self.finding;
        let finding = JsonFinding {
            object: object.to_string(),
            offset,
            path: self.path.as_ref(),
            rule: rule.id(),
            text: rule.text(),
            value,
            stated: self.hashes.as_ref().map(|hashes| json::Hex(&hashes.stated)),
            computed: self
                .hashes
                .as_ref()
                .map(|hashes| json::Hex(&hashes.computed)),
            newer: rule.is_support(),
        };
        finding.serialize(serializer)
    }
}
