// SPDX-License-Identifier: MIT OR Apache-2.0
//! Headers of tar archives, in the pax format of POSIX.1-2001.
//!
//! A header is a block of fixed fields. A value that its field cannot hold is a record of an
//! extended header, a file of type `x` before it. The keys of records are any bytes, as the names of
//! extended attributes are; crates for tar archives take text only, and no times before 1970.

use daxfs_image::format::Timestamp;

/// The size of a block in bytes.
pub(super) const BLOCK: usize = 512;

/// The largest number in a field of eight bytes.
const MAX_7: u64 = 0o777_7777;
/// The largest number in a field of twelve bytes.
const MAX_11: u64 = 0o777_7777_7777;
/// The lengths in bytes of the fields for the name and for the directories before it.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// An entry of an archive, without its contents.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a [u8],
    pub(super) kind: Kind,
    /// The target of a link.
    pub(super) link: &'a [u8],
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The length of the contents in the archive.
    pub(super) size: u64,
    pub(super) mtime: Timestamp,
    /// The major and minor number of a device.
    pub(super) device: (u32, u32),
    /// Further records.
    pub(super) records: Records,
}

/// Records of an extended header.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(Vec<u8>);

impl Records {
    /// Adds a record: its length, key and value.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let fixed = key.len() + value.len() + b" =\n".len();
        // The length counts its own digits.
        let mut length = fixed + 1;
        while length != fixed + length.to_string().len() {
            length = fixed + length.to_string().len();
        }
        self.0.extend_from_slice(format!("{length} ").as_bytes());
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

impl Records {
    /// Adds the records of another header.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }
}

impl Entry<'_> {
    /// The blocks of the header, after those of an extended header if one is needed.
    pub(super) fn blocks(&self) -> Vec<u8> {
        let (name, prefix, fits) = split(self.path);
        let mut records = self.numbers();
        if [self.path, self.link]
            .iter()
            .any(|text| std::str::from_utf8(text).is_err())
        {
            records.push(b"hdrcharset", b"BINARY");
        }
        if !fits {
            records.push(b"path", self.path);
        }
        if self.link.len() > NAME || !self.link.is_ascii() {
            records.push(b"linkpath", self.link);
        }
        records.0.extend_from_slice(&self.records.0);
        let mut blocks = Vec::new();
        if !records.0.is_empty() {
            blocks.extend_from_slice(&extended_header(self.path, &records.0));
            blocks.extend_from_slice(&records.0);
            blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
        }
        let block = Block {
            name,
            prefix,
            flag: self.flag(),
            entry: self,
        };
        blocks.extend_from_slice(&block.bytes());
        blocks
    }

    /// Records of the numbers that do not fit their fields.
    fn numbers(&self) -> Records {
        let mut records = Records::default();
        let numbers = [
            (&b"size"[..], self.size, MAX_11),
            (b"uid", self.uid.into(), MAX_7),
            (b"gid", self.gid.into(), MAX_7),
        ];
        for (key, number, most) in numbers {
            if number > most {
                records.push(key, number.to_string().as_bytes());
            }
        }
        let whole = u64::try_from(self.mtime.seconds).is_ok_and(|seconds| seconds <= MAX_11);
        if !whole || self.mtime.nanoseconds != 0 {
            records.push(b"mtime", time(self.mtime).as_bytes());
        }
        records
    }

    fn flag(&self) -> u8 {
        match self.kind {
            Kind::Regular => b'0',
            Kind::HardLink => b'1',
            Kind::Symlink => b'2',
            Kind::CharDevice => b'3',
            Kind::BlockDevice => b'4',
            Kind::Directory => b'5',
            Kind::Fifo => b'6',
        }
    }
}

/// A time in seconds, as a decimal fraction.
fn time(time: Timestamp) -> String {
    let Timestamp {
        seconds,
        nanoseconds,
    } = time;
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    // Nanoseconds count forwards from the second, also before 1970.
    let (sign, seconds, nanoseconds) = if seconds < 0 {
        (
            "-",
            seconds.saturating_add(1).unsigned_abs(),
            1_000_000_000 - nanoseconds,
        )
    } else {
        ("", seconds.unsigned_abs(), nanoseconds)
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').to_owned()
}

/// The fields for a path, and true if they hold all of it. Only ASCII means the same everywhere.
fn split(path: &[u8]) -> (&[u8], &[u8], bool) {
    if path.len() <= NAME {
        return (path, b"", path.is_ascii());
    }
    // A directory ends in a slash, which is part of its name.
    let inner = &path[..path.len() - 1];
    let slashes = (0..inner.len().min(PREFIX + 1)).rev();
    let mut slashes = slashes.filter(|&at| inner[at] == b'/');
    match slashes.find(|&at| at != 0 && path.len() - at - 1 <= NAME) {
        Some(at) => (&path[at + 1..], &path[..at], path.is_ascii()),
        None => (&path[path.len() - NAME..], b"", false),
    }
}

/// The header of an extended header.
fn extended_header(path: &[u8], records: &[u8]) -> [u8; BLOCK] {
    let name = path.strip_suffix(b"/").unwrap_or(path);
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut text = b"PaxHeaders/".to_vec();
    text.extend_from_slice(name);
    text.truncate(NAME);
    let entry = Entry {
        path: &text,
        kind: Kind::Regular,
        link: b"",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: u64::try_from(records.len()).unwrap_or(u64::MAX),
        mtime: Timestamp {
            seconds: 0,
            nanoseconds: 0,
        },
        device: (0, 0),
        records: Records::default(),
    };
    let block = Block {
        name: &text,
        prefix: b"",
        flag: b'x',
        entry: &entry,
    };
    block.bytes()
}

/// A block of fixed fields.
struct Block<'a> {
    name: &'a [u8],
    prefix: &'a [u8],
    flag: u8,
    entry: &'a Entry<'a>,
}

