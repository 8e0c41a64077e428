// SPDX-License-Identifier: MIT OR Apache-2.0
//! The xattr section: its table, its sets, and their attributes.

use crate::acl::AclCheck;
use crate::error::{Finding, Object};
use crate::hash::Xxh64;
use crate::ids::XattrSetId;
use crate::image::Image;
use crate::kinds::FileType;
use crate::kinds::SectionKind;
use crate::memory::{read_struct, Memory};
use crate::num::{round_up, to_usize};
use crate::rule::Rule;
use crate::xattr::{
    Namespace, RawXattrHeader, Xattr, XattrSet, ALIGN_SHIFT, HEADER_SIZE, SET_SIZE,
};

use super::report::{check_zero, report, report_error, Outcome, Sink, Stop};

/// The section in findings.
const SECTION: Object = Object::Section(SectionKind::Xattrs);

/// The access control of an attribute set: the ACLs that it has, the permissions of the access ACL.
#[derive(Clone, Copy)]
pub(super) struct Acls(u16);

impl Acls {
    const ACCESS: u16 = 1 << 15;
    const DEFAULT: u16 = 1 << 14;

    /// The value that was kept in scratch memory.
    pub(super) fn from_scratch(bits: u16) -> Self {
        Self(bits)
    }

    /// Returns true if a file of this type and mode may have them.
    pub(super) fn allow(self, file_type: FileType, mode: u16) -> bool {
        let access = self.0 & Self::ACCESS == 0
            || (file_type != FileType::Symlink && self.0 & 0o777 == mode & 0o777);
        access && (self.0 & Self::DEFAULT == 0 || file_type == FileType::Directory)
    }

    fn add(&mut self, namespace: Namespace, acl: &AclCheck) {
        match namespace {
            Namespace::AclAccess => self.0 |= Self::ACCESS | acl.permissions() & 0o777,
            Namespace::AclDefault => self.0 |= Self::DEFAULT,
            _ => {}
        }
    }
}

/// Checks the section, keeps the [`Acls`] of each set in `acls`, and returns the number of sets
/// that inodes may refer to.
pub(super) fn check<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    acls: &mut [u16],
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<u32, Stop> {
    let (section, length) = image.superblock().sections().range(SectionKind::Xattrs);
    if length == 0 {
        return Ok(0);
    }
    let Some(count) = check_header(image, (section, length), sink)? else {
        return Ok(0);
    };
    let mut expected = section.saturating_add(table_size(count));
    for id in (1..=count).filter_map(XattrSetId::new) {
        let found = match image.xattrs(id) {
            Ok(set) => check_offset(image, &set, &mut expected, buffer, sink)?,
            Err(error) => {
                report_error(sink, error)?;
                Acls(0)
            }
        };
        let index = to_usize(id.get().saturating_sub(1).into());
        if let Some(kept) = acls.get_mut(index) {
            *kept = found.0;
        }
    }
    if expected != section.saturating_add(length) {
        let rule = Rule::XattrOffset;
        report(sink, Finding::new(SECTION, expected, rule, length))?;
    }
    Ok(count)
}

/// Checks the header of the section at `section`, and returns the number of sets, or `None` if
/// their table does not fit `length` bytes.
fn check_header<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    (section, length): (u64, u64),
    sink: &mut Sink<'_>,
) -> Result<Option<u32>, Stop> {
    // A section too short for the header has no room for the table either. It begins at a multiple
    // of 64 bytes, so the bytes that are read after its end lie in the image's last page.
    let header: RawXattrHeader = read_struct(image.memory(), section)?;
    let (count, rule) = (header.count.get(), Rule::XattrTable);
    if table_size(count) > length {
        report(sink, Finding::new(SECTION, section, rule, count.into()))?;
        return Ok(None);
    }
    let reserved = section.saturating_add(4);
    if let Err(finding) = Finding::require_zero(SECTION, rule, reserved, &header.reserved_4) {
        report(sink, finding)?;
    }
    Ok(Some(count))
}

