// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounting and unmounting, with good and bad arguments; these cases come last.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use daxfs_hostile::beyond::ARGUMENTS;

use super::{at, Case};
use crate::image::{mount_image, phys, MOUNT};
use crate::klog::KernelLog;
use crate::sample::{
    CLEAN_FILE, DIRTY_FILE, ENDLESS, HUGE_FILE, INNER_FILE, INNER_IMAGE, USER, WRONG_DIGEST,
};
use crate::sys::read_text;
use crate::{meminfo, sys};

pub(super) const CASES: &[Case] = &[
    ("bad-arguments", bad_arguments),
    (
        "options-of-users-stay-out-of-the-kernel-log",
        kernel_log_of_users,
    ),
    ("overlapping-mounts-are-refused", overlap),
    ("bytes-behind-the-end-that-are-not-zero", soiled),
    ("identity", identity),
    ("identity-ties-the-sections", forged_digest),
    ("a-lie-about-the-size-costs-nothing", endless),
    ("validate", validate),
    ("validate-verifies-the-digests", validated_digest),
    ("mounting-twice-shares", twice),
    ("mounting-needs-privilege", privilege),
    ("a-mount-in-use-stays", busy),
    ("idmapped-mounts", idmapped),
    ("unmounting-gives-everything-back", give_back),
    ("unloading-after-failed-mounts", unload_after_failures),
    ("unloading-gives-everything-back", unload),
];

const FSCONFIG_SET_FLAG: usize = 0;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_CREATE: usize = 6;

/// A mount context of the new mount API.
struct MountContext(OwnedFd);

impl MountContext {
    fn open() -> Result<Self> {
        let fd = sys::syscall(
            libc::SYS_fsopen,
            [sys::address_of(c"daxfs".to_bytes_with_nul()), 1, 0, 0, 0],
        )?;
        Ok(Self(sys::descriptor(fd)?))
    }

    fn set(&self, option: &str) -> Result<()> {
        let fd = usize::try_from(self.0.as_raw_fd())?;
        let (command, key, value) = match option.split_once('=') {
            Some((key, value)) => (FSCONFIG_SET_STRING, key, Some(CString::new(value)?)),
            None => (FSCONFIG_SET_FLAG, option, None),
        };
        let key = CString::new(key)?;
        let value = value
            .as_ref()
            .map_or(0, |value| sys::address_of(value.to_bytes_with_nul()));
        let key = sys::address_of(key.to_bytes_with_nul());
        sys::syscall(libc::SYS_fsconfig, [fd, command, key, value, 0]).map(drop)
    }

    fn create(&self) -> Result<()> {
        let fd = usize::try_from(self.0.as_raw_fd())?;
        sys::syscall(libc::SYS_fsconfig, [fd, FSCONFIG_CMD_CREATE, 0, 0, 0]).map(drop)
    }

    /// What the file system had to say.
    fn messages(&self) -> String {
        let mut all = String::new();
        let fd = usize::try_from(self.0.as_raw_fd()).unwrap_or(0);
        let mut buffer = [0_u8; 1000];
        loop {
            let room = sys::address_of_mut(&mut buffer);
            match sys::syscall(libc::SYS_read, [fd, room, 1000, 0, 0]).map(usize::try_from) {
                Ok(Ok(length)) => all.push_str(&String::from_utf8_lossy(&buffer[..length])),
                _ => return all,
            }
        }
    }
}

/// Tries to create a mount with these options; returns the error number (0 for none) and the messages.
pub(super) fn attempt(options: &str) -> Result<(i32, String)> {
    let context = MountContext::open()?;
    let mut result = Ok(());
    for option in options.split(',').filter(|option| !option.is_empty()) {
        result = result.and_then(|()| context.set(option));
    }
    let result = result.and_then(|()| context.create());
    let number = result.as_ref().err().map_or(0, sys::errno);
    Ok((number, context.messages()))
}

