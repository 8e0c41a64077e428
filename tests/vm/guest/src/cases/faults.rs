// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allocations that fail: the first of an operation, the second, and so on until there are no more.
//! Each time the operation fails as for lack of memory, or gets by without and gives what it always does,
//! and the file system is as it was before. What is lost on the way the leak detector finds at the end of the suite.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{bail, ensure, Context, Result};
use libc::{c_long, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::handles::{self, Handle};
use super::mounting::claims;
use super::{at, Case};
use crate::image::{mount_image, phys, MOUNT};
use crate::klog::KernelLog;
use crate::sample::{self, BIG_FILE, HUGE_FILE, SMALL_FILE, SPARSE_SIZE, WIDE_FILE};
use crate::sys::read_text;
use crate::sys::Map;
use crate::{pattern, sys};

pub(super) const CASES: &[Case] = &[
    ("failing-allocations-of-lookup", lookup),
    ("failing-allocations-of-open-and-read", read),
    ("failing-allocations-of-readdir", readdir),
    ("failing-allocations-of-symlinks", symlinks),
    ("failing-allocations-of-attributes", attributes),
    ("failing-allocations-of-handles", open_handles),
    ("failing-allocations-of-mmap", mmap),
    ("failing-allocations-of-faults", touch),
    ("page-tables-that-find-no-memory", populate),
    ("failing-allocations-of-mount", mount),
    ("failing-allocations-of-unmount", unmount),
];

/// Where allocations are told to fail.
const SLAB: &str = "/sys/kernel/debug/failslab";
const PAGES: &str = "/sys/kernel/debug/fail_page_alloc";

/// More allocations than any operation makes.
const LIMIT: u32 = 5000;

/// After how many of them a sign of life is given.
const SAY_EVERY: u32 = 20;

/// What makes allocations of this thread fail.
struct Injector {
    file: File,
    log: KernelLog,
}

impl Injector {
    fn new() -> Result<Self> {
        for directory in [SLAB, PAGES] {
            set(directory, "verbose", "0")?;
            // Every allocation, not only those that may not wait.
            set(directory, "ignore-gfp-wait", "N")?;
            spare(directory, "arch_add_memory")?;
        }
        every_page()?;
        let path = "/proc/thread-self/fail-nth";
        let file = OpenOptions::new().read(true).write(true).open(path);
        Ok(Self {
            file: file.with_context(|| format!("cannot open {path}"))?,
            log: KernelLog::follow()?,
        })
    }

    /// Does `act` with the allocation number `nth` failing; its result or the number of its error, and
    /// whether it made that many.
    fn attempt(
        &self,
        nth: u32,
        act: &mut dyn FnMut() -> c_long,
    ) -> Result<(Result<c_long, i32>, bool)> {
        self.file.write_all_at(nth.to_string().as_bytes(), 0)?;
        let result = act();
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        let mut left = [0; 16];
        let length = self.file.read_at(&mut left, 0)?;
        self.file.write_all_at(b"0", 0)?;
        let left = String::from_utf8_lossy(left.get(..length).unwrap_or_default());
        let failed = left.trim() == "0";
        let result = if result == -1 { Err(error) } else { Ok(result) };
        Ok((result, failed))
    }
}

fn set(directory: &str, name: &str, value: &str) -> Result<()> {
    let path = format!("{directory}/{name}");
    fs::write(&path, value).with_context(|| format!("cannot write {path}"))
}

/// Single pages can fail, too.
fn every_page() -> Result<()> {
    set(PAGES, "ignore-gfp-highmem", "N")?;
    set(PAGES, "min-order", "0")
}

/// Lets allocations that a function of the kernel makes succeed: adding memory, which a mount asks for,
/// has no way back in the kernel itself (it warns, or follows a null pointer).
fn spare(directory: &str, function: &str) -> Result<()> {
    let (start, end) = code_of(function)?;
    set(directory, "reject-start", &start.to_string())?;
    set(directory, "reject-end", &end.to_string())
}

/// Where the code of a function of the kernel begins and ends.
fn code_of(function: &str) -> Result<(u64, u64)> {
    let symbols = read_text("/proc/kallsyms")?;
    let address = |line: &str| -> Option<(u64, String)> {
        let mut words = line.split_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        Some((address, words.nth(1)?.to_owned()))
    };
    let mut all: Vec<_> = symbols.lines().filter_map(address).collect();
    all.sort();
    let found = all.iter().find(|(_, name)| name == function);
    let start = found
        .with_context(|| format!("the kernel has no {function}"))?
        .0;
    let end = all
        .iter()
        .map(|(address, _)| *address)
        .find(|&end| end > start);
    let end = end.with_context(|| format!("{function} has no end"))?;
    Ok((start, end))
}

/// An operation whose allocations are to fail.
struct Operation<'a> {
    name: &'a str,
    /// Done before each attempt.
    prepare: &'a dyn Fn() -> Result<()>,
    /// The operation; -1 is a failure.
    act: &'a mut dyn FnMut() -> c_long,
    /// Looks at what has succeeded, and takes it back.
    judge: &'a dyn Fn(c_long) -> Result<()>,
    /// Errors for lack of memory.
    errors: &'a [i32],
}

