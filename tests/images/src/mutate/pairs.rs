// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every two fields of every structure, each with boundary values and with the values of the
//! structures beside it: two fields may each be valid and not be valid together.

use super::worker::{run, Look, Worker};
use super::{Counts, Extent};
use crate::fields::{structures, Field, Structure};
use crate::num::from_usize;

/// The kinds of structures, and the results of their mutants.
pub type Pairs = Vec<(&'static str, Counts)>;

/// Single fields and pairs of fields of every structure of an image.
#[must_use]
pub fn pairs(image: &[u8], extent: Extent) -> Pairs {
    let all = structures(image);
    let counts = all.iter().map(|structure| {
        let counts = run(image, structure.offsets.len(), |worker, index, counts| {
            one_structure(worker, image, structure, index, extent, counts);
        });
        (structure.name, counts)
    });
    counts.collect()
}

fn one_structure(
    worker: &mut Worker,
    image: &[u8],
    structure: &Structure,
    index: usize,
    extent: Extent,
    counts: &mut Counts,
) {
    let at = structure.offsets[index];
    let is_table = |field: &&Field| field.length <= 64;
    let fields: Vec<_> = structure.fields.iter().filter(is_table).collect();
    let values = |field: &Field| values(image, structure, index, *field, extent);
    for (number, first) in fields.iter().enumerate() {
        for one in values(first) {
            let start = at + first.offset;
            put(worker, start, &one);
            worker.judge(start..start + first.length, Look::Walk, counts);
            for second in &fields[number + 1..] {
                let other = at + second.offset;
                for two in values(second) {
                    put(worker, other, &two);
                    worker.judge(start..other + second.length, Look::Walk, counts);
                }
                put(worker, other, &image[other..other + second.length]);
            }
            put(worker, start, &image[start..start + first.length]);
        }
    }
}

fn put(worker: &mut Worker, at: usize, bytes: &[u8]) {
    worker.bytes[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Other values of a field.
fn values(
    image: &[u8],
    structure: &Structure,
    index: usize,
    field: Field,
    extent: Extent,
) -> Vec<Vec<u8>> {
    let of = |offset: usize| image[offset + field.offset..][..field.length].to_vec();
    let old = of(structure.offsets[index]);
    let next = |step: usize| {
        let offsets = &structure.offsets;
        of(offsets[(index + step) % offsets.len()])
    };
    let mut values = vec![vec![0; field.length], vec![0xff; field.length], next(1)];
    let one_more = plus(&old, 1);
    values.push(one_more);
    if extent == Extent::Full {
        let mut sign = vec![0; field.length];
        sign[field.length - 1] = 0x80;
        let size = from_usize(image.len()).to_le_bytes();
        let mut whole = vec![0; field.length];
        let known = field.length.min(size.len());
        whole[..known].copy_from_slice(&size[..known]);
        let previous = next(structure.offsets.len() - 1);
        values.extend([sign, whole, previous, plus(&old, u64::MAX), plus(&old, 64)]);
    }
    values.sort_unstable();
    values.dedup();
    values.retain(|value| *value != old);
    values
}

/// Adds a number to a field, taken as a little-endian number of its first 8 bytes.
fn plus(old: &[u8], more: u64) -> Vec<u8> {
    let mut value = old.to_vec();
    let known = old.len().min(8);
    let mut wide = [0; 8];
    wide[..known].copy_from_slice(&old[..known]);
    let sum = u64::from_le_bytes(wide).wrapping_add(more).to_le_bytes();
    value[..known].copy_from_slice(&sum[..known]);
    value
}
