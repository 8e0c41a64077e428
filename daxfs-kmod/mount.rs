// SPDX-License-Identifier: GPL-2.0-only
//! The mount API: file system type, mount contexts, superblocks.
//!
//! One superblock stands for one image in memory: whoever mounts the same address again gets the
//! same superblock, after the checks that this mount asks for.

use daxfs_format::InodeKind;
use kernel::error::{code, to_result};
use kernel::ffi::c_int;
use kernel::prelude::*;
use kernel::sync::SetOnce;

use crate::errno;
use crate::inode;
use crate::mounted::{refused, Mounted};
use crate::options::{Key, Options};
use crate::poison;
use crate::sys::log::Log;
use crate::sys::{raw, status, this_module, Table};
use crate::vfs;

/// What a superblock points at. It exists before the image is open, so that two mounts of one
/// address find each other.
struct Instance {
    phys: u64,
    mounted: SetOnce<Mounted>,
}

/// The mount of a superblock.
///
/// # Safety
/// `sb` is a superblock of this file system, and for `'a` it has an inode or is not shut down: the
/// caller holds a reference to an inode or a dentry, or the superblock's `s_umount`.
#[inline]
pub(crate) unsafe fn mounted<'a>(sb: *const raw::super_block) -> Result<&'a Mounted> {
    // SAFETY: Superblocks of this file system point at an `Instance` until they are gone. What is in
    // it is dropped by `put_super`, after the last inode, or with the superblock. Walks of paths that
    // hold nothing but the RCU lock do not come here: our operations send them away first.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: As above.
    let mounted = unsafe { &(*instance).mounted };
    mounted.as_ref().ok_or(code::EIO)
}

/// The registration of the file system type.
pub(crate) struct Registration(());

struct TypeCell(core::cell::UnsafeCell<raw::file_system_type>);

// SAFETY: Only the VFS writes the type, under its own lock.
unsafe impl Sync for TypeCell {}

static TYPE: TypeCell = TypeCell(core::cell::UnsafeCell::new(raw::file_system_type {
    owner: this_module(),
    name: c"daxfs".as_ptr().cast(),
    // CAST: A flag, which is not the uppermost.
    fs_flags: raw::FS_ALLOW_IDMAP as c_int,
    init_fs_context: Some(init_context),
    parameters: PARAMETERS.0.as_ptr(),
    kill_sb: Some(kill_superblock),
    ..pin_init::zeroed()
}));

impl Registration {
    /// Registers the type.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The type lives as long as the module.
        to_result(unsafe { raw::register_filesystem(TYPE.0.get()) })?;
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: It was registered. The module goes, so there is no superblock.
        unsafe { raw::unregister_filesystem(TYPE.0.get()) };
    }
}

/// The flag of a superblock that nobody can write to, as contexts have it.
// CAST: It is the lowest bit.
const READ_ONLY: u32 = raw::DAXFS_SB_RDONLY as u32;

/// The options, in the order of [`Key::ALL`], and an empty entry at the end.
static PARAMETERS: Table<[raw::fs_parameter_spec; 5]> = Table([
    text(c"phys", 0),
    text(c"size", 1),
    raw::fs_parameter_spec { name: c"validate".as_ptr().cast(), opt: 2, ..pin_init::zeroed() },
    text(c"identity", 3),
    pin_init::zeroed(),
]);

const fn text(name: &'static CStr, opt: u8) -> raw::fs_parameter_spec {
    raw::fs_parameter_spec {
        name: name.as_ptr().cast(),
        type_: Some(raw::fs_param_is_string),
        opt,
        ..pin_init::zeroed()
    }
}

static CONTEXT: Table<raw::fs_context_operations> = Table(raw::fs_context_operations {
    free: Some(free_context),
    parse_param: Some(parse_parameter),
    get_tree: Some(get_tree),
    reconfigure: Some(reconfigure),
    ..pin_init::zeroed()
});

unsafe extern "C" fn init_context(context: *mut raw::fs_context) -> c_int {
    let options = match KBox::new(Options::default(), GFP_KERNEL) {
        Ok(options) => options,
        Err(error) => return Error::from(error).to_errno(),
    };
    // SAFETY: The context is new and ours to fill.
    let context = unsafe { &mut *context };
    context.fs_private = KBox::into_raw(options).cast();
    context.ops = CONTEXT.get();
    0
}

unsafe extern "C" fn free_context(context: *mut raw::fs_context) {
    // SAFETY: The context is valid.
    let context = unsafe { &mut *context };
    if !context.fs_private.is_null() {
        // SAFETY: `init_context` put the box there; nobody uses it any more.
        drop(unsafe { KBox::<Options>::from_raw(context.fs_private.cast()) });
    }
    if !context.s_fs_info.is_null() {
        // SAFETY: `get_tree` put the box there, and no superblock took it.
        drop(unsafe { KBox::<Instance>::from_raw(context.s_fs_info.cast()) });
    }
}