pub(super) fn refused(options: &str, number: i32, says: &str) -> Result<()> {
    let (found, messages) = attempt(options)?;
    ensure!(
        found == number,
        "{options:?}: error {found}, not {number}: {messages}"
    );
    ensure!(
        messages.contains(says),
        "{options:?}: says {messages:?}, not {says:?}"
    );
    Ok(())
}

/// The table of the page about hostile images, which also has what the module's parser is asked in user
/// space.
fn bad_arguments() -> Result<()> {
    let here = phys();
    for class in ARGUMENTS {
        ensure!(class.errno == "EINVAL", "{}: {}", class.name, class.errno);
        refused(
            &class.options.replace("HERE", &here),
            libc::EINVAL,
            class.says,
        )
        .context(class.name)?;
    }
    // Who goes on after a refusal gets what was not refused.
    let context = MountContext::open()?;
    context.set(&format!("phys={here}"))?;
    let again = context.set("phys=0x4000000");
    sys::expect_errno("a second address", again, libc::EINVAL)?;
    context.create().context("with the first address")?;
    // mount(2) has no context with a log, as mount(8) of many systems; the kernel log has it then.
    let told =
        || Ok::<_, anyhow::Error>(sys::kernel_log()?.contains("daxfs: unknown option branch"));
    ensure!(!told()?, "the kernel log repeats what contexts were told");
    let old = sys::mount("none", "/tmp", "daxfs", 0, &format!("phys={here},branch=x"));
    sys::expect_errno("mount(2)", old, libc::EINVAL)?;
    ensure!(told()?, "an unknown option is not in the kernel log");
    Ok(())
}

/// Becomes a user who is root in a namespace of his own: he may open mount contexts, and call mount(2).
fn become_root_of_nothing() -> Result<()> {
    let flags = usize::try_from(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    sys::become_user(USER, USER)?;
    sys::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0]).map(drop)
}

/// The name of an option that would begin a line of its own.
const FORGED: &str = "unheard\nforged";

/// How often a user tries to mount with it.
const TRIES: usize = 200;

/// Whoever is root in a namespace of his own hears what is wrong with his options, and the kernel log does not; of
/// mount(2) it hears now and then, and nobody writes a line of his own into it.
fn kernel_log_of_users() -> Result<()> {
    let mut log = KernelLog::follow()?;
    sys::in_child(mount_in_vain)?;
    let count = log.take()?.len();
    ensure!(
        count > 0 && count < TRIES / 2,
        "{count} messages of {TRIES}"
    );
    // Here, unlike above, the end of a line is one.
    let all = sys::kernel_log()?;
    let forged = all
        .lines()
        .find(|line| line.contains("forged") && !line.contains("daxfs: "));
    ensure!(forged.is_none(), "a line of its own: {forged:?}");
    sys::in_child(misuse_contexts)?;
    let ours = log.take()?;
    ensure!(ours.is_empty(), "contexts write {ours:?}");
    Ok(())
}

fn mount_in_vain() -> Result<()> {
    become_root_of_nothing()?;
    for _ in 0..TRIES {
        let result = sys::mount("none", "/tmp", "daxfs", 0, FORGED);
        sys::expect_errno("mount(2)", result, libc::EINVAL)?;
    }
    Ok(())
}

fn misuse_contexts() -> Result<()> {
    become_root_of_nothing()?;
    for (option, says) in [
        (FORGED, "unknown option unheard\\x0aforged\n"),
        ("phys=1", "is no multiple"),
        ("phys", "Bad value for 'phys'"),
        ("validate=1", "Unexpected value for 'validate'"),
    ] {
        let context = MountContext::open()?;
        sys::expect_errno(option, context.set(option), libc::EINVAL)?;
        let messages = context.messages();
        ensure!(messages.contains(says), "{option:?}: {messages:?}");
    }
    Ok(())
}

