// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls that the standard library lacks, as plainly as the tests need them.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use anyhow::{anyhow, ensure, Context, Result};
use libc::{c_int, c_long, c_void};

/// A path as C takes it.
pub(crate) fn cstring(path: impl AsRef<Path>) -> Result<CString> {
    Ok(CString::new(path.as_ref().as_os_str().as_bytes())?)
}

/// Turns the result of a call that returns -1 on failure into the number of the error.
pub(crate) fn check(result: impl Into<i64>) -> io::Result<i64> {
    let result = result.into();
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The error number in an error of the operating system, however wrapped; 0 if there is none.
pub(crate) fn errno(error: &anyhow::Error) -> i32 {
    let found = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    found.unwrap_or(0)
}

/// Fails unless `result` failed with this error number.
pub(crate) fn expect_errno<T>(what: &str, result: Result<T>, wanted: i32) -> Result<()> {
    match result {
        Ok(_) => Err(anyhow!(
            "{what} succeeded, but should fail with {}",
            name(wanted)
        )),
        Err(error) if errno(&error) == wanted => Ok(()),
        Err(error) => Err(anyhow!(
            "{what} failed with {error:#}, not {}",
            name(wanted)
        )),
    }
}

fn name(number: i32) -> String {
    io::Error::from_raw_os_error(number).to_string()
}

/// mknod(2), whatever the umask.
pub(crate) fn mknod(path: &Path, kind: u32, device: u64) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    check(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, device) })?;
    Ok(())
}

/// chmod(2).
pub(crate) fn chmod(path: &Path, mode: u32) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) })?;
    Ok(())
}

/// lsetxattr(2).
pub(crate) fn setxattr(path: &Path, name: &CStr, value: &[u8]) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: Path and name are C strings, the value is readable.
    let result = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    check(result)?;
    Ok(())
}

/// lgetxattr(2) with room for `room` bytes.
pub(crate) fn getxattr(path: &Path, name: &str, room: usize) -> Result<Vec<u8>> {
    let (path, name) = (cstring(path)?, CString::new(name)?);
    let mut value = vec![0; room];
    // SAFETY: Path and name are C strings, the buffer is writable.
    let result = unsafe {
        libc::lgetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            room,
        )
    };
    value.truncate(usize::try_from(check(i64::try_from(result)?)?)?);
    Ok(value)
}

/// llistxattr(2): the names, sorted.
pub(crate) fn listxattr(path: &Path, room: usize) -> Result<Vec<String>> {
    let path = cstring(path)?;
    let mut list = vec![0_u8; room];
    // SAFETY: The path is a C string, the buffer is writable.
    let result = unsafe { libc::llistxattr(path.as_ptr(), list.as_mut_ptr().cast(), room) };
    list.truncate(usize::try_from(check(i64::try_from(result)?)?)?);
    let names = list
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty());
    let mut names: Vec<_> = names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Sets the modification time of `path` itself.
pub(crate) fn set_mtime(path: &Path, (seconds, nanoseconds): (i64, i64)) -> Result<()> {
    let path = cstring(path)?;
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = [time, time];
    // SAFETY: The path is a C string, the times are two.
    let result = unsafe {
        libc::utimensat(
            libc::AT_FDCWD,
            path.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    check(result)?;
    Ok(())
}

/// statx(2) of `path` itself.
pub(crate) fn statx(path: &Path) -> Result<libc::statx> {
    let path = cstring(path)?;
    // SAFETY: All bytes zero are a value of this type.
    let mut stat: libc::statx = unsafe { std::mem::zeroed() };
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: The path is a C string, the buffer is writable.
    let result = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            libc::STATX_BASIC_STATS | libc::STATX_DIOALIGN,
            &mut stat,
        )
    };
    check(result)?;
    Ok(stat)
}

/// mount(2).
pub(crate) fn mount(source: &str, target: &str, kind: &str, flags: u64, data: &str) -> Result<()> {
    let (source, target) = (CString::new(source)?, CString::new(target)?);
    let (kind, data) = (CString::new(kind)?, CString::new(data)?);
    // SAFETY: All strings are C strings.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    check(result)?;
    Ok(())
}

/// umount2(2).
pub(crate) fn unmount(target: &str, flags: c_int) -> Result<()> {
    let target = CString::new(target)?;
    // SAFETY: The target is a C string.
    check(unsafe { libc::umount2(target.as_ptr(), flags) })?;
    Ok(())
}

