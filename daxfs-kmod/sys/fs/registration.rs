// SPDX-License-Identifier: GPL-2.0-only
//! The file system type, and the functions of its mount contexts.

use core::cell::UnsafeCell;
use core::marker::PhantomData;

use kernel::error::to_result;
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::cache::InodeCache;
use super::context::{free_options, prepare, FsContext};
use super::mount::{free_info, kill_superblock, Mounts};
use super::status::TypeDirectory;
use super::superblock::Superblock;
use crate::sys::errno::status;
use crate::sys::module::this_module;
use crate::sys::once::Once;
use crate::sys::raw;

struct TypeCell(UnsafeCell<raw::file_system_type>);

// SAFETY: `Registration` writes the type before it is registered; after that the VFS accesses it,
// under its own locks.
unsafe impl Sync for TypeCell {}

static TYPE: TypeCell = TypeCell(UnsafeCell::new(pin_init::zeroed()));
static ONCE: Once = Once::new();

/// The registration of the file system type. Fields are dropped in order: the service after the
/// last mount.
pub(crate) struct Registration<F: Mounts> {
    _type: RegisteredType,
    _inodes: InodeCache,
    _directory: TypeDirectory,
    _service: F::Service,
}

struct RegisteredType(());

impl<F: Mounts> Registration<F> {
    /// Registers the type, whose mounts use `service`. Returns `EBUSY` on every call but the first.
    pub(crate) fn new(service: F::Service) -> Result<Self> {
        ONCE.claim()?;
        // SAFETY: `ONCE` makes this the only cache, and `F` the only file system. The cache is
        // dropped after the type is unregistered, when there is no superblock.
        let inodes = unsafe { InodeCache::create::<F>() }?;
        // SAFETY: `ONCE` makes this the only call. The directory is dropped after the type is
        // unregistered, when there is no mount.
        let directory = unsafe { TypeDirectory::create::<F>(F::NAME) }?;
        let system = raw::file_system_type {
            owner: this_module(),
            name: F::NAME.as_char_ptr(),
            // CAST: A flag, which is not the uppermost.
            fs_flags: raw::FS_ALLOW_IDMAP as c_int,
            init_fs_context: Some(init_context::<F>),
            parameters: F::SPECIFICATIONS.as_ptr().cast(),
            kill_sb: Some(kill_superblock::<F>),
            ..pin_init::zeroed()
        };
        // SAFETY: `ONCE` makes this the only access before the type is registered. It lives as long
        // as the module, and the functions are those of `F`.
        to_result(unsafe {
            *TYPE.0.get() = system;
            raw::register_filesystem(TYPE.0.get())
        })?;
        Ok(Self {
            _type: RegisteredType(()),
            _inodes: inodes,
            _directory: directory,
            _service: service,
        })
    }
}

impl Drop for RegisteredType {
    fn drop(&mut self) {
        // SAFETY: The type was registered. The module is being unloaded, so that there is no
        // superblock.
        unsafe { raw::unregister_filesystem(TYPE.0.get()) };
    }
}

struct Tables<F>(PhantomData<F>);

impl<F: Mounts> Tables<F> {
    const CONTEXT: raw::fs_context_operations = raw::fs_context_operations {
        free: Some(free_context::<F>),
        parse_param: Some(parse_parameter::<F>),
        get_tree: Some(get_tree::<F>),
        reconfigure: Some(reconfigure::<F>),
        ..pin_init::zeroed()
    };
}

unsafe extern "C" fn init_context<F: Mounts>(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS passes a new context of the type of `F` that nothing else uses.
    status(unsafe { prepare::<F>(context, &Tables::<F>::CONTEXT) })
}

unsafe extern "C" fn free_context<F: Mounts>(context: *mut raw::fs_context) {
    // SAFETY: The VFS passes a context of `F` that nothing uses any more.
    unsafe {
        free_info::<F>(context);
        free_options::<F>(context);
    }
}

unsafe extern "C" fn parse_parameter<F: Mounts>(
    context: *mut raw::fs_context,
    parameter: *mut raw::fs_parameter,
) -> c_int {
    // SAFETY: The VFS passes a context that `init_context` prepared, and serialises calls with it;
    // the parameter is valid, and nothing writes it during the call.
    let (mut context, parameter) = unsafe { (FsContext::<F>::from_raw(context), &*parameter) };
    status(context.set(parameter))
}

unsafe extern "C" fn get_tree<F: Mounts>(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS passes a context that `init_context` prepared, and serialises calls with it.
    let context = unsafe { FsContext::<F>::from_raw(context) };
    status(F::get_tree(&context).map(|superblock| context.set_root(superblock)))
}

unsafe extern "C" fn reconfigure<F: Mounts>(context: *mut raw::fs_context) -> c_int {
    // SAFETY: The VFS passes a context that `init_context` prepared, and serialises calls with it.
    // Such a context has a root, of a superblock of `F`, whose `s_umount` the VFS holds.
    let (context, superblock) = unsafe {
        let sb = (*(*context).root).d_sb;
        (FsContext::<F>::from_raw(context), Superblock::<F>::from_raw(sb))
    };
    // A line of fstab without `ro` must not make a remount fail.
    context.keep_read_only();
    status(superblock.mount().and_then(|mount| F::reconfigure(&context, mount)))
}
