// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entries that a distribution does not ship, added to a tree so that a round trip meets them.
//!
//! The same calls in the same order make the same entries on every machine: times are set, and
//! contents come from a fixed sequence.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{self as unix, FileExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use daxfs_test_random::Random;
use rustix::fs::{lsetxattr, makedev, mknodat, FileType, Mode, XattrFlags, CWD};

use crate::replicate::set_mtime;

/// The directory that holds the oddities, in the tree they are added to.
pub const DIRECTORY: &str = "srv/oddities";

/// Size of a huge page, from which on the layout differs.
const HUGE: u64 = 2 * 1024 * 1024;

/// Fills one directory with oddities of one sort.
type Make = fn(&Path) -> Result<()>;

/// Adds the oddities to the tree at `root`.
///
/// # Errors
/// When an entry cannot be created: devices and most attributes need root, and the file system
/// must support what is added.
pub fn add(root: &Path) -> Result<()> {
    let top = root.join(DIRECTORY);
    fs::create_dir_all(&top)?;
    let groups: [(&str, Make); 9] = [
        ("nodes", nodes),
        ("names", names),
        ("sizes", sizes),
        ("sparse", sparse),
        ("links", links),
        ("modes", modes),
        ("xattrs", xattrs),
        ("directories", directories),
        ("times", times),
    ];
    for (name, make) in groups {
        let dir = top.join(name);
        fs::create_dir(&dir)?;
        make(&dir).with_context(|| format!("cannot make the oddities in {}", dir.display()))?;
        set_mtime(&dir, (1_000_000_000, 7))?;
    }
    set_mtime(&top, (1_000_000_001, 8))?;
    set_mtime(&root.join("srv"), (1_000_000_002, 9))
}

/// `length` random bytes.
fn bytes(seed: u64, length: u64) -> Result<Vec<u8>> {
    let length = usize::try_from(length)?;
    Ok(Random::new(seed).bytes().take(length).collect())
}

fn nodes(dir: &Path) -> Result<()> {
    let make = |name: &str, kind, mode, device| {
        mknodat(CWD, dir.join(name), kind, Mode::from_raw_mode(mode), device)
    };
    make("null", FileType::CharacterDevice, 0o666, makedev(1, 3))?;
    make(
        "high-char",
        FileType::CharacterDevice,
        0o600,
        makedev(4095, 1_048_575),
    )?;
    make("loop", FileType::BlockDevice, 0o660, makedev(7, 0))?;
    make(
        "high-minor",
        FileType::BlockDevice,
        0o660,
        makedev(259, 65_537),
    )?;
    make("fifo", FileType::Fifo, 0o644, 0)?;
    make("socket", FileType::Socket, 0o755, 0)?;
    fs::hard_link(dir.join("loop"), dir.join("loop-again"))?;
    fs::hard_link(dir.join("fifo"), dir.join("fifo-again"))?;
    Ok(())
}

fn names(dir: &Path) -> Result<()> {
    for byte in (1..=u8::MAX).filter(|byte| !matches!(byte, b'/' | b'.')) {
        fs::write(dir.join(OsStr::from_bytes(&[byte])), [byte])?;
    }
    let long_ascii = [b'n'; 255];
    let long_invalid = [0xff; 255];
    let odd: [&[u8]; 8] = [
        b"two\nlines",
        b"-rf",
        b"...",
        b" space ",
        b"\xc3\x28 invalid utf-8",
        "\u{202e}right to left".as_bytes(),
        &long_ascii,
        &long_invalid,
    ];
    for name in odd {
        fs::write(dir.join(OsStr::from_bytes(name)), name)?;
    }
    Ok(())
}

fn sizes(dir: &Path) -> Result<()> {
    let sizes = [
        0,
        1,
        15,
        16,
        4095,
        4096,
        4097,
        65_535,
        65_536,
        HUGE - 1,
        HUGE,
        HUGE + 1,
        5 * HUGE,
    ];
    for size in sizes {
        fs::write(dir.join(format!("{size}")), bytes(size + 1, size)?)?;
    }
    // Equal content under unequal metadata: shared, and still distinct.
    for (name, mode) in [("equal-a", 0o600), ("equal-b", 0o755)] {
        fs::write(dir.join(name), bytes(77, 3 * HUGE)?)?;
        fs::set_permissions(dir.join(name), Permissions::from_mode(mode))?;
        fs::write(dir.join(format!("small-{name}")), bytes(78, 300)?)?;
    }
    fs::write(dir.join("zeros"), vec![0; usize::try_from(HUGE)?])?;
    Ok(())
}

fn sparse(dir: &Path) -> Result<()> {
    let make = |name: &str, size: u64, extents: &[(u64, u64)]| -> Result<()> {
        let file = File::create_new(dir.join(name))?;
        file.set_len(size)?;
        for &(offset, length) in extents {
            file.write_all_at(&bytes(offset + 1, length)?, offset)?;
        }
        Ok(())
    };
    make("all-hole", 8 * HUGE, &[])?;
    make("all-hole-odd-size", 123_457, &[])?;
    make("hole-first", 3 * HUGE + 100, &[(3 * HUGE, 100)])?;
    make("hole-last", 3 * HUGE + 100, &[(0, 5000)])?;
    make(
        "islands",
        32 * HUGE,
        &[(65_536, 4096), (HUGE, HUGE), (20 * HUGE, 70_000)],
    )?;
    let many: Vec<(u64, u64)> = (0..200).map(|index| (index * 131_072, 4096)).collect();
    make("many-islands", 200 * 131_072, &many)
}

