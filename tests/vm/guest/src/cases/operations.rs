// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be done on a mount whose image is hostile: operations that may fail, but must end.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Result};
use daxfs_test_random::Random;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{at, handles};
use crate::image::{phys, MOUNT};
use crate::sample;
use crate::sys::{self, Child, End, Map};

/// What an operation works with.
pub(super) struct Place {
    pub(super) random: Random,
    paths: Vec<PathBuf>,
    /// A directory of this process, to mount on.
    private: String,
}

/// An operation and its name.
pub(super) type Operation = (&'static str, fn(&mut Place) -> Result<()>);

/// All operations; what is there more than once is done more often.
pub(super) const OPERATIONS: &[Operation] = &[
    ("lstat", lstat),
    ("lstat", lstat),
    ("list", list),
    ("list from a place", list_from),
    ("read", read),
    ("read", read),
    ("read directly", read_directly),
    ("read the end", read_end),
    ("read the end", read_end),
    ("readlink", readlink),
    ("xattrs", xattrs),
    ("seek", seek),
    ("fiemap", fiemap),
    ("sendfile", sendfile),
    ("map", map),
    ("map", map),
    ("look at a mapping", look),
    ("execute", execute),
    ("handle", handle),
    ("forged handle", forged),
    ("statfs", statfs),
    ("forget", forget),
    ("mount again", mount_again),
];

impl Place {
    pub(super) fn new(seed: u64) -> Result<Self> {
        let private = format!("/tmp/again-{seed}");
        fs::create_dir_all(&private)?;
        let all = sample::entries().into_iter().map(|entry| entry.path);
        // Of the many names a few are enough.
        let paths = all
            .enumerate()
            .filter(|(n, path)| !path.starts_with("many/") || n % 100 == 0);
        Ok(Self {
            random: Random::new(seed),
            paths: paths.map(|(_, path)| path).collect(),
            private,
        })
    }

    fn path(&mut self) -> PathBuf {
        match self.random.below(12) {
            0 => at("no such name"),
            1 => at("many/no such name"),
            _ => PathBuf::from(MOUNT).join(self.random.pick(&self.paths)),
        }
    }

    fn file(&mut self) -> PathBuf {
        let names = [
            "empty",
            "small",
            "page",
            "odd",
            "wide",
            "big",
            "huge",
            "twin1",
            "twin2",
            "sparse",
            "vast",
            "hole",
            "prog",
            "script",
            "hard1",
            "attributes",
            "deep/deeper/file",
        ];
        let name = *self.random.pick(&names);
        at(name)
    }

    fn directory(&mut self) -> PathBuf {
        let names = [
            "",
            "many",
            "deep",
            "deep/deeper",
            "deep/deeper/deeper",
            "void",
            "acl-directory",
        ];
        let name = *self.random.pick(&names);
        at(name)
    }

    /// An offset that is in the file as a rule, and where something happens.
    fn offset(&mut self) -> u64 {
        let large = *self
            .random
            .pick(&[1, 4096, 65536, 1 << 20, 8 << 20, 6 << 30]);
        self.random.below(large)
    }
}

/// Opens a file to read. Whatever the peer has made of it, a FIFO for example, the call does not wait.
fn open(path: PathBuf) -> Result<File> {
    open_with(path, 0)
}

fn open_with(path: PathBuf, flags: i32) -> Result<File> {
    Ok(sys::open(path, libc::O_RDONLY | libc::O_NONBLOCK | flags)?.into())
}

/// Fails for good if the bytes are not the image's.
fn inspect(bytes: &[u8]) -> Result<()> {
    let canary = super::peer::canary().to_le_bytes();
    if bytes.windows(8).any(|word| word == canary) {
        bail!(Outside);
    }
    Ok(())
}

/// Bytes from behind the image were read.
#[derive(Debug)]
pub(super) struct Outside;

impl std::fmt::Display for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes from outside the image were read")
    }
}

impl std::error::Error for Outside {}

fn lstat(place: &mut Place) -> Result<()> {
    fs::symlink_metadata(place.path())?;
    Ok(())
}

fn list(place: &mut Place) -> Result<()> {
    let directory = place.directory();
    for entry in fs::read_dir(directory)?.take(4000) {
        let entry = entry?;
        inspect(std::os::unix::ffi::OsStrExt::as_bytes(
            entry.file_name().as_os_str(),
        ))?;
        if place.random.below(20) == 0 {
            entry.metadata()?;
        }
    }
    Ok(())
}

fn list_from(place: &mut Place) -> Result<()> {
    let directory = sys::open(place.directory(), libc::O_RDONLY | libc::O_DIRECTORY)?;
    let position = i64::try_from(place.random.any() >> 1)?;
    sys::seek(&directory, position, libc::SEEK_SET)?;
    let mut buffer = vec![0_u8; 16384];
    let (fd, room) = (usize::try_from(directory.as_raw_fd())?, buffer.len());
    for _ in 0..20 {
        let to = sys::address_of_mut(buffer.as_mut_slice());
        if sys::syscall(libc::SYS_getdents64, [fd, to, room, 0, 0])? == 0 {
            break;
        }
    }
    inspect(&buffer)
}

