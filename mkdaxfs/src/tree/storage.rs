// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes that a file system keeps for itself and lists with those of the file.
//!
//! They describe its storage, or repeat in a form of its own what the file has in another one. An
//! image of the same tree on another file system would not have them, so no image has them.

/// Names of attributes, or their beginnings, with a star.
const NAMES: [&str; 19] = [
    // XFS: its forms of ACLs, capabilities and labels, and migration data.
    "trusted.SGI_*",
    // Lustre: layouts and identifiers of objects.
    "trusted.dmv",
    "trusted.fid",
    "trusted.hsm",
    "trusted.link",
    "trusted.lma",
    "trusted.lmv",
    "trusted.lov",
    "trusted.som",
    "trusted.version",
    // GlusterFS: identifiers of files, and the state of replicas.
    "trusted.afr.*",
    "trusted.bit-rot.*",
    "trusted.ec.*",
    "trusted.gfid",
    "trusted.gfid2path.*",
    "trusted.glusterfs.*",
    "trusted.pgfid.*",
    "trusted.tier.*",
    // The kernel computes it from the inode's number and generation, among others.
    "security.evm",
];

/// Returns true if a file system keeps the attribute with this name for itself.
pub(super) fn is_of_storage(name: &[u8]) -> bool {
    NAMES.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning.as_bytes()),
        None => name == pattern.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_storage_are_told_from_those_of_files() {
        for name in [
            "trusted.SGI_ACL_FILE",
            "trusted.SGI_ACL_DEFAULT",
            "trusted.lov",
            "trusted.gfid2path.0123",
            "security.evm",
        ] {
            assert!(is_of_storage(name.as_bytes()), "{name}");
        }
        for name in [
            "trusted.overlay.opaque",
            "trusted.lovely",
            "trusted.gfids",
            "user.SGI_ACL_FILE",
            "security.capability",
            "security.selinux",
            "security.ima",
            "system.posix_acl_access",
        ] {
            assert!(!is_of_storage(name.as_bytes()), "{name}");
        }
    }
}
