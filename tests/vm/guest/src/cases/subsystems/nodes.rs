// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory nodes: calls that move pages between them.

use std::path::Path;

use anyhow::{ensure, Result};

use super::{each_mapping, expect_all_right, expect_in_place, order};
use crate::sys::{self, address_of, address_of_mut};

const MOVE: usize = 1 << 1;
const MOVE_ALL: usize = 1 << 2;
const STRICT: usize = 1;
const BIND: usize = 2;

/// Pages of the image are on no node that move_pages(2) could name, and no call moves them.
pub(super) fn stay() -> Result<()> {
    let balancing = Path::new("/proc/sys/kernel/numa_balancing");
    if balancing.exists() {
        order(balancing, "1")?;
    }
    each_mapping(|file, map| {
        let start = map.address().addr();
        let pages: Vec<usize> = (start..start + map.length()).step_by(4096).collect();
        let nodes = vec![0_i32; pages.len()];
        for target in [0, address_of(nodes.as_slice())] {
            let mut status = vec![1_i32; pages.len()];
            move_pages(&pages, target, &mut status)?;
            let away = status
                .iter()
                .filter(|&&status| status == -libc::ENOENT)
                .count();
            let all = pages.len();
            ensure!(
                away == all,
                "{away} of {all} pages are on no node: {:?}",
                &status[..8]
            );
        }
        let mask = 1_u64;
        for flags in [MOVE, MOVE_ALL, MOVE_ALL | STRICT] {
            // With STRICT it is an error if pages stay.
            let _ = sys::syscall6(
                libc::SYS_mbind,
                [start, map.length(), BIND, address_of(&mask), 64, flags],
            );
        }
        sys::syscall(
            libc::SYS_migrate_pages,
            [0, 64, address_of(&mask), address_of(&mask), 0],
        )?;
        expect_in_place(file, map)
    })?;
    expect_all_right()
}

fn move_pages(pages: &[usize], nodes: usize, status: &mut [i32]) -> Result<()> {
    sys::syscall6(
        libc::SYS_move_pages,
        [
            0,
            pages.len(),
            address_of(pages),
            nodes,
            address_of_mut(status),
            MOVE_ALL,
        ],
    )
    .map(drop)
}
