// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record of a check in JSON. A missing fact is an absent key.

use daxfs_cli::json::{Image, Text};
use serde::{Serialize, Serializer};

use crate::archive;
use crate::extract::Summary;
use crate::facts::{Located, Verified};
use crate::report::Report;
use crate::status;

/// A report with its conclusions.
#[derive(Serialize)]
pub(crate) struct Check<'a> {
    status: u8,
    clean: bool,
    image: Image,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_wanted: Option<String>,
    checked: bool,
    total: u64,
    findings: &'a [Located],
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<&'a Verified>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extracted: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<&'a archive::Summary>,
    #[serde(serialize_with = "map")]
    seconds: &'a [(&'static str, f64)],
}

impl<'a> Check<'a> {
    /// The record of a report.
    pub(crate) fn of(report: &'a Report) -> Self {
        let status = report.status();
        Self {
            status,
            clean: status & status::FINDINGS == 0 && report.checked,
            image: image(report),
            identity_wanted: report.identity_wanted.map(|identity| identity.to_string()),
            checked: report.checked,
            total: report.total,
            findings: &report.findings,
            verified: report.verified.as_ref(),
            extracted: report.extracted.as_ref(),
            archived: report.archived.as_ref(),
            seconds: &report.seconds,
        }
    }
}

/// The properties of the image, as far as they are known.
fn image(report: &Report) -> Image {
    let known = report.description.as_ref();
    Image {
        path: Some(Text(report.image.0.clone())),
        identity: known.map(|image| image.identity.clone()),
        uuid: known.map(|image| image.uuid.clone()),
        label: known.map(|image| image.label.clone()),
        version: known.map(|image| image.version.clone()),
        page_size: known.map(|image| image.page_size),
        size: known.map(|image| image.size),
        file_size: report.file_size,
        inodes: known.map(|image| image.inodes),
    }
}

fn map<S: Serializer>(pairs: &[(&str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}
