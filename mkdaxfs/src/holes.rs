// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a file has bytes, and where holes.

use std::os::fd::AsFd;

use daxfs_format::limits::MAX_EXTENTS;
use rustix::fs::{seek, SeekFrom};
use rustix::io::Errno;

use crate::num::{index, round_up};
use crate::tree::Piece;

/// The pieces of a file of `size` bytes that have bytes, widened to pages, or `None` if no page is
/// left that is a hole.
pub(crate) fn find<Fd: AsFd>(
    file: Fd,
    size: u64,
    page: u64,
) -> rustix::io::Result<Option<Vec<Piece>>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(&file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(errno),
        };
        // A file that shrinks meanwhile is found out when it is copied.
        let end = match seek(&file, SeekFrom::Hole(start)) {
            Ok(end) => end.max(start + 1),
            Err(Errno::NXIO) => size,
            Err(errno) => return Err(errno),
        };
        push(
            &mut pieces,
            start / page * page,
            round_up(end, page).min(size),
        );
        at = end;
    }
    let bytes: u64 = pieces.iter().map(|&(_, length)| length).sum();
    limit(&mut pieces, index(MAX_EXTENTS));
    Ok((bytes < size).then_some(pieces))
}

/// Appends the piece from `start` to `end`, which may overlap the last one.
fn push(pieces: &mut Vec<Piece>, start: u64, end: u64) {
    match pieces.last_mut() {
        Some((last, length)) if start <= *last + *length => *length = (end - *last).max(*length),
        _ if start < end => pieces.push((start, end - start)),
        _ => {}
    }
}

/// Joins the pieces with the smallest holes between them until there are at most `most`.
fn limit(pieces: &mut Vec<Piece>, most: usize) {
    let Some(excess) = pieces.len().checked_sub(most).filter(|&excess| excess != 0) else {
        return;
    };
    let gap = |pair: &[Piece]| pair[1].0 - (pair[0].0 + pair[0].1);
    let mut gaps: Vec<(u64, usize)> = pieces
        .windows(2)
        .enumerate()
        .map(|(at, pair)| (gap(pair), at))
        .collect();
    gaps.select_nth_unstable(excess - 1);
    let mut joined: Vec<usize> = gaps[..excess].iter().map(|&(_, at)| at + 1).collect();
    joined.sort_unstable();
    let mut joined = joined.into_iter().peekable();
    let mut merged: Vec<Piece> = Vec::with_capacity(most);
    for (at, &(start, length)) in pieces.iter().enumerate() {
        match merged.last_mut() {
            Some(last) if joined.next_if_eq(&at).is_some() => last.1 = start + length - last.0,
            _ => merged.push((start, length)),
        }
    }
    *pieces = merged;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    const PAGE: u64 = 4096;

    fn sparse(writes: &[(u64, u64)], size: u64) -> Option<Vec<Piece>> {
        sparse_in(PAGE, writes, size)
    }

    fn sparse_in(page: u64, writes: &[(u64, u64)], size: u64) -> Option<Vec<Piece>> {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        for &(start, length) in writes {
            file.write_all_at(&vec![1; index(length)], start).unwrap();
        }
        find(&file, size, page).unwrap()
    }

    #[test]
    fn pieces_are_widened_to_pages_and_end_with_the_file() {
        assert_eq!(sparse(&[], 10 * PAGE), Some(vec![]));
        assert_eq!(
            sparse(&[(5 * PAGE + 7, 9)], 10 * PAGE),
            Some(vec![(5 * PAGE, PAGE)])
        );
        let tail = sparse(&[(0, 3), (9 * PAGE, 10)], 9 * PAGE + 10);
        assert_eq!(tail, Some(vec![(0, PAGE), (9 * PAGE, 10)]));
        // A file system says where its own pages begin, which are smaller.
        let large = 16 * PAGE;
        let inside = sparse_in(large, &[(large + 5 * PAGE + 7, 9)], 4 * large);
        assert_eq!(inside, Some(vec![(large, large)]));
    }

    #[test]
    fn a_file_without_a_page_of_hole_is_not_sparse() {
        assert_eq!(sparse(&[(0, 3 * PAGE)], 3 * PAGE), None);
        assert_eq!(sparse(&[(0, 2 * PAGE + 5)], 2 * PAGE + 5), None);
    }

    #[test]
    fn larger_pages_swallow_smaller_holes() {
        let mut pieces = Vec::new();
        for start in [0, 2, 5, 40] {
            let (start, end) = (start * 4096, start * 4096 + 1);
            push(
                &mut pieces,
                start / 16384 * 16384,
                round_up(end, 16384).min(200_000),
            );
        }
        assert_eq!(pieces, [(0, 2 * 16384), (163_840, 16384)]);
    }

    #[test]
    fn the_smallest_holes_are_given_up_first() {
        let mut pieces = vec![(0, 10), (20, 10), (31, 10), (100, 10), (111, 1)];
        limit(&mut pieces, 3);
        assert_eq!(pieces, [(0, 10), (20, 21), (100, 12)]);
        limit(&mut pieces, 3);
        assert_eq!(pieces.len(), 3);
        limit(&mut pieces, 1);
        assert_eq!(pieces, [(0, 112)]);
    }
}
