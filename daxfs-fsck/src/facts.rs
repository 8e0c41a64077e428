// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a report, in the form in which they are printed.

use daxfs_cli::json::Text;
use daxfs_image::check::DataSummary;
use daxfs_image::format::text::Uuid;
use daxfs_image::format::Finding;
use daxfs_image::FileImage;
use serde::Serialize;

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
#[derive(Debug, Serialize)]
pub struct Located {
    /// The object.
    pub object: String,
    /// The offset of the offending bytes, from the start of the image.
    pub offset: u64,
    /// The path, if there is one.
    pub path: Option<Text>,
    /// The name of the rule.
    pub rule: &'static str,
    /// The text of the rule.
    pub text: &'static str,
    /// The stated value that breaks it, as [`Finding`] defines it.
    pub value: u64,
    /// True if a newer version of the format may allow this.
    pub newer: bool,
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
    pub fn new(finding: &Finding, path: Option<Vec<u8>>) -> Self {
        Self {
            object: finding.object.to_string(),
            offset: finding.offset,
            path: path.map(Text),
            rule: finding.rule.id(),
            text: finding.rule.text(),
            value: finding.value,
            newer: finding.rule.is_support(),
        }
    }

    /// The finding as a line of text.
    pub(crate) fn line(&self) -> String {
        let Self {
            object,
            offset,
            path,
            rule,
            text,
            value,
            newer,
        } = self;
        let newer = if *newer {
            "; a newer version may support it"
        } else {
            ""
        };
        let path = path
            .as_ref()
            .map_or(String::new(), |path| format!(" ({path})"));
        format!(
            "{object} at {offset:#x}{path} breaks the rule that {text} [{rule}]: \
             found {value:#x}{newer}\n"
        )
    }
}