/// Makes every allocation of an operation fail once.
fn exhaust(operation: Operation<'_>) -> Result<()> {
    let Operation {
        name,
        prepare,
        act,
        judge,
        errors,
    } = operation;
    let mut injector = Injector::new()?;
    let mut outcomes: BTreeMap<i32, u32> = BTreeMap::new();
    for nth in 1..LIMIT {
        prepare()?;
        let (result, injected) = injector.attempt(nth, act)?;
        if let Ok(result) = result {
            judge(result).with_context(|| format!("{name}: allocation {nth}"))?;
        }
        injector
            .log
            .expect_no_bug()
            .with_context(|| format!("{name}: allocation {nth}"))?;
        match result {
            Err(error) if !injected => bail!("{name} failed by itself with error {error}"),
            Ok(_) if !injected => {
                print(name, nth - 1, &outcomes);
                return Ok(());
            }
            Err(error) => {
                ensure!(
                    errors.contains(&error),
                    "{name}: allocation {nth}: error {error}"
                );
                *outcomes.entry(error).or_default() += 1;
            }
            Ok(_) => *outcomes.entry(0).or_default() += 1,
        }
        if nth % SAY_EVERY == 0 {
            injector.log.say(&format!("{name}: {nth}"))?;
        }
        well().with_context(|| format!("{name}: after allocation {nth} had failed"))?;
    }
    bail!("{name}: allocations without end")
}

fn print(name: &str, injected: u32, outcomes: &BTreeMap<i32, u32>) {
    let outcomes: Vec<String> = outcomes
        .iter()
        .map(|(error, count)| match error {
            0 => format!("{count} succeeded without"),
            error => format!("{count}: {}", io::Error::from_raw_os_error(*error)),
        })
        .collect();
    println!(
        "{name}: {injected} allocations failed: {}",
        outcomes.join(", ")
    );
}

/// The file system is mounted, and shows what it holds; or it is not, and nothing is claimed.
fn well() -> Result<()> {
    let mounted = read_text("/proc/mounts")?.contains(" /mnt daxfs ");
    let claims = claims()?;
    ensure!(
        claims == usize::from(mounted),
        "{claims} claims, mounted: {mounted}"
    );
    if mounted {
        let (name, seed, _) = SMALL_FILE;
        pattern::expect(&fs::read(at(name))?, seed, 0)?;
        ensure!(
            fs::read_dir(at("deep"))?.count() == 1,
            "a directory has changed"
        );
    }
    Ok(())
}

fn nothing() -> Result<()> {
    Ok(())
}

/// Mounts the image anew, so that no name and no inode is known but the root's. To drop the caches of those that
/// are known leaves some of them, now these and now those.
fn forget_names() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    mount_image()
}

fn forget_pages() -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3").context("cannot drop caches")
}

/// Whether a descriptor is one of this file; closes it.
fn expect_file(fd: c_long, name: &str) -> Result<()> {
    let file = File::from(sys::descriptor(fd)?);
    let (found, wanted) = (file.metadata()?.ino(), fs::metadata(at(name))?.ino());
    ensure!(found == wanted, "inode {found} for {wanted}");
    Ok(())
}

