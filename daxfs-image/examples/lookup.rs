// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times lookups of all names of one directory, in random order, and of as many absent names.
//!
//! ```text
//! cargo run --release --package daxfs-image --example lookup -- IMAGE PATH
//! ```
//!
//! Prints the mean of the best of five rounds, in nanoseconds, as `present N` and `absent N`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example")]

use std::env;
use std::error::Error;
use std::fs::File;
use std::time::{Duration, Instant};

use daxfs_image::format::{Cookie, Directory, InodeKind, ListBuf};
use daxfs_image::{path, MappedImage};

/// The number of rounds over the whole set of names. The first one also warms the caches.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(image), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lookup IMAGE PATH".into());
    };
    let image = map(&File::open(image)?)?;
    let inode = path::resolve(image.image(), directory.as_encoded_bytes())?;
    let InodeKind::Directory(directory) = inode.kind else {
        return Err("the path does not name a directory".into());
    };
    let present = shuffled(names(&image, &directory)?);
    let absent: Vec<Vec<u8>> = present.iter().map(|name| changed(name)).collect();
    println!(
        "present {}",
        mean(best(&image, &directory, &present, true)?, present.len())?
    );
    println!(
        "absent {}",
        mean(best(&image, &directory, &absent, false)?, absent.len())?
    );
    Ok(())
}

#[allow(unsafe_code, reason = "mapping a file is a promise about it")]
fn map(file: &File) -> Result<MappedImage, Box<dyn Error>> {
    // SAFETY: the caller of this program leaves the image alone while it runs.
    Ok(unsafe { MappedImage::map(file) }?)
}

fn names(image: &MappedImage, directory: &Directory) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let image = image.image();
    let mut position = image.seek(directory, Cookie::START)?;
    let mut buffer = ListBuf::new();
    let mut names = Vec::new();
    while let Some(listed) = image.next_entry(directory, &mut position, &mut buffer)? {
        names.push(listed.name.to_vec());
    }
    Ok(names)
}

/// The names in an order that is independent of the directory, and the same each time.
fn shuffled(mut names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..names.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
        names.swap(last, usize::try_from(state % bound).unwrap_or(0));
    }
    names
}

/// A name of the same length that does not occur: no entry starts with this byte.
fn changed(name: &[u8]) -> Vec<u8> {
    let mut name = name.to_vec();
    if let Some(first) = name.first_mut() {
        *first = b'\x01';
    }
    name
}

fn best(
    image: &MappedImage,
    directory: &Directory,
    names: &[Vec<u8>],
    expected: bool,
) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for name in names {
            if image.image().lookup(directory, name)?.is_some() != expected {
                return Err(format!("wrong answer for {}", name.escape_ascii()).into());
            }
        }
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// Nanoseconds for each of `count` lookups.
fn mean(total: Duration, count: usize) -> Result<u128, Box<dyn Error>> {
    let count = u128::try_from(count)?;
    total
        .as_nanos()
        .checked_div(count)
        .ok_or_else(|| "the directory is empty".into())
}
