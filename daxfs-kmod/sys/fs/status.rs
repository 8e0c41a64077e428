// SPDX-License-Identifier: GPL-2.0-only
//! Files in sysfs that tell the state of mounts: `/sys/fs/TYPE/`, with a directory for each mount.

use core::fmt::{Arguments, Display};
use core::marker::PhantomData;

use kernel::error::{code, to_result};
use kernel::ffi::{c_char, c_int, c_void};
use kernel::prelude::*;
use kernel::sync::SetOnce;
use kernel::types::Opaque;

use super::superblock::Superblock;
use super::FileSystem;
use crate::sys::raw;
use crate::sys::size::PAGE_SIZE;

/// The state of mounts that sysfs shows.
pub(crate) trait Status: FileSystem {
    /// Files in the directory of each mount.
    const FILES: &'static [MountFile<Self>];

    /// Files in the directory of the file system type.
    const TYPE_FILES: &'static [TypeFile];

    /// Returns the name of a mount's directory. Mounts with different keys have different names.
    fn name(mount: &Self::Mount) -> impl Display;
}

/// A file in the directory of each mount.
#[repr(C)]
pub(crate) struct MountFile<F: FileSystem> {
    attribute: raw::attribute,
    print: fn(&F::Mount, &mut Text<'_>),
}

impl<F: FileSystem> MountFile<F> {
    /// A file with this name, which `print` fills.
    pub(crate) const fn new(name: &'static CStr, print: fn(&F::Mount, &mut Text<'_>)) -> Self {
        Self { attribute: readable(name), print }
    }
}

/// A file in the directory of the file system type.
#[repr(C)]
pub(crate) struct TypeFile {
    attribute: raw::kobj_attribute,
    print: fn(&mut Text<'_>),
}

impl TypeFile {
    /// A file with this name, which `print` fills.
    pub(crate) const fn new(name: &'static CStr, print: fn(&mut Text<'_>)) -> Self {
        let attribute = raw::kobj_attribute {
            attr: readable(name),
            show: Some(show_type_file),
            ..pin_init::zeroed()
        };
        Self { attribute, print }
    }
}

/// The attribute of a file that everybody may read.
const fn readable(name: &'static CStr) -> raw::attribute {
    raw::attribute { name: name.as_ptr().cast(), mode: 0o444, ..pin_init::zeroed() }
}

/// The text of a file, at most a page.
///
/// # Invariants
/// The pointer is that to the buffer of a page that the function of a file was given, and
/// `length` bytes of it are filled.
pub(crate) struct Text<'a> {
    buffer: *mut c_char,
    length: c_int,
    _buffer: PhantomData<&'a mut c_char>,
}

impl Text<'_> {
    /// Adds to the text. A text that does not fit is cut off.
    pub(crate) fn print(&mut self, text: Arguments<'_>) {
        // CAST: A page is smaller than 2^31.
        if self.length >= PAGE_SIZE as c_int {
            return;
        }
        let arguments = (&raw const text).cast::<c_void>();
        // SAFETY: By the invariant the buffer is that of a file, which the function demands, and
        // the length is smaller than a page; `%pA` takes a pointer to `Arguments`.
        let added = unsafe {
            raw::sysfs_emit_at(self.buffer, self.length, c"%pA".as_char_ptr(), arguments)
        };
        // INVARIANT: The function returns the number of bytes that it has filled.
        self.length += added;
    }
}

