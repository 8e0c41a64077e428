// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects that several records have. A missing fact is an absent key.

use std::borrow::Cow;

use serde::Serialize;

use super::values::Text;

/// The properties of an image.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Image {
    /// The image, as named on the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// The identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// The version of the format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The alignment of contents in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
    /// The size of the image in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The size in bytes of a file that could not be opened as an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// The number of inodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u32>,
}

/// The layout of an image or of a part of it. `docs/json.md` defines the terms. Sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The number of regular files.
    pub files: u64,
    /// Their sizes, as if nothing were shared and without holes.
    pub files_size: u64,
    /// The number of different contents.
    pub contents: u64,
    /// Their stored bytes.
    pub contents_size: u64,
    /// The number of files whose content an earlier inode has too.
    pub shared: u64,
    /// Their sizes, which sharing saved.
    pub shared_size: u64,
    /// The number of contents in pages of their own.
    pub direct: u64,
    /// Their sizes.
    pub direct_size: u64,
    /// The number of contents that lie beside others.
    pub packed: u64,
    /// Their sizes.
    pub packed_size: u64,
    /// The number of contents with holes.
    pub sparse: u64,
    /// Their stored bytes.
    pub sparse_size: u64,
    /// Their holes.
    pub holes_size: u64,
    /// The contents that can be mapped in place: direct and sparse.
    pub mappable_size: u64,
    /// The number of pages of 2 MiB that map contents.
    pub huge_pages: u64,
    /// The bytes that they map.
    pub huge_size: u64,
    /// The zeros between ends of contents and ends of pages.
    pub padding_size: u64,
    /// Pages that alignment leaves empty, of a whole image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_size: Option<u64>,
    /// The bytes between sections, of a whole image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps_size: Option<u64>,
    /// Superblock and metadata sections, of a whole image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_size: Option<u64>,
}

/// An error or a warning.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    tool: Cow<'static, str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<Finding>,
}

impl Message {
    /// A message of a program.
    #[must_use]
    pub fn new(tool: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            tool: tool.into(),
            message: message.into(),
            path: None,
            finding: None,
        }
    }

    /// Adds the file in the image that the message is about.
    #[must_use]
    pub fn at(mut self, path: &[u8]) -> Self {
        self.path = Some(Text(path.to_vec()));
        self
    }

    /// Adds the rule that is broken.
    #[must_use]
    pub fn with(mut self, finding: impl Into<Finding>) -> Self {
        self.finding = Some(finding.into());
        self
    }
}

/// A rule that an image breaks.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The object that breaks the rule.
    pub object: String,
    /// The offset in the image of the offending bytes.
    pub offset: u64,
    /// The path of the file that has the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// The name of the rule.
    pub rule: &'static str,
    /// The sentence of the rule.
    pub text: &'static str,
    /// The stated value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The stated checksum or digest in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated: Option<String>,
    /// The computed checksum or digest in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
    /// True if a newer version of the format may allow this.
    pub newer: bool,
}

impl From<daxfs_image::format::Finding> for Finding {
    fn from(finding: daxfs_image::format::Finding) -> Self {
        let rule = finding.rule;
        Self {
            object: finding.object.to_string(),
            offset: finding.offset,
            path: None,
            rule: rule.id(),
            text: rule.text(),
            value: Some(finding.value),
            stated: None,
            computed: None,
            newer: rule.is_support(),
        }
    }
}