/// finit_module(2).
pub(crate) fn load_module(path: &str) -> Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {path}"))?;
    // SAFETY: The descriptor is open, the arguments are an empty C string.
    let result =
        unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    check(result)?;
    Ok(())
}

/// delete_module(2).
pub(crate) fn unload_module(name: &CStr) -> Result<()> {
    // SAFETY: The name is a C string.
    check(unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) })?;
    Ok(())
}

/// A memory mapping, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Map {
    address: *mut u8,
    length: usize,
}

impl Map {
    /// Maps `length` bytes of `file` from `offset` on.
    pub(crate) fn new(
        file: &impl AsRawFd,
        offset: u64,
        length: u64,
        protection: c_int,
        flags: c_int,
    ) -> Result<Self> {
        let length = usize::try_from(length)?;
        let offset = i64::try_from(offset)?;
        // SAFETY: The kernel chooses the address, so no memory in use is replaced.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                protection,
                flags,
                file.as_raw_fd(),
                offset,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Self {
            address: address.cast(),
            length,
        })
    }

    /// Where the mapping begins.
    pub(crate) fn address(&self) -> *mut u8 {
        self.address
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The bytes from `offset` on, copied out.
    pub(crate) fn copy(&self, offset: usize, length: usize) -> Result<Vec<u8>> {
        ensure!(offset + length <= self.length, "outside the mapping");
        let mut out = vec![0; length];
        // SAFETY: The offset lies in the mapping.
        let from = unsafe { self.address.add(offset) };
        // SAFETY: The bytes lie in the mapping, which the caller has made readable; pages that do not
        // exist end the process, which is what some tests want.
        unsafe { ptr::copy_nonoverlapping(from, out.as_mut_ptr(), length) };
        Ok(out)
    }

    /// Reads one byte, so that its page is there.
    pub(crate) fn touch(&self, offset: usize) -> u8 {
        assert!(offset < self.length, "outside the mapping");
        // SAFETY: The byte lies in the mapping.
        let byte = unsafe { self.address.add(offset) };
        // SAFETY: As above.
        unsafe { byte.read_volatile() }
    }

    /// Writes one byte.
    pub(crate) fn write(&self, offset: usize, value: u8) {
        assert!(offset < self.length, "outside the mapping");
        // SAFETY: The byte lies in the mapping.
        let byte = unsafe { self.address.add(offset) };
        // SAFETY: As above; the caller has made the mapping writable.
        unsafe { byte.write_volatile(value) };
    }

    /// Copies `bytes` to the beginning.
    pub(crate) fn fill(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.length, "outside the mapping");
        // SAFETY: The bytes fit the mapping, which the caller has made writable, and are ours.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.address, bytes.len()) };
    }

    /// madvise(2) over the whole mapping.
    pub(crate) fn advise(&self, advice: c_int) -> io::Result<()> {
        self.advise_part(0, self.length, advice)
    }

    /// madvise(2) over `length` bytes from `offset` on, which is page aligned.
    pub(crate) fn advise_part(
        &self,
        offset: usize,
        length: usize,
        advice: c_int,
    ) -> io::Result<()> {
        assert!(offset + length <= self.length, "outside the mapping");
        // SAFETY: The offset lies in the mapping.
        let address = unsafe { self.address.add(offset) };
        // SAFETY: The range is part of a mapping of ours, and no Rust object lies in it.
        check(unsafe { libc::madvise(address.cast(), length, advice) }).map(drop)
    }

    /// mprotect(2) over the whole mapping.
    pub(crate) fn protect(&self, protection: c_int) -> Result<()> {
        // SAFETY: The range is a mapping of ours, and no Rust object lies in it.
        check(unsafe { libc::mprotect(self.address.cast(), self.length, protection) })?;
        Ok(())
    }

    /// mlock(2) over the whole mapping.
    pub(crate) fn lock(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::mlock(self.address.cast(), self.length) })?;
        Ok(())
    }

    /// munlock(2) over the whole mapping.
    pub(crate) fn unlock(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::munlock(self.address.cast(), self.length) })?;
        Ok(())
    }

    /// mremap(2) to another length; it may move.
    pub(crate) fn resize(&mut self, length: usize) -> Result<()> {
        // SAFETY: The range is a mapping of ours, and no Rust object lies in it.
        let address = unsafe {
            libc::mremap(
                self.address.cast(),
                self.length,
                length,
                libc::MREMAP_MAYMOVE,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        (self.address, self.length) = (address.cast(), length);
        Ok(())
    }

    /// How many pages mincore(2) says are there.
    pub(crate) fn resident(&self) -> Result<usize> {
        Ok(self.residents()?.into_iter().filter(|there| *there).count())
    }

    /// Whether mincore(2) says that a page is there, for each page.
    pub(crate) fn residents(&self) -> Result<Vec<bool>> {
        let mut pages = vec![0_u8; self.length.div_ceil(4096)];
        // SAFETY: The range is a mapping of ours, the buffer has a byte for each page.
        check(unsafe { libc::mincore(self.address.cast(), self.length, pages.as_mut_ptr()) })?;
        Ok(pages.iter().map(|page| page & 1 != 0).collect())
    }

    /// msync(2) over the whole mapping.
    pub(crate) fn sync(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::msync(self.address.cast(), self.length, libc::MS_SYNC) })?;
        Ok(())
    }

    /// Maps a file privately at `offset` of this mapping, and keeps only that.
    pub(crate) fn replace(self, offset: u64, file: &impl AsRawFd, length: u64) -> Result<Self> {
        let (offset, length) = (usize::try_from(offset)?, usize::try_from(length)?);
        ensure!(offset + length <= self.length, "outside the mapping");
        // SAFETY: The offset lies in the mapping.
        let at = unsafe { self.address.add(offset) };
        // SAFETY: The range lies in a mapping of ours, and no Rust object lies in it.
        let address = unsafe {
            libc::mmap(
                at.cast(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        let before = Self {
            address: self.address,
            length: offset,
        };
        let after = Self {
            address: at.wrapping_add(length),
            length: self.length - offset - length,
        };
        std::mem::forget(self);
        drop((before, after));
        Ok(Self {
            address: address.cast(),
            length,
        })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The range is a mapping of ours that nothing uses any more.
        unsafe { libc::munmap(self.address.cast(), self.length) };
    }
}

/// How a child process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It exited with this status.
    Exit(c_int),
    /// This signal killed it.
    Signal(c_int),
}

/// A forked child.
#[derive(Debug)]
pub(crate) struct Child(libc::pid_t);

impl Child {
    /// Forks; the child runs `work` and exits with 0 if that succeeds, else with 1.
    pub(crate) fn fork(work: impl FnOnce() -> Result<()>) -> Result<Self> {
        // SAFETY: A case has one thread, so that the child may do anything.
        let pid = check(unsafe { libc::fork() })?;
        if pid != 0 {
            return Ok(Self(libc::pid_t::try_from(pid)?));
        }
        let status = match work() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("child: {error:#}");
                1
            }
        };
        // SAFETY: Ends the child without running the parent's destructors.
        unsafe { libc::_exit(status) }
    }

    /// The process number.
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.0
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: c_int) -> Result<()> {
        // SAFETY: Sends to a child that has not been waited for.
        check(unsafe { libc::kill(self.0, signal) })?;
        Ok(())
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Result<End> {
        let mut status = 0;
        // SAFETY: The status is writable.
        check(unsafe { libc::waitpid(self.0, &mut status, 0) })?;
        if libc::WIFSIGNALED(status) {
            return Ok(End::Signal(libc::WTERMSIG(status)));
        }
        Ok(End::Exit(libc::WEXITSTATUS(status)))
    }
}