/// Fills the buffer of a file. Returns the length of its text.
///
/// # Safety
/// `buffer` is the buffer that the function of a file was given.
unsafe fn fill(buffer: *mut c_char, print: impl FnOnce(&mut Text<'_>)) -> isize {
    // INVARIANT: By the contract of this function; nothing is filled.
    let mut text = Text { buffer, length: 0, _buffer: PhantomData };
    print(&mut text);
    // CAST: The length is at most a page.
    text.length as isize
}

/// The directory of the file system type.
///
/// # Invariants
/// The pointer is that to an object with a count of ours.
#[derive(Clone, Copy)]
struct Object(*mut raw::kobject);

// SAFETY: An object of sysfs belongs to no thread.
unsafe impl Send for Object {}
// SAFETY: The methods only pass the pointer to functions that lock.
unsafe impl Sync for Object {}

/// Set by [`TypeDirectory::create`], which happens once.
static TYPE: SetOnce<Object> = SetOnce::new();

/// The directory of the file system type, as long as the value lives.
pub(super) struct TypeDirectory(Object);

impl TypeDirectory {
    /// Creates the directory with its files.
    ///
    /// # Safety
    /// The function is called once, and the value is dropped after the last mount.
    pub(super) unsafe fn create<F: Status>(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is a C string; the parent exists since the kernel has started.
        let object = unsafe { raw::kobject_create_and_add(name.as_char_ptr(), raw::fs_kobj) };
        if object.is_null() {
            return Err(code::ENOMEM);
        }
        // INVARIANT: The function returns an object with a count for the caller.
        let directory = Self(Object(object));
        for file in F::TYPE_FILES {
            // SAFETY: The object is in sysfs. The attribute lives as long as the module, which
            // outlives the directory, and the object's type calls `kobj_attribute::show`.
            to_result(unsafe {
                raw::sysfs_create_file_ns(object, &raw const file.attribute.attr, core::ptr::null())
            })?;
        }
        TYPE.populate(directory.0);
        Ok(directory)
    }
}

impl Drop for TypeDirectory {
    fn drop(&mut self) {
        // SAFETY: By the invariant this gives up our count, the last one: there is no mount.
        unsafe { raw::kobject_put(self.0 .0) };
    }
}

unsafe extern "C" fn show_type_file(
    _object: *mut raw::kobject,
    attribute: *mut raw::kobj_attribute,
    buffer: *mut c_char,
) -> isize {
    // SAFETY: The attribute is the first field of a `TypeFile`: only these have this function.
    let file = unsafe { &*attribute.cast_const().cast::<TypeFile>() };
    // SAFETY: sysfs passes the buffer.
    unsafe { fill(buffer, file.print) }
}

/// The object of a mount's directory, which frees itself with its last count.
#[repr(C)]
struct MountObject<F> {
    object: Opaque<raw::kobject>,
    superblock: *mut raw::super_block,
    _type: PhantomData<F>,
}

/// The directory of a mount, as long as the value lives.
///
/// # Invariants
/// The pointer is that to an object with a count of ours, initialised with the type of `F`. Its
/// superblock is one of `F` that is not shut down while the value lives.
pub(super) struct MountDirectory<F>(*mut MountObject<F>);

// SAFETY: An object of sysfs belongs to no thread.
unsafe impl<F> Send for MountDirectory<F> {}
// SAFETY: No method takes the value by a shared reference.
unsafe impl<F> Sync for MountDirectory<F> {}

impl<F: Status> MountDirectory<F> {
    const OPERATIONS: raw::sysfs_ops =
        raw::sysfs_ops { show: Some(show_mount_file::<F>), ..pin_init::zeroed() };

    const TYPE: raw::kobj_type = raw::kobj_type {
        release: Some(release::<F>),
        sysfs_ops: &Self::OPERATIONS,
        ..pin_init::zeroed()
    };

    /// Creates the directory with its files.
    ///
    /// # Safety
    /// The value is dropped before the superblock is shut down.
    pub(super) unsafe fn create(superblock: &Superblock<F>) -> Result<Self> {
        let parent = TYPE.as_ref().ok_or(code::ENODEV)?.0;
        let mount = superblock.mount()?;
        let object = KBox::new(
            MountObject::<F> {
                object: Opaque::zeroed(),
                superblock: superblock.as_ptr(),
                _type: PhantomData,
            },
            GFP_KERNEL,
        )?;
        let object = KBox::into_raw(object);
        let object_type: &'static raw::kobj_type = &Self::TYPE;
        let name = F::name(mount);
        let name = format_args!("{name}");
        // SAFETY: The object is zeroed, and lives until its last count goes. The parent has a count
        // of its directory's, which exists as long as there are mounts. `%pA` takes a pointer to
        // `Arguments`.
        let added = unsafe {
            raw::kobject_init_and_add(
                object.cast(),
                object_type,
                parent,
                c"%pA".as_char_ptr(),
                (&raw const name).cast::<c_void>(),
            )
        };
        // INVARIANT: The object is initialised, also on failure, with a count for the caller. The
        // superblock is one of `F`; the rest is by the contract of this function.
        let directory = Self(object);
        to_result(added)?;
        for file in F::FILES {
            // SAFETY: The object is in sysfs. The attribute lives as long as the module, which
            // outlives the directory, and the object's type has the function for such files.
            to_result(unsafe {
                raw::sysfs_create_file_ns(object.cast(), &raw const file.attribute, core::ptr::null())
            })?;
        }
        // SAFETY: The superblock is valid, and the field has as many bytes as stated. The caller
        // fills the superblock, so that nothing reads its name. `%pA` takes a pointer to
        // `Arguments`.
        unsafe {
            let field = &raw mut (*superblock.as_ptr()).s_sysfs_name;
            let arguments = (&raw const name).cast::<c_void>();
            raw::scnprintf(field.cast(), size_of_val(&*field), c"%pA".as_char_ptr(), arguments);
        }
        Ok(directory)
    }
}

impl<F> Drop for MountDirectory<F> {
    /// Removes the directory, after waiting for readers of its files.
    fn drop(&mut self) {
        // SAFETY: By the invariant the object is initialised, and we have a count of it. The first
        // function also takes an object that is not in sysfs.
        unsafe {
            raw::kobject_del(self.0.cast());
            raw::kobject_put(self.0.cast());
        }
    }
}

unsafe extern "C" fn release<F>(object: *mut raw::kobject) {
    // SAFETY: The object is the first field of a box that `MountDirectory::create` leaked: only
    // these have this type. Nothing has a count of it any more.
    drop(unsafe { KBox::from_raw(object.cast::<MountObject<F>>()) });
}

unsafe extern "C" fn show_mount_file<F: Status>(
    object: *mut raw::kobject,
    attribute: *mut raw::attribute,
    buffer: *mut c_char,
) -> isize {
    // SAFETY: Objects with this function are `MountObject<F>`, and their files are `MountFile<F>`,
    // of which these are the first fields. Removing the directory waits for the end of this
    // function, and the superblock is not shut down before that.
    let (file, superblock) = unsafe {
        let object = object.cast::<MountObject<F>>();
        let file = &*attribute.cast_const().cast::<MountFile<F>>();
        (file, Superblock::<F>::from_raw((*object).superblock))
    };
    match superblock.mount() {
        // SAFETY: sysfs passes the buffer.
        Ok(mount) => unsafe { fill(buffer, |text| (file.print)(mount, text)) },
        Err(error) => {
            // CAST: Error numbers end at 4095. The type has 64 bits.
            error.to_errno() as isize
        }
    }
}