unsafe extern "C" fn parse_parameter(
    context: *mut raw::fs_context,
    parameter: *mut raw::fs_parameter,
) -> c_int {
    let mut result = pin_init::zeroed();
    // SAFETY: The context is valid.
    let prefix = unsafe { &raw mut (*context).log };
    // SAFETY: Log and parameter are valid; the table ends with an empty entry.
    let number = unsafe { raw::__fs_parse(prefix, PARAMETERS.0.as_ptr(), parameter, &mut result) };
    // SAFETY: The context is valid.
    let log = unsafe { Log::of(context) };
    let Ok(key) = usize::try_from(number) else {
        // SAFETY: The parameter is valid.
        let name = unsafe { (*parameter).key };
        // SAFETY: The name of a parameter is a C string.
        let name = unsafe { CStr::from_char_ptr(name) };
        return refuse_parameter(number, name, log);
    };
    let Some(key) = Key::from_number(key) else { return code::EINVAL.to_errno() };
    let value = match key {
        Key::Validate => &[][..],
        _ => {
            // SAFETY: The specification says that this parameter is a string.
            let value = unsafe { (*parameter).__bindgen_anon_1.string };
            // SAFETY: As above: it is a C string.
            unsafe { CStr::from_char_ptr(value) }.to_bytes()
        }
    };
    // SAFETY: The context is valid.
    let options = unsafe { (*context).fs_private }.cast::<Options>();
    // SAFETY: `init_context` put the options there, and calls on one context are serialised.
    let options = unsafe { &mut *options };
    match options.set(key, value) {
        Ok(()) => 0,
        Err(refusal) => {
            log.error(format_args!("{refusal}"));
            code::EINVAL.to_errno()
        }
    }
}

/// What to return for a parameter that the table does not take, because of the error `number`.
fn refuse_parameter(number: c_int, name: &CStr, log: Log<'_>) -> c_int {
    // CAST: The kernel's numbers end at 4095.
    if number != -(raw::ENOPARAM as c_int) {
        pr_err!("option {}: the value cannot be taken\n", name);
    } else if name.to_bytes() != b"source" {
        let name = name.to_str().unwrap_or("that is no text");
        log.error(format_args!("unknown option {name}"));
        return code::EINVAL.to_errno();
    }
    // The VFS takes the source, and has told the context what else is wrong.
    number
}

unsafe extern "C" fn get_tree(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS calls with a valid context, and serialises the calls.
    let context = unsafe { &mut *context };
    // SAFETY: The context is one of ours.
    status(unsafe { find_or_create(context) }.map(|()| 0))
}

/// Finds the superblock of the address, or makes it.
///
/// # Safety
/// The context was initialised by `init_context`.
unsafe fn find_or_create(context: &mut raw::fs_context) -> Result {
    // SAFETY: The context is valid during this call.
    let log = unsafe { Log::of(context) };
    // SAFETY: `init_context` put the options there.
    let options = unsafe { *context.fs_private.cast::<Options>() };
    let Some(phys) = options.phys else {
        log.error(format_args!("phys=ADDR is needed: where in physical memory the image begins"));
        return Err(code::EINVAL);
    };
    let instance = KBox::new(Instance { phys, mounted: SetOnce::new() }, GFP_KERNEL)?;
    context.s_fs_info = KBox::into_raw(instance).cast();
    context.sb_flags |= READ_ONLY;
    // SAFETY: The context carries an instance, which is what the functions want.
    let sb = unsafe { raw::sget_fc(context, Some(is_same), Some(raw::set_anon_super_fc)) };
    let sb = kernel::error::from_err_ptr(sb)?;
    // SAFETY: The superblock is valid and locked for us.
    if let Err(error) = unsafe { check_or_fill(sb, phys, &options, log) } {
        // SAFETY: The superblock is locked, and this gives up our reference.
        unsafe { raw::deactivate_locked_super(sb) };
        return Err(error);
    }
    // SAFETY: The superblock is valid and locked for us.
    let root = unsafe { (*sb).s_root };
    // SAFETY: The superblock has a root by now.
    context.root = unsafe { raw::daxfs_dget(root) };
    Ok(())
}

