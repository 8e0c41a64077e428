// SPDX-License-Identifier: MIT OR Apache-2.0
//! POSIX ACLs: the entries of an attribute, and their text as in acl(5).

use std::fmt::Write as _;

/// The length in bytes of the header.
const HEADER: usize = 4;
/// The length in bytes of an entry.
const ENTRY: usize = 8;

/// An entry of an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// The subject of the entry.
    pub subject: AclSubject,
    /// Read, write and execute in three bits.
    pub permissions: u16,
}

/// The subject of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclSubject {
    /// The owner of the file.
    Owner,
    /// A user.
    User(u32),
    /// The group of the file.
    OwningGroup,
    /// A group.
    Group(u32),
    /// The bound of all groups and of single users.
    Mask,
    /// All others.
    Others,
}

/// The entries of the value of an attribute. Bytes that are not an entry are left out; an image that
/// was checked has none.
pub fn entries(value: &[u8]) -> impl Iterator<Item = AclEntry> + '_ {
    let entries = value.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY);
    entries.filter_map(|entry| {
        let [t0, t1, p0, p1, id @ ..] = *entry.first_chunk::<ENTRY>()?;
        let id = u32::from_le_bytes(id);
        let subject = match u16::from_le_bytes([t0, t1]) {
            0x01 => AclSubject::Owner,
            0x02 => AclSubject::User(id),
            0x04 => AclSubject::OwningGroup,
            0x08 => AclSubject::Group(id),
            0x10 => AclSubject::Mask,
            0x20 => AclSubject::Others,
            _ => return None,
        };
        let permissions = u16::from_le_bytes([p0, p1]);
        Some(AclEntry {
            subject,
            permissions,
        })
    })
}

/// The permissions of the file's group. In a mode, those of the mask stand instead.
#[must_use]
pub fn group_permissions(value: &[u8]) -> Option<u16> {
    let mut entries = entries(value);
    let group = entries.find(|entry| entry.subject == AclSubject::OwningGroup)?;
    Some(group.permissions & 7)
}

/// The text of an ACL, with numeric IDs and commas between entries, as in tar archives.
#[must_use]
pub fn text(value: &[u8]) -> String {
    let mut text = String::new();
    for entry in entries(value) {
        let subject = match entry.subject {
            AclSubject::Owner => "user::".to_owned(),
            AclSubject::User(id) => format!("user:{id}:"),
            AclSubject::OwningGroup => "group::".to_owned(),
            AclSubject::Group(id) => format!("group:{id}:"),
            AclSubject::Mask => "mask::".to_owned(),
            AclSubject::Others => "other::".to_owned(),
        };
        let bit = |bit: u16, letter| {
            if entry.permissions & bit == 0 {
                '-'
            } else {
                letter
            }
        };
        let comma = if text.is_empty() { "" } else { "," };
        let (read, write, execute) = (bit(4, 'r'), bit(2, 'w'), bit(1, 'x'));
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{subject}{read}{write}{execute}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_a_text() {
        let mut value = vec![2, 0, 0, 0];
        for (tag, permissions, id) in [
            (1_u16, 7_u16, u32::MAX),
            (2, 6, 1000),
            (4, 1, u32::MAX),
            (8, 5, 70_000),
            (16, 7, u32::MAX),
            (32, 0, u32::MAX),
        ] {
            value.extend(tag.to_le_bytes());
            value.extend(permissions.to_le_bytes());
            value.extend(id.to_le_bytes());
        }
        let expected = "user::rwx,user:1000:rw-,group::--x,group:70000:r-x,mask::rwx,other::---";
        assert_eq!(text(&value), expected);
        assert_eq!(group_permissions(&value), Some(1));
        assert_eq!(text(&value[..3]), "");
        assert_eq!(group_permissions(&value[..10]), None);
    }
}
