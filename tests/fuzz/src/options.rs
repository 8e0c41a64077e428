// SPDX-License-Identifier: MIT OR Apache-2.0
//! Option parsers: the one of the kernel module, which is plain Rust, and those of the tools.
//!
//! | first byte of an input | the rest |
//! |---|---|
//! | `k` | mount options with commas between them; each is the number of an option, and its value after `=` |
//! | `m`, `f`, `i` | arguments of `mkdaxfs`, `daxfs-fsck`, `daxfs-inspect`, with a NUL between them |

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap::Parser;
use daxfs_format::Identity;
use daxfs_hostile::fuzz::Target;

use self::kernel::{Key, OptionError, Options, ALIGNMENT};

#[rustfmt::skip]
#[path = "../../../daxfs-kmod/image/options.rs"]
#[allow(dead_code, unreachable_pub, reason = "the module is the kernel's, and is used there")]
mod kernel;

/// The target.
pub const TARGET: Target = Target {
    name: "options",
    run: options,
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
    let kernel = format!("k0=0x20000000,1=512M,2,3=sha256:{digits}");
    let tools = [
        "m-f\0-L\0label\0--mtime\0-1.25\0--page-size\x0016K\0source\0image",
        "m--pack-below=1K\0-U\0a123456789abcdef0123456789abcdef\0--force-uid=7\0-j4\0s\0i",
        "m--exclude\0*.[oa]\0-x\0--all-root\0--no-xattrs\0--huge-align=off\0-n\0s\0i",
        "f--verify-data\0--max-memory\x007M\0--extract\0dir\0-f\0image",
        "ils\0-lRi\0image\0/usr\0<7>",
        "idiff\0--json\0one\0two",
    ];
    let mut seeds: Vec<_> = tools.map(|text| text.as_bytes().to_vec()).into();
    seeds.push(kernel.into_bytes());
    seeds.push(format!("f--identity=sha256:{digits}\0image").into_bytes());
    seeds
}

/// Parses options.
///
/// # Panics
/// When a parser panics, or accepts options that it must refuse.
pub fn options(input: &[u8]) {
    match input.split_first() {
        Some((b'k', text)) => mount_options(text),
        Some((b'm', text)) => mkdaxfs_options(text),
        Some((b'f', text)) => fsck_options(text),
        Some((b'i', text)) => _ = parse::<daxfs_inspect::cli::Cli>("daxfs-inspect", text),
        _ => {}
    }
}

/// Returns the message with which the module's parser refuses options in the form of `mount -o`, or
/// none if it accepts them all. Unknown options, and flags with a value, are judged by the VFS.
#[must_use]
pub fn mount_refusal(text: &str) -> Option<String> {
    let mut options = Options::default();
    for option in text.split(',') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let key = match name {
            "phys" => Key::Phys,
            "size" => Key::Size,
            "identity" => Key::Identity,
            "validate" if value.is_empty() => Key::Validate,
            _ => return None,
        };
        if let Err(refusal) = options.set(key, value.as_bytes()) {
            return Some(refusal.to_string());
        }
    }
    None
}

/// Parses the options of a mount one after the other, up to the first that is refused.
fn mount_options(text: &[u8]) {
    let mut options = Options::default();
    let mut seen = Vec::new();
    for option in text.split(|&byte| byte == b',') {
        let Some((&number, value)) = option.split_first() else {
            return;
        };
        let number = usize::from(number.wrapping_sub(b'0'));
        let Some(key) = Key::from_number(number) else {
            return;
        };
        let value = value.strip_prefix(b"=").unwrap_or_default();
        let before = options;
        match options.set(key, value) {
            Ok(()) => {
                assert!(!seen.contains(&number), "an option is taken twice");
                seen.push(number);
                taken(&options, key, value);
            }
            Err(refusal) => return refused(&before, key, value, &refusal),
        }
        let identity = options.identity.unwrap_or(Identity::new([0; 32]));
        assert!(
            options.keep(&options, &identity),
            "options differ from themselves"
        );
    }
}

