// SPDX-License-Identifier: GPL-2.0-only
//! Mount options.
//!
//! | option | meaning |
//! |---|---|
//! | `phys=ADDR` | physical address of the image; required |
//! | `size=N` | size of the memory that holds the image; the image must fit |
//! | `validate` | run the complete structural check before mounting |
//! | `identity=sha256:HEX` | mount only the image with this identity |
//!
//! Numbers are decimal, or hexadecimal after `0x`, and may end in `K`, `M`, `G` or `T`.
//!
//! The file uses nothing of the kernel's, so that a fuzz target compiles it too.

use core::fmt;

use daxfs_format::Identity;

/// Alignment of an image in memory, in bytes.
pub(crate) const ALIGNMENT: u64 = 2 << 20;

/// Options of a mount.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Physical address of the image.
    pub(crate) phys: Option<u64>,
    /// Size in bytes of the memory that holds it.
    pub(crate) size: Option<u64>,
    /// Run the complete check.
    pub(crate) validate: bool,
    /// Identity that the image must have.
    pub(crate) identity: Option<Identity>,
}

/// The name of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Phys,
    Size,
    Validate,
    Identity,
}

impl Key {
    /// All options, in the order of their numbers.
    pub(crate) const ALL: [Self; 4] = [Self::Phys, Self::Size, Self::Validate, Self::Identity];

    /// Returns the option with this number.
    pub(crate) fn from_number(number: usize) -> Option<Self> {
        Self::ALL.get(number).copied()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Phys => "phys",
            Self::Size => "size",
            Self::Validate => "validate",
            Self::Identity => "identity",
        }
    }
}

/// A reason to refuse an option.
pub(crate) enum OptionError {
    /// It was given before.
    Repeated(Key),
    /// Its value is not a number.
    Number(Key),
    /// The address is not a multiple of 2 MiB.
    Misaligned(u64),
    /// The size is 0.
    EmptySize,
    /// The identity is malformed.
    Identity,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(key) => write!(f, "option {} is given twice", key.name()),
            Self::Number(key) => write!(
                f,
                "{}= takes a number of bytes, such as 0x10000000 or 256M",
                key.name()
            ),
            Self::Misaligned(phys) => {
                write!(f, "phys={phys:#x} is not a multiple of 2 MiB ({ALIGNMENT:#x})")
            }
            Self::EmptySize => f.write_str("size=0 holds no image"),
            Self::Identity => f.write_str(
                "identity= takes sha256: and 64 hexadecimal digits, as daxfs-inspect info prints",
            ),
        }
    }
}

impl Options {
    /// Sets an option to a value, which is empty for a flag.
    pub(crate) fn set(&mut self, key: Key, value: &[u8]) -> Result<(), OptionError> {
        let number = || parse_number(value).ok_or(OptionError::Number(key));
        match key {
            Key::Phys => once(&mut self.phys, key, aligned(number()?)?),
            Key::Size => once(&mut self.size, key, not_empty(number()?)?),
            Key::Identity => once(&mut self.identity, key, parse_identity(value)?),
            Key::Validate if self.validate => Err(OptionError::Repeated(key)),
            Key::Validate => {
                self.validate = true;
                Ok(())
            }
        }
    }

    /// Returns true if the mount verifies the metadata before it returns.
    pub(crate) fn verify(&self) -> bool {
        self.validate || self.identity.is_some()
    }

    /// Returns true if these options of a remount leave a mount unchanged that was made with
    /// `mounted` and has an image with this identity. `validate` is an action, and changes nothing.
    pub(crate) fn keep(&self, mounted: &Self, identity: &Identity) -> bool {
        let same = |wanted: Option<u64>, have| wanted.is_none() || wanted == have;
        same(self.phys, mounted.phys)
            && same(self.size, mounted.size)
            && self.identity.is_none_or(|wanted| wanted == *identity)
    }
}

fn once<T>(slot: &mut Option<T>, key: Key, value: T) -> Result<(), OptionError> {
    if slot.is_some() {
        return Err(OptionError::Repeated(key));
    }
    *slot = Some(value);
    Ok(())
}

fn aligned(phys: u64) -> Result<u64, OptionError> {
    if phys % ALIGNMENT == 0 {
        Ok(phys)
    } else {
        Err(OptionError::Misaligned(phys))
    }
}

fn not_empty(size: u64) -> Result<u64, OptionError> {
    if size == 0 {
        Err(OptionError::EmptySize)
    } else {
        Ok(size)
    }
}

fn parse_number(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'K' | b'k', digits) => (digits, 10),
        (b'M' | b'm', digits) => (digits, 20),
        (b'G' | b'g', digits) => (digits, 30),
        (b'T' | b't', digits) => (digits, 40),
        _ => (text, 0),
    };
    let (digits, radix) = match digits.strip_prefix(b"0x").or(digits.strip_prefix(b"0X")) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // The parser would accept a sign.
    let digits = core::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u64::from_str_radix(digits, radix).ok()?.checked_mul(1 << shift)
}

fn parse_identity(text: &[u8]) -> Result<Identity, OptionError> {
    Identity::parse(text).map_err(|_| OptionError::Identity)
}