/// The address of a valid image within the image.
pub(super) fn inner_address() -> Result<u64> {
    let inner = super::reading::physical_address(INNER_IMAGE)?;
    let outer = parse(&phys())?;
    ensure!(
        inner > outer && inner % (2 << 20) == 0,
        "the inner image is at {inner:#x}"
    );
    Ok(inner)
}

/// Of two images that overlap in memory, only one can be mounted at a time.
fn overlap() -> Result<()> {
    let inner = format!("phys={:#x}", inner_address()?);
    refused(&inner, libc::EBUSY, "in use")?;
    sys::unmount(MOUNT, 0)?;
    sys::mount("none", MOUNT, "daxfs", 0, &inner).context("the inner image alone")?;
    let text = fs::read_to_string(at(INNER_FILE.0));
    let outer = refused(&format!("phys={}", phys()), libc::EBUSY, "in use");
    sys::unmount(MOUNT, 0)?;
    mount_image()?;
    ensure!(text? == INNER_FILE.1, "another file");
    outer
}

/// What is behind a file's end in its last page would be seen in a mapping: if it is not zero, the file
/// cannot be mapped. It can be read, and others of the image can be mapped.
fn soiled() -> Result<()> {
    let inner = format!("phys={:#x}", inner_address()?);
    sys::unmount(MOUNT, 0)?;
    sys::mount("none", MOUNT, "daxfs", 0, &inner).context("the inner image alone")?;
    let result = map_soiled();
    sys::unmount(MOUNT, 0)?;
    mount_image()?;
    result
}

fn map_soiled() -> Result<()> {
    for flags in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
        let map = super::mapping::map(DIRTY_FILE, libc::PROT_READ, flags);
        sys::expect_errno("a map of dirty bytes", map, libc::EUCLEAN)?;
        let map = super::mapping::map(CLEAN_FILE, libc::PROT_READ, flags)?;
        crate::pattern::expect(&map.copy(0, map.length())?, CLEAN_FILE.1, 0)?;
    }
    crate::pattern::expect(&fs::read(at(DIRTY_FILE.0))?, DIRTY_FILE.1, 0)
}