/// Runs `work` in a child and fails unless it succeeds.
pub(crate) fn in_child(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let end = Child::fork(work)?.wait()?;
    ensure!(end == End::Exit(0), "the child ended with {end:?}");
    Ok(())
}

/// Becomes another user, for good.
pub(crate) fn become_user(uid: u32, gid: u32) -> Result<()> {
    // SAFETY: An empty list of groups needs no memory.
    check(unsafe { libc::setgroups(0, ptr::null()) })?;
    // SAFETY: Changes this process only.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: As above.
    check(unsafe { libc::setresuid(uid, uid, uid) })?;
    Ok(())
}

/// What the kernel has logged, or the last 256 KiB of it.
pub(crate) fn kernel_log() -> Result<String> {
    const READ_ALL: c_int = 3;
    let mut bytes = vec![0_u8; 256 << 10];
    let length = c_int::try_from(bytes.len())?;
    // SAFETY: The buffer is that long.
    let read = check(unsafe { libc::klogctl(READ_ALL, bytes.as_mut_ptr().cast(), length) })?;
    bytes.truncate(usize::try_from(read)?);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps this process on one processor.
pub(crate) fn run_on_processor(number: usize) -> Result<()> {
    // SAFETY: All bytes zero are a value of this type.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: The number is checked against the length of the set.
    unsafe { libc::CPU_SET(number, &mut set) };
    // SAFETY: The set is readable.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

/// A pipe: the end to read from, and the end to write to.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [0; 2];
    // SAFETY: There is room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [read, write] = ends;
    // SAFETY: The descriptor is new and ours.
    let read = unsafe { OwnedFd::from_raw_fd(read) };
    // SAFETY: As above.
    let write = unsafe { OwnedFd::from_raw_fd(write) };
    Ok((read, write))
}

/// Opens `path` with these flags.
pub(crate) fn open(path: impl AsRef<Path>, flags: c_int) -> Result<OwnedFd> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    let fd = check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) })?;
    // SAFETY: The descriptor is new and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd)?) })
}