fn read(place: &mut Place) -> Result<()> {
    let file = open(place.file())?;
    let mut bytes = vec![0; 1 + place.random.index(65536)];
    let length = file.read_at(&mut bytes, place.offset())?;
    inspect(&bytes[..length])
}

fn read_directly(place: &mut Place) -> Result<()> {
    let file = open_with(place.file(), libc::O_DIRECT)?;
    let mut bytes = vec![0; 16384];
    let length = file.read_at(&mut bytes, place.offset() / 4096 * 4096)?;
    inspect(&bytes[..length])
}

/// Reads and maps the last bytes of a file: what has become longer than it is ends behind the image.
fn read_end(place: &mut Place) -> Result<()> {
    const LENGTH: u64 = 65536;
    let file = open(place.file())?;
    let start = file.metadata()?.len().saturating_sub(LENGTH) / 4096 * 4096;
    let mut bytes = vec![0; 2 * 65536];
    let length = file.read_at(&mut bytes, start)?;
    inspect(&bytes[..length])?;
    in_child(|| {
        let area = Map::new(&file, start, LENGTH, PROT_READ, MAP_SHARED);
        let bytes = area.and_then(|area| area.copy(0, area.length()));
        leave(&bytes.and_then(|bytes| inspect(&bytes)))
    })
}

fn readlink(place: &mut Place) -> Result<()> {
    let name = *place.random.pick(&["link", "dangling", "long-link"]);
    let target = fs::read_link(at(name))?;
    inspect(std::os::unix::ffi::OsStrExt::as_bytes(target.as_os_str()))
}

fn xattrs(place: &mut Place) -> Result<()> {
    let name = *place
        .random
        .pick(&["attributes", "acl", "acl-directory", "small"]);
    let path = at(name);
    for name in sys::listxattr(&path, 65536)? {
        inspect(name.as_bytes())?;
        inspect(&sys::getxattr(&path, &name, 65536)?)?;
    }
    for name in [
        "system.posix_acl_access",
        "system.posix_acl_default",
        "user.absent",
    ] {
        match sys::getxattr(&path, name, 65536) {
            // Most files have none of these.
            Err(error) if sys::errno(&error) == libc::ENODATA => {}
            value => inspect(&value?)?,
        }
    }
    Ok(())
}

fn seek(place: &mut Place) -> Result<()> {
    let file = open(place.file())?;
    let mut at = i64::try_from(place.offset())?;
    for step in 0..40 {
        let whence = [libc::SEEK_DATA, libc::SEEK_HOLE][step % 2];
        at = sys::seek(&file, at, whence)?;
    }
    Ok(())
}

fn fiemap(place: &mut Place) -> Result<()> {
    const FS_IOC_FIEMAP: libc::c_ulong = 0xc020_660b;
    const EXTENTS: u64 = 16;
    let file = open(place.file())?;
    // start, length, flags and mapped, count and reserved; then the extents
    let mut request = [0_u64; 4 + 7 * 16];
    request[..4].copy_from_slice(&[place.offset(), u64::MAX >> 1, 0, EXTENTS]);
    // SAFETY: The request has room for as many extents as it says.
    sys::check(unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, request.as_mut_ptr()) })?;
    Ok(())
}

fn sendfile(place: &mut Place) -> Result<()> {
    let (from, to) = (
        open(place.file())?,
        File::options().write(true).open("/dev/null")?,
    );
    let mut offset = i64::try_from(place.offset())?;
    let length = 200_000;
    // SAFETY: The descriptors are open, the offset is writable.
    let sent = unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), &mut offset, length) };
    sys::check(i64::try_from(sent)?)?;
    Ok(())
}

/// A piece of a file, mapped in one of the ways there are.
fn mapped(place: &mut Place) -> Result<Map> {
    let flags = *place.random.pick(&[MAP_SHARED, MAP_PRIVATE]);
    let protection = match (flags, place.random.below(2)) {
        (MAP_PRIVATE, 0) => PROT_READ | PROT_WRITE,
        _ => PROT_READ,
    };
    let file = open(place.file())?;
    let offset = place.offset() / 4096 * 4096;
    let length = 4096 * (1 + place.random.below(1200));
    Map::new(&file, offset, length, protection, flags)
}

/// Runs what may end with a signal: a page may be damaged when it is touched.
fn in_child(work: impl FnOnce() -> Result<()>) -> Result<()> {
    match Child::fork(work)?.wait()? {
        End::Exit(0) => Ok(()),
        End::Signal(signal) => bail!(Died(signal)),
        End::Exit(status) if status == OUTSIDE => bail!(Outside),
        End::Exit(status) => Err(io::Error::from_raw_os_error(status).into()),
    }
}

