// SPDX-License-Identifier: MIT OR Apache-2.0
//! The differences of two recorded trees, sorted by what they concern.

use std::collections::BTreeMap;
use std::fmt;

use crate::record::Record;

/// The attribute in which two entries differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// An entry exists on one side only.
    Names,
    /// The file type.
    Type,
    /// Permission bits.
    Mode,
    /// User or group.
    Owner,
    /// Modification time, whole seconds.
    Seconds,
    /// Modification time, nanoseconds.
    Nanoseconds,
    /// Device number.
    Device,
    /// Size or bytes of a regular file.
    Content,
    /// Holes of a regular file.
    Holes,
    /// Target of a symbolic link.
    Target,
    /// Names of one file, and their number.
    HardLinks,
    /// Attributes in `user`.
    UserXattrs,
    /// Attributes in `trusted`.
    TrustedXattrs,
    /// Attributes in `security`.
    SecurityXattrs,
    /// Attributes in `system`: POSIX access control lists.
    Acls,
}

/// All aspects, in the order of the table.
pub const ASPECTS: [Aspect; 15] = [
    Aspect::Names,
    Aspect::Type,
    Aspect::Mode,
    Aspect::Owner,
    Aspect::Seconds,
    Aspect::Nanoseconds,
    Aspect::Device,
    Aspect::Content,
    Aspect::Holes,
    Aspect::Target,
    Aspect::HardLinks,
    Aspect::UserXattrs,
    Aspect::TrustedXattrs,
    Aspect::SecurityXattrs,
    Aspect::Acls,
];

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Names => "names",
            Self::Type => "types",
            Self::Mode => "modes",
            Self::Owner => "owners",
            Self::Seconds => "mtime, seconds",
            Self::Nanoseconds => "mtime, ns",
            Self::Device => "device numbers",
            Self::Content => "contents",
            Self::Holes => "holes",
            Self::Target => "link targets",
            Self::HardLinks => "hard links",
            Self::UserXattrs => "user xattrs",
            Self::TrustedXattrs => "trusted xattrs",
            Self::SecurityXattrs => "security xattrs",
            Self::Acls => "ACLs",
        })
    }
}

/// The differences found, by aspect: one line for each entry that differs.
#[derive(Debug, Default)]
pub struct Differences(BTreeMap<Aspect, Vec<String>>);

impl Differences {
    /// Compares two recordings in byte order of their paths.
    pub fn between(left: &[Record], right: &[Record]) -> Self {
        let mut found = Self::default();
        let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (None, None) => return found,
                (Some(a), Some(b)) if a.path == b.path => {
                    found.entry(a, b);
                    left.next();
                    right.next();
                }
                (Some(a), b) if b.is_none_or(|b| a.path < b.path) => {
                    found.add(Aspect::Names, a, "missing on the right");
                    left.next();
                }
                (_, Some(b)) => {
                    found.add(Aspect::Names, b, "missing on the left");
                    right.next();
                }
                (Some(_), None) => return found,
            }
        }
    }

    /// Compares a tree with that which an image of it gives. The holes of the latter are those of
    /// the image.
    pub fn after_image(source: &[Record], restored: &[Record]) -> Self {
        let as_stored = |record: &Record| Record {
            data: record.stored.clone(),
            ..record.clone()
        };
        let source: Vec<Record> = source.iter().map(as_stored).collect();
        Self::between(&source, restored)
    }

    /// The number of entries that differ in `aspect`.
    pub fn count(&self, aspect: Aspect) -> usize {
        self.0.get(&aspect).map_or(0, Vec::len)
    }

    /// Returns true if the trees are equal.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All lines, aspect by aspect.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let lines = |(aspect, lines): (&Aspect, &Vec<String>)| {
            let aspect = *aspect;
            lines
                .clone()
                .into_iter()
                .map(move |line| format!("{aspect}: {line}"))
        };
        self.0.iter().flat_map(lines)
    }

    fn add(&mut self, aspect: Aspect, record: &Record, what: impl fmt::Display) {
        let path = record.path.display();
        self.0
            .entry(aspect)
            .or_default()
            .push(format!("/{path}: {what}"));
    }

    fn entry(&mut self, a: &Record, b: &Record) {
        self.field(Aspect::Type, a, &a.kind, &b.kind);
        self.field(Aspect::Mode, a, &Octal(a.mode), &Octal(b.mode));
        self.field(Aspect::Owner, a, &a.owner, &b.owner);
        self.field(Aspect::Seconds, a, &a.mtime.0, &b.mtime.0);
        self.field(Aspect::Nanoseconds, a, &a.mtime.1, &b.mtime.1);
        self.field(Aspect::Device, a, &a.rdev, &b.rdev);
        self.field(
            Aspect::Content,
            a,
            &(a.size, a.content),
            &(b.size, b.content),
        );
        self.field(Aspect::Holes, a, &a.data, &b.data);
        self.field(Aspect::Target, a, &a.target, &b.target);
        self.field(
            Aspect::HardLinks,
            a,
            &(&a.first_link, a.nlink),
            &(&b.first_link, b.nlink),
        );
        self.xattrs(a, b);
    }

    fn field<T: PartialEq + fmt::Debug>(&mut self, aspect: Aspect, a: &Record, x: &T, y: &T) {
        if x != y {
            self.add(aspect, a, format_args!("{x:?} became {y:?}"));
        }
    }

    fn xattrs(&mut self, a: &Record, b: &Record) {
        let namespaces: [(Aspect, &[u8]); 4] = [
            (Aspect::UserXattrs, b"user."),
            (Aspect::TrustedXattrs, b"trusted."),
            (Aspect::SecurityXattrs, b"security."),
            (Aspect::Acls, b"system."),
        ];
        for (aspect, prefix) in namespaces {
            let of = |record: &'_ Record| -> Vec<(String, Vec<u8>)> {
                let all = record
                    .xattrs
                    .iter()
                    .filter(|(name, _)| name.starts_with(prefix));
                all.map(|(name, value)| (name.escape_ascii().to_string(), value.clone()))
                    .collect()
            };
            self.field(aspect, a, &of(a), &of(b));
        }
    }
}

#[derive(PartialEq)]
struct Octal(u32);

impl fmt::Debug for Octal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