/// Whether `length` bytes, which an operation has put into `buffer`, are those that it puts there always.
fn expect_bytes(buffer: &RefCell<Vec<u8>>, length: c_long, wanted: &[u8]) -> Result<()> {
    let buffer = buffer.borrow();
    let found = buffer.get(..usize::try_from(length)?);
    ensure!(found == Some(wanted), "{length} bytes, or other ones");
    Ok(())
}

fn path(name: &str) -> Result<CString> {
    sys::cstring(at(name))
}

fn lookup() -> Result<()> {
    let name = "deep/deeper/file";
    let (path, wanted) = (path(name)?, fs::symlink_metadata(at(name))?.ino());
    let stat: RefCell<libc::stat> = RefCell::new(sys::zeroed());
    exhaust(Operation {
        name: "lookup",
        prepare: &forget_names,
        // SAFETY: The path is a C string, the buffer is writable.
        act: &mut || unsafe { libc::lstat(path.as_ptr(), stat.as_ptr()) }.into(),
        judge: &|_| {
            let found = stat.borrow().st_ino;
            ensure!(found == wanted, "inode {found} for {wanted}");
            Ok(())
        },
        errors: &[libc::ENOMEM],
    })
}

fn read() -> Result<()> {
    for name in [SMALL_FILE.0, WIDE_FILE.0, "sparse"] {
        let path = path(name)?;
        let mut wanted = fs::read(at(name))?;
        wanted.truncate(70_000);
        let buffer = RefCell::new(vec![0_u8; 70_000]);
        exhaust(Operation {
            name: &format!("open and read of {name}"),
            prepare: &forget_names,
            act: &mut || read_once(&path, &mut buffer.borrow_mut()),
            judge: &|length| expect_bytes(&buffer, length, &wanted),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn read_once(path: &CStr, buffer: &mut [u8]) -> c_long {
    // SAFETY: The path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY) };
    if fd == -1 {
        return -1;
    }
    // SAFETY: The buffer is writable.
    let count = unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    // SAFETY: The descriptor is ours; closing it leaves the error number of the read alone.
    unsafe { libc::syscall(libc::SYS_close, fd) };
    c_long::try_from(count).unwrap_or(-1)
}

fn readdir() -> Result<()> {
    let path = path("many")?;
    let mut wanted = vec![0_u8; 1 << 18];
    let length = sys::check(list_once(&path, &mut wanted))?;
    wanted.truncate(usize::try_from(length)?);
    let buffer = RefCell::new(vec![0_u8; 1 << 18]);
    exhaust(Operation {
        name: "readdir",
        prepare: &forget_names,
        act: &mut || list_once(&path, &mut buffer.borrow_mut()),
        judge: &|length| expect_bytes(&buffer, length, &wanted),
        errors: &[libc::ENOMEM],
    })
}

fn list_once(path: &CStr, buffer: &mut [u8]) -> c_long {
    // SAFETY: The path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) };
    if fd == -1 {
        return -1;
    }
    let (room, length) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: The buffer is writable.
    let result = unsafe { libc::syscall(libc::SYS_getdents64, fd, room, length) };
    // SAFETY: The descriptor is ours.
    unsafe { libc::syscall(libc::SYS_close, fd) };
    result
}

fn symlinks() -> Result<()> {
    let wanted = fs::read_link(at("long-link"))?;
    let buffer = RefCell::new(vec![0_u8; 4096]);
    let (link, through) = (path("long-link")?, path("link")?);
    exhaust(Operation {
        name: "readlink",
        prepare: &forget_names,
        act: &mut || {
            let room = buffer.borrow_mut().as_mut_ptr().cast();
            // SAFETY: The path is a C string, the buffer is writable.
            let length = unsafe { libc::readlink(link.as_ptr(), room, 4096) };
            c_long::try_from(length).unwrap_or(-1)
        },
        judge: &|length| expect_bytes(&buffer, length, wanted.as_os_str().as_bytes()),
        errors: &[libc::ENOMEM],
    })?;
    exhaust(Operation {
        name: "open through a link",
        prepare: &forget_names,
        // SAFETY: The path is a C string.
        act: &mut || unsafe { libc::open(through.as_ptr(), libc::O_RDONLY) }.into(),
        judge: &|fd| expect_file(fd, "link"),
        errors: &[libc::ENOMEM],
    })
}

fn attributes() -> Result<()> {
    let buffer = RefCell::new(vec![0_u8; 65536]);
    for (file, name) in [
        ("attributes", c"user.long"),
        ("acl", c"system.posix_acl_access"),
        ("attributes", c""),
    ] {
        let path = path(file)?;
        let what = match name.to_str()? {
            "" => "listxattr",
            name => name,
        };
        let mut wanted = vec![0_u8; 65536];
        let length = sys::check(attribute_once(&path, name, &mut wanted))?;
        wanted.truncate(usize::try_from(length)?);
        exhaust(Operation {
            name: what,
            prepare: &forget_names,
            act: &mut || attribute_once(&path, name, &mut buffer.borrow_mut()),
            judge: &|length| expect_bytes(&buffer, length, &wanted),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn attribute_once(path: &CStr, name: &CStr, buffer: &mut [u8]) -> c_long {
    let (room, length) = (buffer.as_mut_ptr(), buffer.len());
    let result = if name.is_empty() {
        // SAFETY: The path is a C string, the buffer is writable.
        unsafe { libc::llistxattr(path.as_ptr(), room.cast(), length) }
    } else {
        // SAFETY: Path and name are C strings, the buffer is writable.
        unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), room.cast(), length) }
    };
    c_long::try_from(result).unwrap_or(-1)
}

fn open_handles() -> Result<()> {
    let root = RefCell::new(None);
    for name in ["deep/deeper/file", "deep/deeper/deeper"] {
        let handle: Handle = handles::handle_of(name, 0)?;
        exhaust(Operation {
            name: &format!("open_by_handle_at of {name}"),
            prepare: &|| {
                root.replace(None);
                forget_names()?;
                root.replace(Some(File::open(MOUNT)?));
                Ok(())
            },
            act: &mut || match root.borrow().as_ref() {
                Some(root) => handles::open_raw(root, &handle, libc::O_RDONLY),
                None => -1,
            },
            judge: &|fd| expect_file(fd, name),
            // The kernel calls a handle stale whatever went wrong with it on the way.
            errors: &[libc::ENOMEM, libc::ESTALE],
        })?;
    }
    Ok(())
}

fn mmap() -> Result<()> {
    for (name, _, size) in [WIDE_FILE, HUGE_FILE, ("sparse", 0, SPARSE_SIZE)] {
        let file = File::open(at(name))?;
        let length = usize::try_from(size)?;
        exhaust(Operation {
            name: &format!("mmap of {name}"),
            prepare: &nothing,
            act: &mut || map_once(&file, length),
            judge: &|_| Ok(()),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn map_once(file: &File, length: usize) -> c_long {
    let fd = file.as_raw_fd();
    // SAFETY: The kernel chooses the address.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), length, PROT_READ, MAP_SHARED, fd, 0) };
    if address == libc::MAP_FAILED {
        return -1;
    }
    // SAFETY: The mapping is ours, and nothing uses it.
    unsafe { libc::munmap(address, length) };
    0
}

/// Pages of a file that are touched in a mapping.
struct Area {
    name: &'static str,
    size: u64,
    /// Where in the file the mapping begins.
    from: u64,
    protection: i32,
    flags: i32,
}

impl Area {
    const fn of(file: (&'static str, u64, u64), protection: i32, flags: i32) -> Self {
        let (name, _, size) = file;
        Self {
            name,
            size,
            from: 0,
            protection,
            flags,
        }
    }

    fn map(&self) -> Result<Map> {
        let (file, length) = (File::open(at(self.name))?, self.size - self.from);
        Map::new(&file, self.from, length, self.protection, self.flags)
    }

    fn is_written(&self) -> bool {
        self.protection & PROT_WRITE != 0
    }

    /// Touches the first pages and one in each table behind them; says where another page was than `wanted`.
    fn touch(&self, map: &Map, wanted: &[u8]) -> Option<usize> {
        let near = (0..map.length().min(64 * 4096)).step_by(4096);
        let far = (0..map.length()).step_by(2 << 20);
        let mut wrong = None;
        for offset in near.chain(far) {
            if self.is_written() {
                map.write(offset, 1);
            }
            if wanted.get(offset + 1) != Some(&map.touch(offset + 1)) {
                wrong = Some(offset);
            }
        }
        wrong
    }
}

const SPARSE_FILE: (&str, u64, u64) = ("sparse", 0, SPARSE_SIZE);

const AREAS: &[Area] = &[
    Area::of(WIDE_FILE, PROT_READ, MAP_SHARED),
    Area::of(HUGE_FILE, PROT_READ, MAP_PRIVATE),
    // It begins with small pages, whose table nobody else has needed.
    Area {
        from: 4096,
        ..Area::of(HUGE_FILE, PROT_READ, MAP_SHARED)
    },
    Area::of(BIG_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE),
    Area::of(SPARSE_FILE, PROT_READ, MAP_SHARED),
    Area::of(SPARSE_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE),
];

/// Faults get by without: the page is touched again until there is memory, and then is the right one.
fn touch() -> Result<()> {
    AREAS.iter().try_for_each(touch_area)
}

fn touch_area(area: &Area) -> Result<()> {
    let map = RefCell::new(area.map()?);
    let wanted = fs::read(at(area.name))?.split_off(usize::try_from(area.from)?);
    let wrong = Cell::new(None);
    let what = if area.is_written() { "write" } else { "read" };
    exhaust(Operation {
        name: &format!("{what} faults of {} from {}", area.name, area.from),
        prepare: &|| {
            forget_pages()?;
            map.replace(area.map()?);
            Ok(())
        },
        act: &mut || {
            wrong.set(area.touch(&map.borrow(), &wanted));
            0
        },
        judge: &|_| {
            let wrong = wrong.get();
            ensure!(wrong.is_none(), "another page at {wrong:?}");
            Ok(())
        },
        errors: &[],
    })
}

/// The page tables of this thread find no memory while this lives, however often they are asked for. The
/// pages that are set aside for one before a fault reaches the file system do.
struct NoTables {
    file: File,
    log: KernelLog,
}

impl NoTables {
    fn begin() -> Result<Self> {
        let log = KernelLog::follow()?;
        let (start, end) = code_of("__pte_alloc")?;
        every_page()?;
        for (name, value) in [
            ("verbose", "0"),
            ("ignore-gfp-wait", "N"),
            ("require-start", &start.to_string()),
            ("require-end", &end.to_string()),
            ("task-filter", "Y"),
            ("times", "-1"),
            ("probability", "100"),
        ] {
            set(PAGES, name, value)?;
        }
        let path = "/proc/thread-self/make-it-fail";
        let file = OpenOptions::new().write(true).open(path);
        let file = file.with_context(|| format!("cannot open {path}"))?;
        file.write_all_at(b"1", 0)?;
        Ok(Self { file, log })
    }
}

impl Drop for NoTables {
    fn drop(&mut self) {
        // If this fails, so do the cases that follow.
        let _ = self.file.write_all_at(b"0", 0);
        for (name, value) in [
            ("probability", "0"),
            ("require-start", "0"),
            ("require-end", &u64::MAX.to_string()),
        ] {
            let _ = set(PAGES, name, value);
        }
    }
}

/// Faults that the kernel makes itself, to fill a mapping, do not come again for ever when no page table finds
/// memory, as they would in a control group that has none left: the call fails.
fn populate() -> Result<()> {
    const SECONDS: u32 = 30;
    const MADV_POPULATE_READ: i32 = 22;
    let area = &Area {
        from: 4096,
        ..Area::of(HUGE_FILE, PROT_READ, MAP_SHARED)
    };
    let (advised, locked) = (area.map()?, area.map()?);
    for map in [&advised, &locked] {
        // Then some tables are for this mapping alone, wherever it lies.
        map.advise(libc::MADV_NOHUGEPAGE)?;
    }
    let file = File::open(at(area.name))?;
    // SAFETY: Who loops in the kernel is killed.
    unsafe { libc::alarm(SECONDS) };
    let mut none = NoTables::begin()?;
    let results = (
        advised.advise(MADV_POPULATE_READ).map_err(Into::into),
        locked.lock(),
        Map::new(
            &file,
            area.from,
            area.size - area.from,
            area.protection,
            area.flags | libc::MAP_POPULATE,
        ),
    );
    let logged = none.log.expect_no_bug();
    drop(none);
    // SAFETY: Takes the alarm back.
    unsafe { libc::alarm(0) };
    logged?;
    let (advice, lock, populated) = results;
    sys::expect_errno("MADV_POPULATE_READ", advice, libc::ENOMEM)?;
    // What mlock(2) calls the same.
    sys::expect_errno("mlock", lock, libc::EAGAIN)?;
    // With memory, all is there.
    advised.advise(MADV_POPULATE_READ)?;
    locked.lock()?;
    let wanted = fs::read(at(area.name))?.split_off(usize::try_from(area.from)?);
    for map in [advised, locked, populated.context("MAP_POPULATE")?] {
        ensure!(map.copy(0, map.length())? == wanted, "other bytes");
    }
    Ok(())
}

/// What mount(2) takes.
struct Mount {
    options: CString,
}

impl Mount {
    fn with(options: &str) -> Result<Self> {
        Ok(Self {
            options: CString::new(format!("phys={}{options}", phys()))?,
        })
    }

    fn once(&self) -> c_long {
        let options = self.options.as_ptr().cast();
        // SAFETY: All strings are C strings.
        let result = unsafe {
            libc::mount(
                c"none".as_ptr(),
                c"/mnt".as_ptr(),
                c"daxfs".as_ptr(),
                0,
                options,
            )
        };
        result.into()
    }
}

/// The kernel reports an address range that it could not note down as one that is taken.
const MOUNT_ERRORS: &[i32] = &[libc::ENOMEM, libc::EBUSY];

fn mount() -> Result<()> {
    let identity = current_identity()?;
    sys::unmount(MOUNT, 0)?;
    for options in ["", ",validate", &format!(",identity=sha256:{identity}")] {
        let mount = Mount::with(options)?;
        let name = match options.split('=').next() {
            Some("") | None => "mount".to_owned(),
            Some(option) => format!("mount with {}", option.trim_start_matches(',')),
        };
        exhaust(Operation {
            name: &name,
            prepare: &nothing,
            act: &mut || mount.once(),
            judge: &|_| sys::unmount(MOUNT, 0),
            errors: MOUNT_ERRORS,
        })?;
    }
    nothing_is_left()?;
    mount_image()?;
    fs::create_dir_all("/tmp/again")?;
    let options = CString::new(format!("phys={}", phys()))?;
    exhaust(Operation {
        name: "mount of what is mounted",
        prepare: &nothing,
        act: &mut || {
            let (target, options) = (c"/tmp/again".as_ptr(), options.as_ptr().cast());
            // SAFETY: All strings are C strings.
            let result =
                unsafe { libc::mount(c"none".as_ptr(), target, c"daxfs".as_ptr(), 0, options) };
            result.into()
        },
        judge: &|_| sys::unmount("/tmp/again", 0),
        errors: &[libc::ENOMEM],
    })
}

/// The identity of the image, as a refusal of another one tells it.
fn current_identity() -> Result<String> {
    let (_, messages) = super::mounting::attempt(&format!(
        "phys={},identity=sha256:{}",
        phys(),
        "0".repeat(64)
    ))?;
    let (_, found) = messages.split_once("sha256:").context("no identity")?;
    Ok(found.get(..64).context("a short identity")?.to_owned())
}

/// Nothing of the file system is left, and the module goes; the kernel complains when a cache is taken
/// away that still has inodes. Those that were freed are in quarantine, so counting says nothing.
fn nothing_is_left() -> Result<()> {
    gone()?;
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    sys::load_module("/daxfs.ko").context("cannot load it again")
}

fn gone() -> Result<()> {
    ensure!(claims()? == 0, "a claim is left");
    Ok(())
}

fn unmount() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    let use_it = || -> Result<()> {
        mount_image()?;
        for name in [SMALL_FILE.0, "sparse", "deep/deeper/file"] {
            fs::read(at(name))?;
        }
        let file: OwnedFd = File::open(at(sample::ODD_FILE.0))?.into();
        drop(file);
        Ok(())
    };
    exhaust(Operation {
        name: "unmount",
        prepare: &|| {
            if read_text("/proc/mounts")?.contains(" /mnt daxfs ") {
                sys::unmount(MOUNT, 0)?;
            }
            use_it()
        },
        // SAFETY: The path is a C string.
        act: &mut || unsafe { libc::umount2(c"/mnt".as_ptr(), 0) }.into(),
        judge: &|_| gone(),
        errors: &[libc::ENOMEM],
    })?;
    nothing_is_left()?;
    mount_image()
}
