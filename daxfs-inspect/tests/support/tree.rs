// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree of the golden image: a few of everything, created by system calls. Requires root for
//! owners, devices and trusted attributes.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{lchown, symlink, FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    lsetxattr, makedev, mknodat, utimensat, AtFlags, FileType, Mode, Timespec, Timestamps,
    XattrFlags, CWD,
};

/// A tree under construction.
pub(crate) struct Maker {
    root: PathBuf,
    /// The paths made so far, in order; their times are set at the end.
    made: Vec<(PathBuf, (i64, i64))>,
}

/// Makes the tree in the empty directory `root`.
pub(crate) fn make(root: &Path) -> io::Result<()> {
    let mut maker = Maker {
        root: root.to_owned(),
        made: Vec::new(),
    };
    maker.files()?;
    maker.names()?;
    maker.sparse()?;
    maker.special()?;
    maker.attributes()?;
    maker.finish()
}

/// `length` bytes that do not repeat soon.
fn pattern(length: usize) -> Vec<u8> {
    (1..=251).cycle().take(length).collect()
}

impl Maker {
    /// Registers an entry, to be given a mode, an owner and a time of its own.
    fn entry(&mut self, name: impl AsRef<OsStr>, mode: Option<u32>) -> io::Result<PathBuf> {
        let path = self.root.join(name.as_ref());
        let number = u32::try_from(self.made.len()).unwrap_or(0);
        lchown(&path, Some(1000 + number), Some(100))?;
        if let Some(mode) = mode {
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        self.made.push((
            path.clone(),
            (1_700_000_000 + i64::from(number), i64::from(number)),
        ));
        Ok(path)
    }

    fn file(&mut self, name: impl AsRef<OsStr>, mode: u32, bytes: &[u8]) -> io::Result<PathBuf> {
        fs::write(self.root.join(name.as_ref()), bytes)?;
        self.entry(name, Some(mode))
    }

    fn directory(&mut self, name: &str, mode: u32) -> io::Result<()> {
        fs::create_dir(self.root.join(name))?;
        self.entry(name, Some(mode)).map(drop)
    }

    fn time(&mut self, seconds: i64, nanoseconds: i64) {
        if let Some((_, time)) = self.made.last_mut() {
            *time = (seconds, nanoseconds);
        }
    }

    fn files(&mut self) -> io::Result<()> {
        self.file("empty", 0o600, b"")?;
        self.time(-86_400, 999_999_999);
        self.file("packed", 0o644, b"a small file\n")?;
        self.time(4_102_444_800, 123_456_789);
        self.file("packed-twin", 0o640, b"a small file\n")?;
        self.file("packed-other", 0o644, &pattern(300))?;
        let program = self.file("program", 0o4755, &pattern(5000))?;
        fs::hard_link(program, self.root.join("program-hard"))?;
        self.file("program-twin", 0o755, &pattern(5000))?;
        self.file("page", 0o755, &pattern(4096))?;
        self.directory("dir", 0o755)?;
        self.directory("dir/empty", 0o1777)?;
        self.directory("dir/nested", 0o2755)?;
        self.file("dir/nested/deep", 0o444, b"deep\n").map(drop)
    }

    fn names(&mut self) -> io::Result<()> {
        self.directory("names", 0o700)?;
        let names: [&[u8]; 6] = [
            b"two\nlines",
            b"\x1b[2J",
            b"not utf-8 \xff",
            "Grüße".as_bytes(),
            b"\"q\\\"",
            b" ",
        ];
        for name in names {
            let path = [&b"names/"[..], name].concat();
            self.file(OsStr::from_bytes(&path), 0o644, name)?;
        }
        self.file(format!("names/{}", "n".repeat(255)), 0o644, b"")
            .map(drop)
    }

    fn sparse(&mut self) -> io::Result<()> {
        let files: [(&str, u64, &[u64]); 3] = [
            ("sparse", 1 << 20, &[65_536, 983_040]),
            ("sparse-tail", 1_048_676, &[0, 1_048_576]),
            ("sparse-hole", 1 << 30, &[]),
        ];
        for (name, size, offsets) in files {
            let file = File::create(self.root.join(name))?;
            file.set_len(size)?;
            for &offset in offsets {
                let length = (size - offset).min(4096);
                file.write_all_at(
                    &pattern(usize::try_from(length).unwrap_or_default()),
                    offset,
                )?;
            }
            drop(file);
            self.entry(name, Some(0o644))?;
        }
        Ok(())
    }

    fn special(&mut self) -> io::Result<()> {
        let nodes = [
            ("char", FileType::CharacterDevice, makedev(1, 3)),
            ("block", FileType::BlockDevice, makedev(259, 0x1_2345)),
            ("fifo", FileType::Fifo, 0),
            ("socket", FileType::Socket, 0),
        ];
        for (name, file_type, device) in nodes {
            mknodat(CWD, self.root.join(name), file_type, Mode::empty(), device)?;
            self.entry(name, Some(0o660))?;
        }
        for (name, target) in [
            ("link", "dir/nested"),
            ("link-dangling", "/no/such \u{1f4a9}"),
        ] {
            symlink(target, self.root.join(name))?;
            self.entry(name, None)?;
        }
        Ok(())
    }

    fn attributes(&mut self) -> io::Result<()> {
        let acl = |mask: u8| {
            let mut value = vec![2, 0, 0, 0];
            for (tag, permissions) in [(1, 7), (2, 6), (4, 5), (16, mask), (32, 4)] {
                let id: u32 = if tag == 2 { 1000 } else { u32::MAX };
                value.extend([tag, 0, permissions, 0]);
                value.extend(id.to_le_bytes());
            }
            value
        };
        for name in ["xattrs", "xattrs-twin"] {
            let path = self.file(name, 0o644, b"")?;
            let set = |key: &str, value: &[u8]| lsetxattr(&path, key, value, XattrFlags::empty());
            set("user.comment", b"a \"value\"\n")?;
            set("user.void", b"")?;
            set("trusted.overlay.opaque", b"y")?;
            set("security.capability", &CAPABILITY)?;
        }
        self.directory("acl", 0o774)?;
        let path = self.root.join("acl");
        lsetxattr(
            &path,
            "system.posix_acl_access",
            &acl(7),
            XattrFlags::empty(),
        )?;
        lsetxattr(
            &path,
            "system.posix_acl_default",
            &acl(5),
            XattrFlags::empty(),
        )?;
        Ok(())
    }

    /// Sets the times last, because creating an entry changes the time of its directory.
    fn finish(mut self) -> io::Result<()> {
        self.entry("", Some(0o755))?;
        for (path, (tv_sec, tv_nsec)) in &self.made {
            let time = Timespec {
                tv_sec: *tv_sec,
                tv_nsec: *tv_nsec,
            };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }
}

/// `cap_net_raw=ep` as the kernel stores it, revision 2.
const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