/// lseek(2).
pub(crate) fn seek(fd: &impl AsRawFd, offset: i64, whence: c_int) -> Result<i64> {
    // SAFETY: The descriptor is open.
    Ok(check(unsafe {
        libc::lseek(fd.as_raw_fd(), offset, whence)
    })?)
}

/// The minor page faults of this process so far.
pub(crate) fn faults() -> Result<c_long> {
    // SAFETY: All bytes zero are a value of this type.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: The buffer is writable.
    check(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) })?;
    Ok(usage.ru_minflt)
}

/// A system call by number, for those that have no function.
pub(crate) fn syscall(number: c_long, arguments: [usize; 5]) -> Result<i64> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: The callers pass what the system call takes.
    Ok(check(unsafe { libc::syscall(number, a, b, c, d, e) })?)
}

/// The address of a value, as a system call takes it.
pub(crate) fn address_of<T: ?Sized>(value: &T) -> usize {
    ptr::from_ref(value).cast::<c_void>().addr()
}

/// The address of a value that a system call writes.
pub(crate) fn address_of_mut<T: ?Sized>(value: &mut T) -> usize {
    ptr::from_mut(value).cast::<c_void>().expose_provenance()
}

/// The time on processors of the children that were waited for.
pub(crate) fn time_of_children() -> Result<std::time::Duration> {
    // SAFETY: All bytes zero are a value of this type.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: The buffer is writable.
    check(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) })?;
    let all = [usage.ru_utime, usage.ru_stime].map(|time| {
        Ok(std::time::Duration::new(
            time.tv_sec.try_into()?,
            u32::try_from(time.tv_usec)? * 1000,
        ))
    });
    all.into_iter().sum::<Result<_>>()
}

/// Has the process killed after so many seconds, or not any more.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: Sets a timer of this process.
    unsafe { libc::alarm(seconds) };
}

/// A userfaultfd that hears nothing, but has markers put where pages are to be write protected.
pub(crate) struct WriteProtect(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

impl WriteProtect {
    /// Write protects a whole mapping. Writes then go through: the kernel notes them and goes on.
    pub(crate) fn new(map: &Map) -> Result<Self> {
        const USER_MODE_ONLY: usize = 1;
        const API: u64 = 0xc018_aa3f;
        const REGISTER: u64 = 0xc020_aa00;
        const WRITEPROTECT: u64 = 0xc018_aa06;
        const VERSION: u64 = 0xaa;
        const MODE_WP: u64 = 2;
        const WP_UNPOPULATED: u64 = 1 << 13;
        const WP_ASYNC: u64 = 1 << 15;
        let flags = USER_MODE_ONLY | usize::try_from(libc::O_CLOEXEC)?;
        let fd = syscall(libc::SYS_userfaultfd, [flags, 0, 0, 0, 0])?;
        // SAFETY: The descriptor is new and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) };
        let (start, length) = (
            u64::try_from(map.address.addr())?,
            u64::try_from(map.length.next_multiple_of(4096))?,
        );
        let mut api = [VERSION, WP_ASYNC | WP_UNPOPULATED, 0];
        let mut register = [start, length, MODE_WP, 0];
        let mut protect = [start, length, 1];
        for (request, argument) in [
            (API, api.as_mut_ptr()),
            (REGISTER, register.as_mut_ptr()),
            (WRITEPROTECT, protect.as_mut_ptr()),
        ] {
            // SAFETY: The descriptor is open, and each structure is as long as its request says.
            check(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument) })
                .with_context(|| format!("request {request:#x} of userfaultfd"))?;
        }
        Ok(Self(fd))
    }
}
