// SPDX-License-Identifier: MIT OR Apache-2.0
//! The xattr section: its table, its sets, and their attributes.

use crate::acl::AclCheck;
use crate::error::{Error, Finding, Object};
use crate::hash::Xxh64;
use crate::image::Image;
use crate::memory::{read_struct, Memory};
use crate::num::round_up;
use crate::rule::Rule;
use crate::section::SectionKind;
use crate::xattr::{
    Namespace, RawXattrHeader, Xattr, XattrSet, XattrSetId, ALIGN_SHIFT, HEADER_SIZE, SET_SIZE,
};

use super::{report, Outcome, Sink, Stop};

/// Checks the section and returns how many sets there are to be referred to.
pub(super) fn check<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<u32, Stop> {
    let object = Object::Section(SectionKind::Xattrs);
    let (section, length) = image.superblock().sections().range(SectionKind::Xattrs);
    if length < HEADER_SIZE {
        if length != 0 {
            let (offset, rule, value) = (section, Rule::XattrTable, length);
            report(
                sink,
                Finding {
                    object,
                    offset,
                    rule,
                    value,
                },
            )?;
        }
        return Ok(0);
    }
    let header: RawXattrHeader = read_struct(image.memory(), section)?;
    let count = header.count.get();
    let table = u64::from(count)
        .saturating_mul(SET_SIZE)
        .saturating_add(HEADER_SIZE);
    if table > length || header.reserved_4 != [0; 12] {
        let (offset, rule, value) = (section, Rule::XattrTable, count.into());
        report(
            sink,
            Finding {
                object,
                offset,
                rule,
                value,
            },
        )?;
        return Ok(0);
    }
    let mut place = section.saturating_add(table);
    for id in (1..=count).filter_map(XattrSetId::new) {
        match image.xattrs(id) {
            Ok(set) => {
                if set.offset != place {
                    let (offset, rule) = (set.offset, Rule::XattrPlace);
                    let object = Object::XattrSet(id);
                    report(
                        sink,
                        Finding {
                            object,
                            offset,
                            rule,
                            value: place,
                        },
                    )?;
                }
                place = set.end;
                check_set(image, &set, buffer, sink)?;
            }
            Err(error) => report_error(sink, error)?,
        }
    }
    if place != section.saturating_add(length) {
        let (offset, rule, value) = (place, Rule::XattrPlace, place);
        report(
            sink,
            Finding {
                object,
                offset,
                rule,
                value,
            },
        )?;
    }
    Ok(count)
}

fn report_error(sink: &mut Sink<'_>, error: Error) -> Outcome {
    match error {
        Error::Corrupt(finding) | Error::Unsupported(finding) => report(sink, finding),
        Error::Memory(fault) => Err(fault.into()),
    }
}

fn check_set<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    set: &XattrSet,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let mut walk = set.walk();
    let mut previous: Option<(Namespace, [u8; 255], usize)> = None;
    loop {
        let xattr = match walk.next(image.memory()) {
            Ok(Some(xattr)) => xattr,
            Ok(None) => return Ok(()),
            Err(error) => return report_error(sink, error),
        };
        let mut bytes = [0; 255];
        let length = match image.xattr_name(&xattr, &mut bytes) {
            Ok(name) => name.len(),
            Err(error) => return report_error(sink, error),
        };
        let name = bytes.get(..length).unwrap_or_default();
        let ascends = previous.is_none_or(|(namespace, bytes, length)| {
            (namespace, bytes.get(..length).unwrap_or_default()) < (xattr.namespace, name)
        });
        if !ascends {
            report(
                sink,
                xattr.finding(Rule::XattrOrder, xattr.at, length.try_into().unwrap_or(0)),
            )?;
        }
        previous = Some((xattr.namespace, bytes, length));
        check_padding(image, &xattr, walk.at(), buffer, sink)?;
        if xattr.namespace.is_acl() && !is_acl(image, &xattr)? {
            let value = xattr.value_length.into();
            report(sink, xattr.finding(Rule::XattrAcl, xattr.value_at(), value))?;
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
    super::check_zero(image, (xattr.end(), next), rule, buffer, sink)
}

fn is_acl<M: Memory, X: Xxh64>(image: &Image<M, X>, xattr: &Xattr) -> Result<bool, Stop> {
    let entries = match xattr.value_length.checked_sub(AclCheck::HEADER) {
        Some(length) if length & 7 == 0 => length.checked_div(AclCheck::ENTRY).unwrap_or_default(),
        _ => return Ok(false),
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
    Ok(check.is_complete())
}
