// SPDX-License-Identifier: GPL-2.0-only
//! The mount API: the file system type, mount contexts and their options.

use kernel::error::{code, to_result};
use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::errno;
use crate::mount::{find_or_create, kill_superblock, mounted, Instance, READ_ONLY};
use crate::options::{Key, Options};
use crate::sys::log::Log;
use crate::sys::{raw, status, this_module, Table};

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
            log.refuse_option(format_args!("{refusal}"));
            code::EINVAL.to_errno()
        }
    }
}

/// What to return for a parameter that the table does not take, because of the error `number`.
fn refuse_parameter(number: c_int, name: &CStr, log: Log<'_>) -> c_int {
    // CAST: The kernel's numbers end at 4095.
    if number != -(raw::ENOPARAM as c_int) || name.to_bytes() == b"source" {
        // The VFS takes the source, and has told the context what is wrong with a value.
        return number;
    }
    // What is not printable is escaped: a name that holds the end of a line begins no other.
    log.refuse_option(fmt!("unknown option {}", name));
    code::EINVAL.to_errno()
}

unsafe extern "C" fn get_tree(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS calls with a valid context, and serialises the calls.
    let context = unsafe { &mut *context };
    // SAFETY: The context is one of ours.
    status(unsafe { find_or_create(context) }.map(|()| 0))
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