pub(super) fn parse(number: &str) -> Result<u64> {
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

/// The identity of the image at `phys`, which a refusal tells.
fn identity_at(phys: &str) -> Result<String> {
    let options = format!("phys={phys},identity=sha256:{}", "0".repeat(64));
    let (number, messages) = attempt(&options)?;
    ensure!(number == libc::EKEYREJECTED, "error {number}: {messages}");
    let (_, found) = messages
        .split_once("sha256:")
        .context("no identity in the message")?;
    Ok(found.get(..64).context("a short identity")?.to_owned())
}

/// A section whose checksum is right but whose digest is not that of the superblock is mounted by
/// whoever asks for nothing, and refused where the identity is given, though that is right.
fn forged_digest() -> Result<()> {
    refused_for_its_digest(|place| {
        let digits = identity_at(place)?;
        Ok(format!("identity=sha256:{digits}"))
    })
}

/// And so it is where the complete check is asked for, as daxfs-fsck finds it.
fn validated_digest() -> Result<()> {
    refused_for_its_digest(|_| Ok("validate".to_owned()))
}

/// The image whose digest is forged can be mounted, but not with this option.
fn refused_for_its_digest(option: impl Fn(&str) -> Result<String>) -> Result<()> {
    let place = format!("{:#x}", inner_address()? + WRONG_DIGEST);
    sys::unmount(MOUNT, 0)?;
    let plain = attempt(&format!("phys={place}"))?;
    let option = option(&place)?;
    let asked = refused(
        &format!("phys={place},{option}"),
        libc::EUCLEAN,
        "section-digest",
    );
    mount_image()?;
    ensure!(plain.0 == 0, "without {option}: {plain:?}");
    asked
}

/// An image of a few kilobytes that says it has 64 GiB: nothing is claimed or allocated for it.
fn endless() -> Result<()> {
    let place = format!("{:#x}", inner_address()? + ENDLESS);
    sys::unmount(MOUNT, 0)?;
    let believed = refused(&format!("phys={place}"), libc::EINVAL, "is RAM");
    let bounded = refused(
        &format!("phys={place},size=2M"),
        libc::EINVAL,
        "is less than the image's",
    );
    let left = claims()?;
    mount_image()?;
    ensure!(left == 0, "a claim is left");
    believed.and(bounded)
}

/// The identity that a refusal names is the one that is accepted.
fn identity() -> Result<()> {
    let options = |digits: &str| format!("phys={},identity=sha256:{digits}", phys());
    let digits = &identity_at(&phys())?;
    let (number, messages) = attempt(&options(digits))?;
    ensure!(number == 0, "the right identity is refused: {messages}");
    let (number, _) = attempt(&options(&digits.to_uppercase()))?;
    ensure!(number == 0, "upper case is refused");
    sys::unmount(MOUNT, 0)?;
    let fresh = attempt(&options(&"1".repeat(64)))?;
    sys::mount("none", MOUNT, "daxfs", 0, &options(digits))?;
    ensure!(
        fresh.0 == libc::EKEYREJECTED,
        "a fresh mount of another identity: {fresh:?}"
    );
    let mounts = read_text("/proc/mounts")?;
    ensure!(
        mounts.contains(&format!("identity=sha256:{digits}")),
        "not shown: {mounts}"
    );
    Ok(())
}

fn validate() -> Result<()> {
    let (number, messages) = attempt(&format!("phys={},validate", phys()))?;
    ensure!(number == 0, "a good image is refused: {messages}");
    sys::unmount(MOUNT, 0)?;
    sys::mount(
        "none",
        MOUNT,
        "daxfs",
        0,
        &format!("phys={},validate", phys()),
    )?;
    // It is an action, which a later remount must not repeat.
    ensure!(!read_text("/proc/mounts")?.contains("validate"), "shown");
    Ok(())
}

fn twice() -> Result<()> {
    fs::create_dir_all("/tmp/second")?;
    sys::mount(
        "none",
        "/tmp/second",
        "daxfs",
        0,
        &format!("phys={}", phys()),
    )?;
    let (one, two) = (
        fs::metadata(at("small"))?,
        fs::metadata("/tmp/second/small")?,
    );
    let again = fs::read("/tmp/second/small")?;
    sys::unmount("/tmp/second", 0)?;
    ensure!(
        one.dev() == two.dev() && one.ino() == two.ino(),
        "two superblocks for one image"
    );
    ensure!(again == fs::read(at("small"))?, "content differs");
    Ok(())
}

fn privilege() -> Result<()> {
    let options = format!("phys={}", phys());
    sys::in_child(|| {
        sys::become_user(USER, USER)?;
        let result = sys::mount("none", "/tmp", "daxfs", 0, &options);
        sys::expect_errno("a user's mount", result, libc::EPERM)
    })?;
    sys::in_child(|| {
        // In a user namespace of its own a user is root, but not of this machine's memory.
        become_root_of_nothing()?;
        let result = sys::mount("none", "/tmp", "daxfs", 0, &options);
        sys::expect_errno("a mount in a user namespace", result, libc::EPERM)
    })
}

fn busy() -> Result<()> {
    let file = fs::File::open(at("small"))?;
    sys::expect_errno(
        "an unmount with an open file",
        sys::unmount(MOUNT, 0),
        libc::EBUSY,
    )?;
    drop(file);
    let unloaded = sys::unload_module(c"daxfs");
    ensure!(unloaded.is_err(), "the module was unloaded under a mount");
    // A lazy unmount leaves what is in use alone until it is not.
    let map = super::mapping::map(HUGE_FILE, libc::PROT_READ, libc::MAP_SHARED)?;
    sys::unmount(MOUNT, libc::MNT_DETACH)?;
    crate::pattern::expect(&map.copy(0, map.length())?, HUGE_FILE.1, 0)?;
    drop(map);
    remount()
}

/// Mounts again; what a lazy unmount left is gone a moment after its last use.
fn remount() -> Result<()> {
    mount_image()
}

/// An idmapped mount shows root's files as the user's.
fn idmapped() -> Result<()> {
    let (ready, go) = (sys::pipe()?, sys::pipe()?);
    let (ready_end, go_end) = (
        usize::try_from(ready.1.as_raw_fd())?,
        usize::try_from(go.0.as_raw_fd())?,
    );
    let holder = sys::Child::fork(|| {
        let byte = [0_u8];
        let flags = usize::try_from(libc::CLONE_NEWUSER)?;
        sys::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0])?;
        sys::syscall(
            libc::SYS_write,
            [ready_end, sys::address_of(&byte), 1, 0, 0],
        )?;
        sys::syscall(libc::SYS_read, [go_end, sys::address_of(&byte), 1, 0, 0]).map(drop)
    })?;
    let byte = [0_u8];
    let fd = usize::try_from(ready.0.as_raw_fd())?;
    sys::syscall(libc::SYS_read, [fd, sys::address_of(&byte), 1, 0, 0])?;
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", holder.pid()), "0 7000 10000")?;
    }
    let result = mount_idmapped(&format!("/proc/{}/ns/user", holder.pid()));
    holder.signal(libc::SIGKILL)?;
    holder.wait()?;
    result
}