fn links(dir: &Path) -> Result<()> {
    fs::create_dir(dir.join("below"))?;
    fs::write(dir.join("b-first"), b"three names")?;
    fs::hard_link(dir.join("b-first"), dir.join("a-second"))?;
    fs::hard_link(dir.join("b-first"), dir.join("below/third"))?;
    unix::symlink("nowhere/at/all", dir.join("dangling"))?;
    unix::symlink("/absolute", dir.join("absolute"))?;
    unix::symlink(".", dir.join("self"))?;
    unix::symlink(OsStr::from_bytes(b"\xff\xfe"), dir.join("invalid-utf-8"))?;
    unix::symlink("x/".repeat(2047), dir.join("long"))?;
    fs::hard_link(dir.join("long"), dir.join("long-again"))?;
    set_mtime(&dir.join("long"), (1, 2))?;
    set_mtime(&dir.join("below"), (3, 4))
}

fn modes(dir: &Path) -> Result<()> {
    for mode in [0, 0o1, 0o4755, 0o2755, 0o1777, 0o6711, 0o7777] {
        let file = dir.join(format!("file-{mode:04o}"));
        fs::write(&file, b"mode")?;
        unix::chown(&file, Some(mode), Some(4_294_967_294))?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
        let sub = dir.join(format!("dir-{mode:04o}"));
        fs::create_dir(&sub)?;
        unix::chown(&sub, Some(65_536), Some(mode))?;
        fs::set_permissions(&sub, Permissions::from_mode(mode))?;
    }
    unix::symlink("owned", dir.join("owned-link"))?;
    unix::lchown(dir.join("owned-link"), Some(1234), Some(4_294_967_294))?;
    Ok(())
}

fn xattrs(dir: &Path) -> Result<()> {
    let set = |name: &str, key: &str, value: &[u8]| {
        let path = dir.join(name);
        lsetxattr(&path, key, value, XattrFlags::empty())
            .with_context(|| format!("cannot set {key} of {}", path.display()))
    };
    fs::create_dir(dir.join("dir"))?;
    for name in ["file", "twin", "capable"] {
        fs::write(dir.join(name), name)?;
    }
    unix::symlink("file", dir.join("link"))?;
    for name in ["file", "twin", "dir"] {
        set(name, "user.comment", b"some text")?;
        set(name, "user.empty", b"")?;
        set(name, "user.binary", &[0, 255, 10, 0])?;
        set(name, "trusted.overlay.opaque", b"y")?;
        set(name, "security.label", b"user:role:type\0")?;
        set(name, "system.posix_acl_access", &acl(0o7))?;
    }
    set("dir", "system.posix_acl_default", &acl(0o5))?;
    set("file", "user.large", &bytes(5, 1500)?)?;
    set("link", "trusted.on-a-link", b"1")?;
    set("link", "security.on-a-link", b"2")?;
    set("capable", "security.capability", &CAPABILITY)
}

/// `cap_net_raw=ep` as the kernel stores it, revision 2.
const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// An access control list as the kernel stores it, with one named user and one named group.
fn acl(permissions: u16) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 6] = [
        (0x01, 7, NOBODY),
        (0x02, permissions, 1000),
        (0x04, 5, NOBODY),
        (0x08, permissions, 2000),
        (0x10, 7, NOBODY),
        (0x20, 4, NOBODY),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

fn directories(dir: &Path) -> Result<()> {
    fs::create_dir(dir.join("empty"))?;
    let large = dir.join("large");
    fs::create_dir(&large)?;
    for index in 0..5000_u32 {
        File::create_new(large.join(format!("entry-{index}")))?;
    }
    let deep = (0..60).fold(dir.join("deep"), |path, level| {
        path.join(format!("level-{level}"))
    });
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("bottom"), b"far down")?;
    Ok(())
}

fn times(dir: &Path) -> Result<()> {
    let times = [
        ("epoch", (0, 0)),
        ("before-1970", (-315_619_200, 999_999_999)),
        ("one-ns", (1_600_000_000, 1)),
        ("last-ns", (1_600_000_000, 999_999_999)),
        ("after-2038", (4_102_444_800, 123_456_789)),
        ("far", (9_999_999_999, 5)),
    ];
    for (name, time) in times {
        fs::write(dir.join(name), name)?;
        set_mtime(&dir.join(name), time)?;
    }
    unix::symlink("epoch", dir.join("link"))?;
    set_mtime(&dir.join("link"), (1_111_111_111, 111_111_111))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_the_same_each_time_and_differ_by_seed() {
        assert_eq!(bytes(3, 100).unwrap(), bytes(3, 100).unwrap());
        assert_ne!(bytes(3, 100).unwrap(), bytes(4, 100).unwrap());
    }
}
