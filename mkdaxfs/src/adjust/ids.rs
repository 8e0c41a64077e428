// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps of users and groups: of files, and of attributes that state them.

use crate::options::IdMaps;
use crate::tree::node::Status;
use crate::tree::xattrs::Attribute;

/// The length of an ACL's header, and of each entry, in bytes.
const ACL_HEADER: usize = 4;
const ACL_ENTRY: usize = 8;

/// The tags of ACL entries that name a user or a group.
const ACL_USER: u16 = 0x02;
const ACL_GROUP: u16 = 0x08;

/// The revision of a capability set that states a root user, behind 20 other bytes.
const REVISION_WITH_ROOT: u8 = 3;
const CAPABILITY_ROOT: usize = 20;

/// Checks that the maps have the owners of a file.
pub(super) fn check(maps: &IdMaps, status: &Status) -> Result<(), String> {
    user(maps, status.uid)?;
    group(maps, status.gid).map(drop)
}

fn user(maps: &IdMaps, id: u32) -> Result<u32, String> {
    let mapped = maps.uids.map(id);
    mapped.ok_or_else(|| format!("no range of --uid-map has user {id}"))
}

fn group(maps: &IdMaps, id: u32) -> Result<u32, String> {
    let mapped = maps.gids.map(id);
    mapped.ok_or_else(|| format!("no range of --gid-map has group {id}"))
}

/// Maps the users and groups that attributes state.
pub(super) fn map_xattrs(maps: &IdMaps, attributes: &mut [Attribute]) -> Result<(), String> {
    for attribute in attributes {
        match attribute.name.as_slice() {
            b"system.posix_acl_access" | b"system.posix_acl_default" => {
                let (_, entries) = attribute
                    .value
                    .split_at_mut_checked(ACL_HEADER)
                    .unwrap_or_default();
                for entry in entries.chunks_exact_mut(ACL_ENTRY) {
                    map_entry(maps, entry)?;
                }
            }
            b"security.capability" => map_capability(maps, &mut attribute.value)?,
            _ => {}
        }
    }
    Ok(())
}

/// Maps the user or group of an ACL entry: tag, permissions, number.
fn map_entry(maps: &IdMaps, entry: &mut [u8]) -> Result<(), String> {
    let tag = entry.first_chunk().copied();
    let (Some(tag), Some(id)) = (tag, entry.last_chunk_mut()) else {
        return Ok(());
    };
    let number = u32::from_le_bytes(*id);
    let mapped = match u16::from_le_bytes(tag) {
        ACL_USER => user(maps, number)?,
        ACL_GROUP => group(maps, number)?,
        _ => number,
    };
    *id = mapped.to_le_bytes();
    Ok(())
}

fn map_capability(maps: &IdMaps, value: &mut [u8]) -> Result<(), String> {
    let has_root = value.get(3) == Some(&REVISION_WITH_ROOT);
    let root = value
        .get_mut(CAPABILITY_ROOT..)
        .and_then(|root| root.first_chunk_mut());
    if let Some(root) = root.filter(|_| has_root) {
        *root = user(maps, u32::from_le_bytes(*root))?.to_le_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{IdMap, IdRange};

    fn maps() -> IdMaps {
        let map = |from| {
            IdMap::new(&[IdRange {
                from,
                to: 0,
                count: 9,
            }])
            .unwrap()
        };
        IdMaps {
            uids: map(100),
            gids: map(200),
        }
    }

    fn mapped(name: &str, value: &[u8]) -> Result<Vec<u8>, String> {
        let mut attributes = [Attribute {
            name: name.into(),
            value: value.to_vec(),
        }];
        map_xattrs(&maps(), &mut attributes)?;
        let [Attribute { value, .. }] = attributes;
        Ok(value)
    }

    /// An ACL with a user, a group, and the owner, whose number means nothing.
    fn acl(uid: u32, gid: u32) -> Vec<u8> {
        let mut acl = vec![2, 0, 0, 0];
        for (tag, id) in [(1_u16, u32::MAX), (ACL_USER, uid), (ACL_GROUP, gid)] {
            acl.extend([tag.to_le_bytes(), [7, 0]].concat());
            acl.extend(id.to_le_bytes());
        }
        acl
    }

    #[test]
    fn acls_are_mapped() {
        for name in ["system.posix_acl_access", "system.posix_acl_default"] {
            assert_eq!(mapped(name, &acl(101, 202)), Ok(acl(1, 2)));
            let wrong = mapped(name, &acl(101, 101));
            assert_eq!(wrong, Err("no range of --gid-map has group 101".to_owned()));
        }
        assert_eq!(mapped("user.acl", &acl(101, 202)), Ok(acl(101, 202)));
    }

    #[test]
    fn the_root_of_capabilities_is_mapped() {
        let capability = |revision: u8, root: u32| {
            let mut value = vec![1; CAPABILITY_ROOT];
            value[3] = revision;
            value.extend(root.to_le_bytes());
            value
        };
        let map = |value: &[u8]| mapped("security.capability", value);
        assert_eq!(map(&capability(3, 105)), Ok(capability(3, 5)));
        assert!(map(&capability(3, 5)).is_err());
        assert_eq!(
            map(&capability(2, 105)[..20]),
            Ok(capability(2, 5)[..20].to_vec())
        );
        assert_eq!(map(b""), Ok(Vec::new()));
    }
}
