// SPDX-License-Identifier: MIT OR Apache-2.0
//! POSIX access control lists in the form that Linux passes to user space as attribute values.
//!
//! ```text
//! 0  version u32 = 2
//! 4  entries: 0 tag u16    2 permissions u16    4 id u32
//! ```
//!
//! Entries come in the order owner, named users, owning group, named groups, mask, others. A list
//! with named users or groups has a mask; their id is not 2^32 - 1. See `acl(5)` and
//! `include/uapi/linux/posix_acl_xattr.h`.

const HEADER: [u8; 4] = [2, 0, 0, 0];
const ENTRY: usize = 8;

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// A checker that takes a value in parts, so that no buffer need hold all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AclCheck {
    last_tag: u16,
    seen: u16,
    broken: bool,
    owner: u16,
    group: u16,
    mask: u16,
    others: u16,
}

impl AclCheck {
    /// The length in bytes of the header, the first part.
    pub const HEADER: u32 = 4;
    /// The length in bytes of an entry, every further part.
    pub const ENTRY: u32 = 8;

    /// Takes the header.
    pub fn header(&mut self, header: [u8; 4]) {
        self.broken |= header != HEADER;
    }

    /// Takes the next entry.
    pub fn entry(&mut self, entry: [u8; 8]) {
        let [tag0, tag1, permissions0, permissions1, id @ ..] = entry;
        let tag = u16::from_le_bytes([tag0, tag1]);
        let permissions = u16::from_le_bytes([permissions0, permissions1]);
        let named = matches!(tag, USER | GROUP);
        let repeats = named && tag == self.last_tag;
        self.broken |= named && u32::from_le_bytes(id) == u32::MAX;
        match tag {
            USER_OBJ => self.owner = permissions,
            GROUP_OBJ => self.group = permissions,
            MASK => self.mask = permissions,
            OTHER => self.others = permissions,
            _ => {}
        }
        let known = matches!(tag, USER_OBJ | USER | GROUP_OBJ | GROUP | MASK | OTHER);
        self.broken |= !known || permissions > 7 || !(repeats || tag > self.last_tag);
        self.last_tag = tag;
        self.seen |= tag;
    }

    /// The permissions in the mode of a file with this access list: those of the owner, of the mask
    /// (of the owning group if there is no mask), and of others.
    #[must_use]
    pub fn permissions(&self) -> u16 {
        let group = if self.seen & MASK != 0 {
            self.mask
        } else {
            self.group
        };
        (self.owner << 6) | (group << 3) | self.others
    }

    /// Returns true if the entries so far are a whole list.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let base = USER_OBJ | GROUP_OBJ | OTHER;
        let named = self.seen & (USER | GROUP) != 0;
        !self.broken && self.seen & base == base && (!named || self.seen & MASK != 0)
    }
}

/// Returns true if an attribute value is a well-formed list.
#[must_use]
pub fn is_valid_acl(value: &[u8]) -> bool {
    let mut check = AclCheck::default();
    let Some((&header, entries)) = value.split_first_chunk() else {
        return false;
    };
    check.header(header);
    let chunks = entries.chunks_exact(ENTRY);
    let whole = chunks.remainder().is_empty();
    for entry in chunks.filter_map(|entry| entry.first_chunk()) {
        check.entry(*entry);
    }
    whole && check.is_complete()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(entries: &[(u16, u16)]) -> Vec<u8> {
        let mut value = HEADER.to_vec();
        for &(tag, permissions) in entries {
            value.extend(tag.to_le_bytes());
            value.extend(permissions.to_le_bytes());
            let id = if matches!(tag, USER | GROUP) {
                7
            } else {
                u32::MAX
            };
            value.extend(id.to_le_bytes());
        }
        value
    }

    #[test]
    fn whole_lists_are_accepted() {
        assert!(is_valid_acl(&acl(&[
            (USER_OBJ, 7),
            (GROUP_OBJ, 5),
            (OTHER, 0)
        ])));
        let named = [
            (USER_OBJ, 7),
            (USER, 6),
            (USER, 4),
            (GROUP_OBJ, 5),
            (GROUP, 1),
            (MASK, 7),
            (OTHER, 0),
        ];
        assert!(is_valid_acl(&acl(&named)));
    }

    #[test]
    fn the_group_of_a_mode_is_the_mask_if_there_is_one() {
        let permissions = |entries: &[(u16, u16)]| {
            let mut check = AclCheck::default();
            for entry in acl(entries)[HEADER.len()..].chunks(ENTRY) {
                check.entry(entry.try_into().expect("an entry"));
            }
            check.permissions()
        };
        let base = [(USER_OBJ, 7), (GROUP_OBJ, 5), (OTHER, 2)];
        assert_eq!(permissions(&base), 0o752);
        let masked = [(USER_OBJ, 6), (GROUP_OBJ, 5), (MASK, 1), (OTHER, 4)];
        assert_eq!(permissions(&masked), 0o614);
    }

    #[test]
    fn malformed_lists_are_refused() {
        let good = [
            (USER_OBJ, 7),
            (USER, 6),
            (GROUP_OBJ, 5),
            (MASK, 7),
            (OTHER, 0),
        ];
        let without = |tag| {
            acl(&good
                .iter()
                .copied()
                .filter(|e| e.0 != tag)
                .collect::<Vec<_>>())
        };
        for tag in [USER_OBJ, GROUP_OBJ, MASK, OTHER] {
            assert!(!is_valid_acl(&without(tag)), "without {tag:#x}");
        }
        assert!(
            !is_valid_acl(&acl(&[(GROUP_OBJ, 5), (USER_OBJ, 7), (OTHER, 0)])),
            "order"
        );
        assert!(
            !is_valid_acl(&acl(&[(USER_OBJ, 8), (GROUP_OBJ, 5), (OTHER, 0)])),
            "permissions"
        );
        assert!(
            !is_valid_acl(&acl(&[(USER_OBJ, 7), (3, 7), (GROUP_OBJ, 5), (OTHER, 0)])),
            "tag"
        );
        let mut unnamed = acl(&good);
        unnamed[16..20].fill(0xff);
        assert!(!is_valid_acl(&unnamed), "id");
        assert!(!is_valid_acl(&[1, 0, 0, 0]), "version");
        assert!(!is_valid_acl(&[2, 0, 0]), "header");
        let mut ragged = acl(&good);
        ragged.pop();
        assert!(!is_valid_acl(&ragged), "length");
    }
}