impl Block<'_> {
    fn bytes(&self) -> [u8; BLOCK] {
        let Entry {
            link,
            mode,
            uid,
            gid,
            size,
            mtime,
            device,
            ..
        } = *self.entry;
        let mut block = [0; BLOCK];
        let seconds = u64::try_from(mtime.seconds).unwrap_or(0);
        put(&mut block, 0, &self.name[..self.name.len().min(NAME)]);
        put(&mut block, 100, &octal(mode.into(), 7));
        put(&mut block, 108, &octal(uid.into(), 7));
        put(&mut block, 116, &octal(gid.into(), 7));
        put(&mut block, 124, &octal(size, 11));
        put(&mut block, 136, &octal(seconds, 11));
        put(&mut block, 148, b"        ");
        put(&mut block, 156, &[self.flag]);
        put(&mut block, 157, &link[..link.len().min(NAME)]);
        put(&mut block, 257, b"ustar\x0000");
        put(&mut block, 329, &octal(device.0.into(), 7));
        put(&mut block, 337, &octal(device.1.into(), 7));
        put(&mut block, 345, self.prefix);
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        put(&mut block, 148, &octal(sum, 6));
        block[154] = 0;
        block
    }
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number in octal digits; 0 if there are not enough of them, as a record holds it then.
fn octal(number: u64, digits: usize) -> Vec<u8> {
    let text = format!("{number:0digits$o}");
    if text.len() > digits {
        return vec![b'0'; digits];
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_the_digits_of_its_length() {
        let record = |value: &[u8]| {
            let mut records = Records::default();
            records.push(b"k", value);
            String::from_utf8_lossy(&records.0).into_owned()
        };
        assert_eq!(record(b""), "5 k=\n");
        assert_eq!(record(b"abcd"), "9 k=abcd\n");
        assert_eq!(record(b"abcde"), "11 k=abcde\n");
        for length in 0..1200 {
            let text = record(&vec![b'v'; length]);
            assert!(text.starts_with(&format!("{} k=", text.len())), "{text}");
        }
    }

    #[test]
    fn times_are_decimal_fractions() {
        let text = |seconds, nanoseconds| {
            time(Timestamp {
                seconds,
                nanoseconds,
            })
        };
        assert_eq!(text(0, 0), "0");
        assert_eq!(text(5, 1), "5.000000001");
        assert_eq!(text(5, 500_000_000), "5.5");
        assert_eq!(text(-8, 750_000_000), "-7.25");
        assert_eq!(text(-1, 999_999_999), "-0.000000001");
        assert_eq!(text(-3, 0), "-3");
        assert_eq!(text(i64::MIN, 1), "-9223372036854775807.999999999");
    }

    #[test]
    fn numbers_beyond_their_fields_are_records() {
        let regular = Entry {
            path: b"large",
            kind: Kind::Regular,
            link: b"",
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Timestamp {
                seconds: 0,
                nanoseconds: 0,
            },
            device: (0, 0),
            records: Records::default(),
        };
        assert_eq!(regular.blocks().len(), BLOCK);
        let large = Entry {
            size: MAX_11 + 1,
            uid: 0o1000_0000,
            ..regular
        };
        let blocks = large.blocks();
        let text = String::from_utf8_lossy(&blocks[BLOCK..2 * BLOCK]).into_owned();
        let records = text.trim_end_matches('\0');
        assert_eq!(records, "19 size=8589934592\n15 uid=2097152\n");
        assert_eq!(&blocks[2 * BLOCK + 124..][..11], b"00000000000");
    }

    #[test]
    fn long_paths_are_split_at_a_slash() {
        let long = |directories: usize, name: usize| {
            [vec![b'd'; directories], vec![b'/'], vec![b'n'; name]].concat()
        };
        assert_eq!(split(b"a/b"), (&b"a/b"[..], &b""[..], true));
        for (directories, name, fits) in [
            (50, 49, true),
            (155, 100, true),
            (156, 100, false),
            (155, 101, false),
            (5, 100, true),
        ] {
            let path = long(directories, name);
            assert_eq!(split(&path).2, fits, "{directories} {name}");
        }
        let directory = [long(120, 60), vec![b'/']].concat();
        let (name, prefix, fits) = split(&directory);
        assert_eq!((name.len(), prefix.len(), fits), (61, 120, true));
        assert!(!split("ü".as_bytes()).2);
    }
}
