// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs such as fakeroot, whose libraries replace functions of the C library, so that they
//! pretend owners, modes and devices.
//!
//! All calls of a source go through the C library, so that an image records what is pretended. A
//! program that is linked statically does not load such a library, and would record real owners
//! without a word. It is refused. Programs that work by ptrace(2) need nothing.

use std::ffi::OsString;

use crate::error::{Error, Result};

/// Programs with the variable that they set, and a part of the name of their libraries.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("fakeroot", "FAKEROOTKEY", "libfakeroot"),
    ("fakechroot", "FAKECHROOT", "libfakechroot"),
    ("pseudo", "PSEUDO_PREFIX", "libpseudo"),
];

/// Checks that the libraries of all programs that the environment shows are loaded.
///
/// # Errors
/// When one is not.
pub(crate) fn check() -> Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok();
    check_in(|name| std::env::var_os(name), maps.as_deref())
}

/// Checks an environment, and the mappings of the process, if the system shows them.
fn check_in(variable: impl Fn(&str) -> Option<OsString>, maps: Option<&str>) -> Result<()> {
    let is_static = cfg!(target_feature = "crt-static");
    for (program, name, library) in PROGRAMS {
        let is_loaded = maps.map_or(!is_static, |maps| maps.contains(library));
        if !is_loaded && variable(name).is_some_and(|value| !value.is_empty()) {
            return Err(Error::NotPretending {
                program,
                variable: name,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_should_pretend_and_is_not_loaded_is_refused() {
        let check = |name: &'static str, value: &'static str, maps: &str| {
            let variable = |asked: &str| (asked == name).then(|| value.into());
            check_in(variable, Some(maps)).is_ok()
        };
        for (program, name, library) in PROGRAMS {
            let maps = format!("7f00-7f01 r-xp 0 00:00 1 /usr/lib/{program}/{library}-sysv.so");
            assert!(check(name, "7", &maps), "{program}");
            assert!(!check(name, "7", ""), "{program}");
            assert!(check(name, "", ""), "{program}");
        }
        assert!(check("OTHER", "7", ""));
        // Without /proc only a static program is known to load nothing.
        let set = |_: &str| Some("7".into());
        let is_static = cfg!(target_feature = "crt-static");
        assert_eq!(check_in(set, None).is_ok(), !is_static);
    }
}
