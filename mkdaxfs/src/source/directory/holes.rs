// SPDX-License-Identifier: MIT OR Apache-2.0
//! The holes of a file, as its file system reports them.

use std::os::fd::AsFd;

use rustix::fs::{seek, SeekFrom};
use rustix::io::Errno;

use crate::options::PageSize;
use crate::tree::extents::{DataExtent, ExtentCollector};

/// The extents of a file of `size` bytes, or `None` if no page of it is a hole.
pub(super) fn find<Fd: AsFd>(
    file: Fd,
    size: u64,
    page: PageSize,
) -> rustix::io::Result<Option<Vec<DataExtent>>> {
    let mut extents = ExtentCollector::new(size, page);
    let mut at = 0;
    while at < size {
        let Some(start) = seek_or_end(&file, SeekFrom::Data(at))? else {
            break;
        };
        // If the file shrinks meanwhile, the comparison with the scan finds it.
        let end = seek_or_end(&file, SeekFrom::Hole(start))?;
        at = end.map_or(size, |end| end.max(start + 1));
        extents.add(start, at);
    }
    Ok(extents.finish())
}

/// Seeks to data or a hole, or returns `None` if the file ends before that.
fn seek_or_end<Fd: AsFd>(file: Fd, to: SeekFrom) -> rustix::io::Result<Option<u64>> {
    match seek(file, to) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::to_usize;
    use crate::tree::extents::tests::extents;
    use std::os::unix::fs::FileExt as _;

    const PAGE: u64 = 4096;

    fn sparse(writes: &[(u64, u64)], size: u64) -> Option<Vec<DataExtent>> {
        sparse_in(PageSize::K4, writes, size)
    }

    fn sparse_in(page: PageSize, writes: &[(u64, u64)], size: u64) -> Option<Vec<DataExtent>> {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        for &(start, length) in writes {
            file.write_all_at(&vec![1; to_usize(length)], start)
                .unwrap();
        }
        find(&file, size, page).unwrap()
    }

    #[test]
    fn extents_are_widened_to_pages_and_end_with_the_file() {
        assert_eq!(sparse(&[], 10 * PAGE), Some(vec![]));
        assert_eq!(
            sparse(&[(5 * PAGE + 7, 9)], 10 * PAGE),
            Some(extents(&[(5 * PAGE, PAGE)]))
        );
        let tail = sparse(&[(0, 3), (9 * PAGE, 10)], 9 * PAGE + 10);
        assert_eq!(tail, Some(extents(&[(0, PAGE), (9 * PAGE, 10)])));
        // A file system reports data in pages of its own, which are smaller.
        let large = PageSize::K64.bytes();
        let inside = sparse_in(PageSize::K64, &[(large + 5 * PAGE + 7, 9)], 4 * large);
        assert_eq!(inside, Some(extents(&[(large, large)])));
    }

    #[test]
    fn a_file_without_a_page_of_hole_is_not_sparse() {
        assert_eq!(sparse(&[(0, 3 * PAGE)], 3 * PAGE), None);
        assert_eq!(sparse(&[(0, 2 * PAGE + 5)], 2 * PAGE + 5), None);
    }
}
