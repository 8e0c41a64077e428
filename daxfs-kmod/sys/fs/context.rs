// SPDX-License-Identifier: GPL-2.0-only
//! Mount contexts and their parameters.

use core::marker::PhantomData;

use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::FileSystem;
use crate::sys::log::Log;
use crate::sys::raw;

/// Parameters of the mounts of a file system.
pub(crate) trait Parameters: FileSystem {
    /// Values of the parameters of one context.
    type Options: Default;

    /// The parameters, numbered from 0 on in their order, with [`Specification::END`] at the end.
    /// This is checked at compile time.
    const SPECIFICATIONS: &'static [Specification];

    /// Takes a parameter.
    fn set(options: &mut Self::Options, parameter: Parameter<'_>, log: Log<'_>) -> Result;
}

/// The specification of a parameter.
#[repr(transparent)]
pub(crate) struct Specification(raw::fs_parameter_spec);

// SAFETY: The VFS only reads specifications, and what they point to: strings and functions.
unsafe impl Sync for Specification {}

impl Specification {
    /// The end of a list.
    pub(crate) const END: Self = Self(pin_init::zeroed());

    /// A parameter without a value.
    pub(crate) const fn flag(name: &'static CStr, number: u8) -> Self {
        let name = name.as_ptr().cast();
        Self(raw::fs_parameter_spec { name, opt: number, ..pin_init::zeroed() })
    }

    /// A parameter whose value is a string.
    pub(crate) const fn string(name: &'static CStr, number: u8) -> Self {
        Self(raw::fs_parameter_spec {
            name: name.as_ptr().cast(),
            type_: Some(raw::fs_param_is_string),
            opt: number,
            ..pin_init::zeroed()
        })
    }

    /// Returns true if the number of each parameter is its index, and [`Specification::END`] ends
    /// the list.
    pub(super) const fn are_numbered(mut list: &[Self]) -> bool {
        let mut number = 0;
        while let [first, rest @ ..] = list {
            if rest.is_empty() {
                return first.0.name.is_null();
            }
            if first.0.opt != number || first.0.name.is_null() {
                return false;
            }
            number += 1;
            list = rest;
        }
        false
    }
}

/// A parameter that a context was given.
pub(crate) enum Parameter<'a> {
    /// The parameter with this number, with its value, which is empty for a flag.
    Known(usize, &'a [u8]),
    /// A parameter without a specification.
    Unknown(&'a CStr),
}

/// A mount context of `F`.
///
/// # Invariants
/// The pointer is that to a context that is valid for `'a`, was prepared by [`prepare`], and
/// nothing else uses it.
pub(crate) struct FsContext<'a, F>(*mut raw::fs_context, PhantomData<(&'a mut raw::fs_context, F)>);

impl<'a, F: Parameters> FsContext<'a, F> {
    /// Creates a reference from C's.
    ///
    /// # Safety
    /// `context` is what the invariants say.
    pub(super) unsafe fn from_raw(context: *mut raw::fs_context) -> Self {
        // INVARIANT: By the contract of this function.
        Self(context, PhantomData)
    }

    /// Returns the context as C takes it.
    pub(super) fn as_ptr(&self) -> *mut raw::fs_context {
        self.0
    }

    /// Returns the destination of messages.
    pub(crate) fn log(&self) -> Log<'a> {
        // SAFETY: By the invariant the context is valid for `'a`.
        unsafe { Log::of(self.0) }
    }

    /// Returns the values of the parameters.
    pub(crate) fn options(&self) -> &F::Options {
        // SAFETY: By the invariant `prepare` put a box of options there, and nothing else uses it.
        unsafe { &*(*self.0).fs_private.cast() }
    }

    /// Makes the superblock stay read-only, whatever the context asks for.
    pub(super) fn keep_read_only(&self) {
        // SAFETY: By the invariant the context is valid, and nothing else uses it.
        unsafe { (*self.0).sb_flags |= READ_ONLY };
    }

    /// Takes a parameter.
    pub(super) fn set(&mut self, parameter: &raw::fs_parameter) -> Result {
        let parameter = self.parse(parameter)?;
        // SAFETY: By the invariant `prepare` put a box of options there, and nothing else uses it.
        let options = unsafe { &mut *(*self.0).fs_private.cast::<F::Options>() };
        F::set(options, parameter, self.log())
    }

    /// Finds the specification of a parameter. The VFS takes the parameter `source`, and reports
    /// values of a wrong type; both are errors here.
    fn parse<'p>(&self, parameter: &'p raw::fs_parameter) -> Result<Parameter<'p>> {
        let list = F::SPECIFICATIONS.as_ptr().cast();
        let mut result = pin_init::zeroed();
        // SAFETY: By the invariant the context is valid, and so is its log. The parameter is valid,
        // and not written. `prepare` asserts that the list has an end; the type is transparent.
        let number = unsafe {
            let log = &raw mut (*self.0).log;
            raw::__fs_parse(log, list, (&raw const *parameter).cast_mut(), &mut result)
        };
        let Ok(known) = usize::try_from(number) else {
            // SAFETY: The name of a parameter is a C string, which lives as long as the parameter.
            let name = unsafe { CStr::from_char_ptr(parameter.key) };
            // CAST: Error numbers end at 4095.
            if number != -(raw::ENOPARAM as c_int) || name.to_bytes() == b"source" {
                return Err(Error::from_errno(number));
            }
            return Ok(Parameter::Unknown(name));
        };
        let specification = F::SPECIFICATIONS.get(known).ok_or(code::EINVAL)?;
        if specification.0.type_.is_none() {
            return Ok(Parameter::Known(known, &[]));
        }
        // SAFETY: `__fs_parse()` returned the number of the specification that it matched, which is
        // this one: `prepare` asserts that numbers are indices. It is `string`, so the function has
        // checked that this is the variant, a C string, which lives as long as the parameter.
        let value = unsafe { CStr::from_char_ptr(parameter.__bindgen_anon_1.string) };
        Ok(Parameter::Known(known, value.to_bytes()))
    }
}

/// The flag of a superblock that cannot be written, as contexts hold it.
// CAST: It is the lowest bit.
pub(super) const READ_ONLY: u32 = raw::DAXFS_SB_RDONLY as u32;

/// Gives a new context its options and its table.
///
/// # Safety
/// `context` is a new context that only the caller uses; the table is one of `F`.
pub(super) unsafe fn prepare<F: Parameters>(
    context: *mut raw::fs_context,
    table: &'static raw::fs_context_operations,
) -> Result {
    const { assert!(Specification::are_numbered(F::SPECIFICATIONS)) };
    let options = KBox::new(F::Options::default(), GFP_KERNEL)?;
    // SAFETY: By the contract of this function.
    unsafe {
        (*context).fs_private = KBox::into_raw(options).cast();
        (*context).ops = table;
    }
    Ok(())
}

/// Frees the options of a context.
///
/// # Safety
/// `context` is a context of `F`, prepared or not, that nothing uses any more.
pub(super) unsafe fn free_options<F: Parameters>(context: *mut raw::fs_context) {
    // SAFETY: By the contract of this function.
    let options = unsafe { (*context).fs_private }.cast::<F::Options>();
    if !options.is_null() {
        // SAFETY: `prepare` put the box there, and nothing uses it any more.
        drop(unsafe { KBox::from_raw(options) });
    }
}