/// The size in bytes of the header and a table of `count` sets.
fn table_size(count: u32) -> u64 {
    u64::from(count)
        .saturating_mul(SET_SIZE)
        .saturating_add(HEADER_SIZE)
}

/// Checks a set that must begin at `expected`. One that lies before it is not read: no byte is read
/// twice, however many sets claim it.
fn check_offset<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    set: &XattrSet,
    expected: &mut u64,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<Acls, Stop> {
    if set.offset != *expected {
        report(sink, misplaced(image, set))?;
    }
    if set.offset < *expected {
        return Ok(Acls(0));
    }
    *expected = set.end;
    check_set(image, set, buffer, sink)
}

/// The finding of a set that does not begin where the one before it ends: at its entry in the
/// table.
fn misplaced<M: Memory, X: Xxh64>(image: &Image<M, X>, set: &XattrSet) -> Finding {
    let (section, _) = image.superblock().sections().range(SectionKind::Xattrs);
    Finding::new(
        Object::XattrSet(set.id),
        section.saturating_add(XattrSet::slot(set.id)),
        Rule::XattrOffset,
        set.offset.saturating_sub(section),
    )
}

fn check_set<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    set: &XattrSet,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<Acls, Stop> {
    let mut acls = Acls(0);
    let mut walk = set.walk();
    // Two names take turns in two buffers.
    let (mut previous, mut current) = (&mut [0; 255], &mut [0; 255]);
    let mut last: Option<(Namespace, usize)> = None;
    loop {
        let xattr = match walk.next(image.memory()) {
            Ok(Some(xattr)) => xattr,
            Ok(None) => return Ok(acls),
            Err(error) => return report_error(sink, error).map(|()| acls),
        };
        let name = match image.xattr_name(&xattr, current) {
            Ok(name) => name,
            Err(error) => return report_error(sink, error).map(|()| acls),
        };
        let ascends = last.is_none_or(|(namespace, length)| {
            let before = previous.get(..length).unwrap_or_default();
            (namespace, before) < (xattr.namespace, name)
        });
        if !ascends {
            let value = xattr.namespace.number().into();
            let at = xattr.at.saturating_add(4);
            report(sink, xattr.finding(Rule::XattrOrder, at, value))?;
        }
        last = Some((xattr.namespace, name.len()));
        core::mem::swap(&mut previous, &mut current);
        check_padding(image, &xattr, walk.at(), buffer, sink)?;
        if xattr.namespace.is_acl() {
            match read_acl(image, &xattr)? {
                Some(acl) => acls.add(xattr.namespace, &acl),
                None => {
                    let value = xattr.value_length.into();
                    report(sink, xattr.finding(Rule::XattrAcl, xattr.at, value))?;
                }
            }
        }
    }
}

fn check_padding<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    xattr: &Xattr,
    next: u64,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    debug_assert_eq!(round_up(xattr.end(), ALIGN_SHIFT), Some(next));
    let rule = (Object::XattrSet(xattr.set), Rule::Padding);
    check_zero(image, (xattr.end(), next), rule, buffer, sink)
}

/// The access control list in the value of an attribute, if it holds one.
fn read_acl<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    xattr: &Xattr,
) -> Result<Option<AclCheck>, Stop> {
    let entries = match xattr.value_length.checked_sub(AclCheck::HEADER) {
        Some(length) if length & 7 == 0 => length.checked_div(AclCheck::ENTRY).unwrap_or_default(),
        _ => return Ok(None),
    };
    let mut check = AclCheck::default();
    let mut header = [0; 4];
    image.memory().read(xattr.value_at(), &mut header)?;
    check.header(header);
    let first = xattr.value_at().saturating_add(AclCheck::HEADER.into());
    for index in 0..entries {
        let at = u64::from(index).saturating_mul(AclCheck::ENTRY.into());
        let mut entry = [0; 8];
        image.memory().read(first.saturating_add(at), &mut entry)?;
        check.entry(entry);
    }
    Ok(check.is_complete().then_some(check))
}