/// A child was ended by a signal.
#[derive(Debug)]
pub(super) struct Died(pub(super) i32);

impl std::fmt::Display for Died {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            libc::SIGBUS => f.write_str("SIGBUS"),
            libc::SIGSEGV => f.write_str("SIGSEGV"),
            libc::SIGILL => f.write_str("SIGILL"),
            libc::SIGKILL => f.write_str("killed"),
            other => write!(f, "signal {other}"),
        }
    }
}

impl std::error::Error for Died {}

/// The status of a child that has seen what it must not.
const OUTSIDE: i32 = 200;

/// Ends a child with a status that [`in_child`] understands.
fn leave(result: &Result<()>) -> ! {
    let status = match result {
        Ok(()) => 0,
        Err(error) if error.is::<Outside>() => OUTSIDE,
        Err(error) => match sys::errno(error) {
            0 => 1,
            number => number,
        },
    };
    // SAFETY: Ends this process.
    unsafe { libc::_exit(status) }
}

fn map(place: &mut Place) -> Result<()> {
    in_child(|| leave(&mangle(place)))
}

/// Everything that a process can do with a mapping of its own.
fn mangle(place: &mut Place) -> Result<()> {
    // What is touched may not be there: that ends this process, and quietly.
    let mut area = mapped(place)?;
    for _ in 0..8 {
        let at = place.random.index(area.length());
        match place.random.below(11) {
            0 => drop(area.touch(at)),
            1 => inspect(&area.copy(at, (area.length() - at).min(20_000))?)?,
            2 => drop(area.advise(libc::MADV_DONTNEED)),
            3 => drop(area.advise(libc::MADV_COLD)),
            4 => drop(area.advise(libc::MADV_PAGEOUT)),
            5 => drop(area.advise(libc::MADV_POPULATE_READ)),
            6 => area.resize(4096 * (1 + place.random.index(1200)))?,
            7 => {
                if area.protect(PROT_READ | PROT_WRITE).is_ok() {
                    let byte = area.touch(at);
                    area.write(at, byte);
                }
            }
            // The pages may stay on a list of this processor after this process has ended.
            8 => drop(area.lock()),
            9 => drop(area.unlock()),
            _ => drop(area.advise(libc::MADV_WILLNEED)),
        }
    }
    Ok(())
}

/// Another process looks at a mapping that is in use.
fn look(place: &mut Place) -> Result<()> {
    let area = mapped(place)?;
    let (start, length) = (area.address().addr(), area.length());
    let holder = Child::fork(|| loop {
        for at in (0..length).step_by(4096) {
            area.touch(at);
        }
    })?;
    let proc = |name: &str| format!("/proc/{}/{name}", holder.pid());
    for name in ["smaps", "smaps_rollup", "maps", "numa_maps"] {
        let _ = fs::read(proc(name));
    }
    let bytes = sys::read_memory(holder.pid(), start, length.min(65536));
    for what in ["1", "4"] {
        let _ = fs::write(proc("clear_refs"), what);
    }
    let mut entries = [0; 512];
    let pagemap = File::open(proc("pagemap"))
        .and_then(|map| map.read_at(&mut entries, u64::try_from(start / 4096 * 8).unwrap_or(0)));
    holder.signal(libc::SIGKILL)?;
    holder.wait()?;
    pagemap?;
    inspect(&bytes?)
}

/// How long a program may run whose text others write.
const RUN: Duration = Duration::from_secs(2);

fn execute(place: &mut Place) -> Result<()> {
    let name = *place.random.pick(&["prog", "script", "prog"]);
    let mut program = Command::new(at(name))
        .arg("hello")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = program.try_wait()? {
            break status;
        }
        if start.elapsed() > RUN {
            program.kill()?;
            break program.wait()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        bail!(Died(signal));
    }
    ensure!(status.success(), "ended with an error");
    Ok(())
}

fn handle(place: &mut Place) -> Result<()> {
    let path = place.path();
    handles::reopen(&path)
}

fn forged(place: &mut Place) -> Result<()> {
    let words = [
        place.random.any(),
        place.random.below(4000),
        place.random.any(),
    ];
    let path = place.file();
    handles::reopen_forged(&path, words)
}

fn statfs(_: &mut Place) -> Result<()> {
    sys::statfs(MOUNT).map(drop)
}

fn forget(_: &mut Place) -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "2")?;
    Ok(())
}

fn mount_again(place: &mut Place) -> Result<()> {
    let validate = *place.random.pick(&["", ",validate"]);
    let options = format!("phys={}{validate}", phys());
    sys::mount("none", &place.private, "daxfs", libc::MS_NODEV, &options)?;
    sys::unmount(&place.private, libc::MNT_DETACH)
}