/// Whether an existing superblock is that of the address that a context asks for.
unsafe extern "C" fn is_same(sb: *mut raw::super_block, context: *mut raw::fs_context) -> c_int {
    // SAFETY: The superblock is valid.
    let here = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: The context is valid.
    let asked = unsafe { (*context).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`, whose `phys` nobody writes.
    let have = unsafe { (*here).phys };
    // SAFETY: So do the contexts for which superblocks are looked for.
    let wanted = unsafe { (*asked).phys };
    c_int::from(have == wanted)
}

/// # Safety
/// `sb` is a superblock of this file system, locked.
unsafe fn check_or_fill(
    sb: *mut raw::super_block,
    phys: u64,
    options: &Options,
    log: Log<'_>,
) -> Result {
    // SAFETY: The superblock is valid.
    if unsafe { (*sb).s_root }.is_null() {
        let opened = Mounted::open(phys, options, log)?;
        // SAFETY: It has no root, so it is new.
        return unsafe { fill(sb, opened, log) };
    }
    // SAFETY: The superblock is ours, and has a root.
    unsafe { mounted(sb) }?.check_again(options, log)
}

/// Fills a new superblock.
///
/// # Safety
/// `sb` is a new superblock of this file system, locked.
unsafe fn fill(sb: *mut raw::super_block, opened: Mounted, log: Log<'_>) -> Result {
    // SAFETY: The superblock is valid.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`.
    unsafe { &(*instance).mounted }.populate(opened);
    // SAFETY: The superblock is ours, and locked.
    let mounted = unsafe { mounted(sb) }?;
    // SAFETY: It is new, and locked.
    unsafe { vfs::superblock::set_up(sb, mounted) };
    // SAFETY: The superblock is ours; `kill_superblock` hides it before it goes.
    unsafe { poison::show(mounted.image().memory(), sb) };
    let root = mounted.image().superblock().root();
    // This is read again below; here the one who mounts hears what is wrong with it.
    mounted.image().inode(root).map_err(|error| refused(error, log))?;
    // SAFETY: The superblock is ours and points at a mount.
    let inode = unsafe { inode::get(sb, root) }?;
    // SAFETY: The inode was just read, and we have a reference.
    if !matches!(unsafe { inode::stored(inode) }.kind, InodeKind::Directory(_)) {
        // SAFETY: Gives up our reference.
        unsafe { raw::iput(inode) };
        log.error(format_args!("corrupt image: root inode {root} is no directory"));
        return Err(errno::corrupt());
    }
    // SAFETY: This takes our reference over, also when it fails.
    let root = unsafe { raw::d_make_root(inode) };
    if root.is_null() {
        return Err(code::ENOMEM);
    }
    // SAFETY: The superblock is locked.
    unsafe { (*sb).s_root = root };
    // SAFETY: As above; it is complete now.
    unsafe { (*sb).s_flags |= raw::DAXFS_SB_ACTIVE };
    Ok(())
}

unsafe extern "C" fn reconfigure(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS calls with a valid context, and serialises the calls.
    let context = unsafe { &mut *context };
    // SAFETY: The context is one of ours.
    status(unsafe { remount(context) }.map(|()| 0))
}

/// # Safety
/// The context is one for reconfiguration, initialised by `init_context`.
unsafe fn remount(context: &mut raw::fs_context) -> Result {
    // SAFETY: The context is valid during this call.
    let log = unsafe { Log::of(context) };
    // SAFETY: `init_context` put the options there.
    let options = unsafe { *context.fs_private.cast::<Options>() };
    let writable = context.sb_flags_mask & !context.sb_flags & READ_ONLY != 0;
    if writable {
        log.error(format_args!("an image is immutable and cannot be remounted for writing"));
        return Err(errno::read_only());
    }
    // SAFETY: A context for reconfiguration has a root.
    let sb = unsafe { (*context.root).d_sb };
    // SAFETY: The superblock is one of ours, and locked.
    let mounted = unsafe { mounted(sb) }?;
    if !options.keep(mounted.options(), mounted.identity()) {
        log.error(format_args!("phys, size and identity cannot be changed by a remount"));
        return Err(code::EINVAL);
    }
    if options.validate {
        mounted.check_again(&options, log)?;
    }
    Ok(())
}

/// Lets go of the image when no inode is left. The superblock can still be found: those who mount the
/// address again wait for its end, and then find the memory free.
pub(crate) unsafe extern "C" fn put_super(sb: *mut raw::super_block) {
    // SAFETY: The superblock is valid.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`.
    let mounted = unsafe { &raw mut (*instance).mounted };
    // SAFETY: The superblock is locked for being shut down and has neither inodes nor mounts, so that
    // nobody has a reference to what is dropped or will get one. Others look at `phys` only.
    unsafe { *mounted = SetOnce::new() };
}

unsafe extern "C" fn kill_superblock(sb: *mut raw::super_block) {
    // SAFETY: The superblock is valid; its info is ours until it is freed below.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: The superblock has not been shut down.
    if let Ok(mounted) = unsafe { mounted(sb) } {
        poison::hide(mounted.image().memory());
    }
    // SAFETY: The superblock is valid, and locked.
    if unsafe { (*sb).s_root }.is_null() {
        // The VFS does this for superblocks that got a root. Here the mount failed, perhaps after the
        // image was opened; who mounts the address meanwhile waits until the next call lets him go on.
        // SAFETY: The superblock is locked, and no inode of it is left: without a root it keeps none.
        unsafe { put_super(sb) };
    }
    // SAFETY: The superblock was set up by `set_anon_super_fc`.
    unsafe { raw::kill_anon_super(sb) };
    // SAFETY: `find_or_create` put the box there; the superblock has no inodes any more.
    drop(unsafe { KBox::from_raw(instance) });
}

