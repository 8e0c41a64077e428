// SPDX-License-Identifier: MIT OR Apache-2.0
//! The namespaces of extended attributes.

use crate::limits::MAX_XATTR_NAME;

/// The namespaces of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// `user.`
    User,
    /// `trusted.`
    Trusted,
    /// `security.`
    Security,
    /// `system.posix_acl_access`, a whole name.
    AclAccess,
    /// `system.posix_acl_default`, a whole name.
    AclDefault,
}

impl Namespace {
    /// Every namespace, in ascending order of its number.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Trusted,
        Self::Security,
        Self::AclAccess,
        Self::AclDefault,
    ];

    /// The number in an attribute.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Trusted => 2,
            Self::Security => 3,
            Self::AclAccess => 4,
            Self::AclDefault => 5,
        }
    }

    /// The namespace with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|namespace| namespace.number() == number)
    }

    /// The prefix of names in the namespace.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "user.",
            Self::Trusted => "trusted.",
            Self::Security => "security.",
            Self::AclAccess => "system.posix_acl_access",
            Self::AclDefault => "system.posix_acl_default",
        }
    }

    /// Returns true if the prefix is the whole name, and the value an ACL.
    #[must_use]
    pub const fn is_acl(self) -> bool {
        matches!(self, Self::AclAccess | Self::AclDefault)
    }

    /// Splits a full name into namespace and name; `None` if the format cannot hold it.
    #[must_use]
    pub fn split(full: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL.into_iter().find_map(|namespace| {
            let name = full.strip_prefix(namespace.prefix().as_bytes())?;
            namespace.allows(name).then_some((namespace, name))
        })
    }

    /// Returns true if an attribute of the namespace may have this name after the prefix.
    #[must_use]
    pub fn allows(self, name: &[u8]) -> bool {
        let fits = self.prefix().len().saturating_add(name.len()) <= MAX_XATTR_NAME;
        fits && self.is_acl() == name.is_empty() && !name.contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_split_into_namespace_and_name() {
        assert_eq!(
            Namespace::split(b"user.a"),
            Some((Namespace::User, &b"a"[..]))
        );
        let acl = Namespace::split(b"system.posix_acl_access");
        assert_eq!(acl, Some((Namespace::AclAccess, &b""[..])));
        for name in [
            &b"user."[..],
            b"system.nfs4_acl",
            b"system.posix_acl_accessx",
            b"a",
            b"",
        ] {
            assert_eq!(Namespace::split(name), None);
        }
        let long = [b"user.".to_vec(), vec![b'x'; 251]].concat();
        assert_eq!(Namespace::split(&long), None);
        assert!(Namespace::split(&long[..255]).is_some());
    }
}