/// `struct mount_attr`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn mount_idmapped(namespace: &str) -> Result<()> {
    const OPEN_TREE_CLONE: usize = 1;
    const AT_EMPTY_PATH: usize = 0x1000;
    const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
    const MOVE_MOUNT_F_EMPTY_PATH: usize = 4;
    let cwd = usize::from_ne_bytes(i64::from(libc::AT_FDCWD).to_ne_bytes());
    let namespace = fs::File::open(namespace)?;
    let path = sys::address_of(c"/mnt".to_bytes_with_nul());
    let tree = sys::syscall(libc::SYS_open_tree, [cwd, path, OPEN_TREE_CLONE, 0, 0])?;
    let tree = usize::try_from(tree)?;
    let attributes = MountAttributes {
        set: MOUNT_ATTR_IDMAP,
        clear: 0,
        propagation: 0,
        user_namespace: u64::try_from(namespace.as_raw_fd())?,
    };
    let (empty, size) = (
        sys::address_of(c"".to_bytes_with_nul()),
        size_of::<MountAttributes>(),
    );
    let at = sys::address_of(&attributes);
    sys::syscall(
        libc::SYS_mount_setattr,
        [tree, empty, AT_EMPTY_PATH, at, size],
    )?;
    fs::create_dir_all("/tmp/mapped")?;
    let target = sys::address_of(c"/tmp/mapped".to_bytes_with_nul());
    sys::syscall(
        libc::SYS_move_mount,
        [tree, empty, cwd, target, MOVE_MOUNT_F_EMPTY_PATH],
    )?;
    let (private, owned) = (
        fs::metadata("/tmp/mapped/private")?,
        fs::metadata("/tmp/mapped/owned")?,
    );
    let readable = sys::in_child(|| {
        sys::become_user(7000, 7000)?;
        ensure!(
            fs::read("/tmp/mapped/private")? == b"private",
            "content differs"
        );
        Ok(())
    });
    sys::unmount("/tmp/mapped", libc::MNT_DETACH)?;
    sys::syscall(libc::SYS_close, [tree, 0, 0, 0, 0])?;
    ensure!(
        private.uid() == 7000,
        "root's file belongs to {}",
        private.uid()
    );
    ensure!(
        owned.uid() == 7000 + USER && owned.gid() == 9000,
        "owned by {}",
        owned.uid()
    );
    readable
}

/// Lines of /proc/iomem that are ours.
pub(super) fn claims() -> Result<usize> {
    Ok(read_text("/proc/iomem")?
        .lines()
        .filter(|line| line.ends_with(": daxfs"))
        .count())
}

