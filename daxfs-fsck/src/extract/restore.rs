// SPDX-License-Identifier: MIT OR Apache-2.0
//! The properties that an extraction restores.

/// The properties that an extraction restores, beside contents, types, names, links and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The owners.
    pub owners: Owners,
    /// The modes.
    pub modes: Modes,
    /// The extended attributes, ACLs among them.
    pub xattrs: Xattrs,
}

/// The owners of extracted files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// The owners in the image.
    OfImage,
    /// The user who extracts.
    OfUser,
}

/// The modes of extracted files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// The modes in the image.
    OfImage,
    /// Modes of the image without set-ID bits, the sticky bit and the bits of a umask.
    Masked(u16),
}

/// The treatment of extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xattrs {
    /// All are restored.
    Keep,
    /// None is restored.
    LeaveOut,
}

impl Restore {
    /// Everything.
    pub const ALL: Self = Self {
        owners: Owners::OfImage,
        modes: Modes::OfImage,
        xattrs: Xattrs::Keep,
    };
}

impl Modes {
    /// The mode that a file with the permissions of the image receives.
    pub(super) fn of(self, permissions: u16) -> u16 {
        match self {
            Self::OfImage => permissions,
            Self::Masked(umask) => permissions & 0o777 & !umask,
        }
    }
}
