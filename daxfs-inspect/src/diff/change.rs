// SPDX-License-Identifier: MIT OR Apache-2.0
//! A field of an inode that changed.

use std::fmt::Display;

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name of the field.
    pub field: String,
    /// The old value, if there was one and it is short enough to be printed.
    pub old: Option<String>,
    /// The new value.
    pub new: Option<String>,
}

impl Change {
    pub(super) fn new(field: impl Into<String>, old: impl Display, new: impl Display) -> Self {
        Self {
            field: field.into(),
            old: Some(old.to_string()),
            new: Some(new.to_string()),
        }
    }

    /// The change in text.
    #[must_use]
    pub fn text(&self) -> String {
        let field = &self.field;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{field} {old} -> {new}"),
            (Some(old), None) => format!("{field} {old} removed"),
            (None, Some(new)) => format!("{field} {new} added"),
            (None, None) => field.clone(),
        }
    }
}