/// Asserts that an accepted option has the value of its text.
fn taken(options: &Options, key: Key, value: &[u8]) {
    match key {
        Key::Phys => {
            let phys = options.phys.expect("an address");
            assert_eq!(Some(phys.into()), number(value));
            assert_eq!(phys % ALIGNMENT, 0);
        }
        Key::Size => {
            let size = options.size.expect("a size");
            assert_eq!(Some(size.into()), number(value));
            assert_ne!(size, 0);
        }
        Key::Identity => assert_eq!(options.identity, identity(value)),
        Key::Validate => assert!(options.validate),
    }
}

/// Asserts that a refusal has a message, and that the text is invalid.
fn refused(before: &Options, key: Key, value: &[u8], refusal: &OptionError) {
    let said = refusal.to_string();
    assert!(!said.is_empty() && said.is_ascii(), "{said:?}");
    let sound = |value: &u128| *value <= u64::MAX.into();
    let good = match key {
        Key::Phys => {
            let aligned = |value: &u128| value % u128::from(ALIGNMENT) == 0;
            before.phys.is_none() && number(value).filter(sound).filter(aligned).is_some()
        }
        Key::Size => before.size.is_none() && number(value).is_some_and(|n| sound(&n) && n != 0),
        Key::Identity => before.identity.is_none() && identity(value).is_some(),
        Key::Validate => !before.validate,
    };
    assert!(!good, "{:?} is refused: {said}", value.escape_ascii());
}

/// A number of bytes, parsed in another way than by the module.
fn number(text: &[u8]) -> Option<u128> {
    let text = text.to_ascii_lowercase();
    let shift = text
        .last()
        .and_then(|last| b"kmgt".iter().position(|unit| unit == last));
    let digits = &text[..text.len() - usize::from(shift.is_some())];
    let (digits, radix) = match digits.strip_prefix(b"0x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    let mut number = (!digits.is_empty()).then_some(0_u128)?;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix)?;
        // Numbers far out of range stay there.
        number = (number * u128::from(radix) + u128::from(digit)).min(1 << 80);
    }
    Some(number << (10 * shift.map_or(0, |unit| unit + 1)))
}

/// An identity, parsed in another way than by the module.
fn identity(text: &[u8]) -> Option<Identity> {
    let digits = std::str::from_utf8(text.strip_prefix(b"sha256:")?).ok()?;
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let high = u128::from_str_radix(&digits[..32], 16).ok()?;
    let low = u128::from_str_radix(&digits[32..], 16).ok()?;
    let bytes = [high.to_be_bytes(), low.to_be_bytes()].concat();
    Some(Identity::new(bytes.try_into().ok()?))
}

fn mkdaxfs_options(text: &[u8]) {
    // The files that these name are read by the parser.
    if text.windows(12).any(|part| part == b"exclude-from") {
        return;
    }
    let Some(cli) = parse::<mkdaxfs::cli::Cli>("mkdaxfs", text) else {
        return;
    };
    let cli = match cli.complete(None) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.render();
            return;
        }
    };
    let Ok(options) = cli.options() else {
        return;
    };
    let owners = [options.overrides.uid, options.overrides.gid];
    assert!(!owners.contains(&Some(u32::MAX)), "{owners:?}");
    let most = mkdaxfs::Options::MAX_PACK_BELOW;
    assert!(options.pack_below.is_none_or(|size| size <= most));
    if let mkdaxfs::Mtime::Set(time) | mkdaxfs::Mtime::Clamp(time) = options.overrides.mtime {
        assert!(time.nanoseconds < 1_000_000_000, "{time:?}");
    }
}

fn fsck_options(text: &[u8]) {
    if let Some(options) = parse::<daxfs_fsck::cli::Options>("daxfs-fsck", text) {
        let shown = options.identity.map(|identity| identity.to_string());
        let again = shown.map(|text| text.parse().expect("an identity's own text"));
        assert_eq!(options.identity, again);
    }
}

/// Parses a command line, and formats the message of an error.
fn parse<T: Parser>(program: &str, text: &[u8]) -> Option<T> {
    let arguments = text.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let line = [OsStr::new(program)].into_iter().chain(arguments);
    match T::try_parse_from(line.map(OsString::from)) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let _ = error.render().to_string();
            None
        }
    }
}