/// Inodes in the cache, from /proc/slabinfo.
fn inodes() -> Result<u64> {
    let text = read_text("/proc/slabinfo")?;
    let line = text.lines().find(|line| line.starts_with("daxfs_inode"));
    line.map_or(Ok(0), |line| {
        Ok(line
            .split_whitespace()
            .nth(1)
            .context("no count")?
            .parse()?)
    })
}

/// The free memory in kB, once nothing more is given back: much is freed only some time after its last use.
fn free_memory() -> Result<i64> {
    const QUIET: u32 = 5;
    let (mut most, mut quiet) = (0, 0);
    while quiet < QUIET {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        let free = meminfo::free()?;
        quiet = if free > most { 0 } else { quiet + 1 };
        most = most.max(free);
        thread::sleep(Duration::from_millis(10));
    }
    Ok(most)
}

fn cycle() -> Result<()> {
    mount_image()?;
    for name in [
        "small",
        "huge",
        "link",
        "sparse",
        "deep/deeper/file",
        "many/x",
    ] {
        let _ = fs::read(at(name));
    }
    let map = super::mapping::map(crate::sample::BIG_FILE, libc::PROT_READ, libc::MAP_PRIVATE)?;
    for offset in (0..map.length()).step_by(4096) {
        map.touch(offset);
    }
    drop(map);
    sys::unmount(MOUNT, 0)
}

fn give_back() -> Result<()> {
    ensure!(claims()? == 1, "{} claims while mounted", claims()?);
    sys::unmount(MOUNT, 0)?;
    ensure!(claims()? == 0, "a claim is left");
    // A page for each mount; to verify an image takes 16 of them, and its struct pages 100.
    const LIMIT: i64 = 4;
    const ROUNDS: usize = 25;
    rounds(10)?;
    // Caches may grow once.
    let lost = rounds(ROUNDS)?.min(rounds(ROUNDS)?);
    println!("{ROUNDS} mounts lost {lost} kB");
    ensure!(
        lost < LIMIT * i64::try_from(ROUNDS)?,
        "{ROUNDS} mounts lost {lost} kB"
    );
    mount_image()
}

/// Mounts, uses and unmounts; returns how many kB of memory are gone since.
fn rounds(count: usize) -> Result<i64> {
    let before = free_memory()?;
    for _ in 0..count {
        cycle()?;
    }
    Ok(before - free_memory()?)
}

/// A mount that fails, early or late, keeps neither the module nor the range.
fn unload_after_failures() -> Result<()> {
    let here = phys();
    // A file of words in a row, which begins at a multiple of 2 MiB.
    let elsewhere = super::reading::physical_address(HUGE_FILE.0)?;
    sys::unmount(MOUNT, 0)?;
    for (options, number) in [
        (String::new(), libc::EINVAL),
        ("phys=0x1000".to_owned(), libc::EINVAL),
        (format!("phys={here},size=4096"), libc::EINVAL),
        (
            format!("phys={here},identity=sha256:{}", "0".repeat(64)),
            libc::EKEYREJECTED,
        ),
        (format!("phys={elsewhere:#x}"), libc::EUCLEAN),
    ] {
        refused(&options, number, "")?;
        ensure!(claims()? == 0, "{options:?} keeps its claim");
    }
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    ensure!(inodes()? == 0, "inodes are left");
    sys::load_module("/daxfs.ko").context("cannot load it again")?;
    mount_image()
}

fn unload() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    ensure!(claims()? == 0 && inodes()? == 0, "something is left");
    ensure!(
        !read_text("/proc/filesystems")?.contains("daxfs"),
        "still registered"
    );
    ensure!(
        !read_text("/proc/modules")?.contains("daxfs"),
        "still loaded"
    );
    sys::load_module("/daxfs.ko").context("cannot load it again")?;
    mount_image()?;
    ensure!(fs::metadata(at("small"))?.len() == 100, "another image");
    Ok(())
}
