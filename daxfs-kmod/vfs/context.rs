// SPDX-License-Identifier: GPL-2.0-only
//! Parameters of mount contexts.

use kernel::error::code;
use kernel::prelude::*;

use super::inode::Daxfs;
use crate::image::options::{Key, Options};
use crate::sys::fs::context::{Parameter, Parameters, Specification};
use crate::sys::log::Log;

impl Parameters for Daxfs {
    type Options = Options;

    // In the order of `Key::ALL`.
    const SPECIFICATIONS: &'static [Specification] = &[
        Specification::string(c"phys", 0),
        Specification::string(c"size", 1),
        Specification::flag(c"validate", 2),
        Specification::string(c"identity", 3),
        Specification::END,
    ];

    fn set(options: &mut Options, parameter: Parameter<'_>, log: Log<'_>) -> Result {
        let (number, value) = match parameter {
            Parameter::Known(number, value) => (number, value),
            Parameter::Unknown(name) => return Err(refuse_unknown(name, log)),
        };
        let key = Key::from_number(number).ok_or(code::EINVAL)?;
        options.set(key, value).map_err(|refusal| {
            log.refuse_option(format_args!("{refusal}"));
            code::EINVAL
        })
    }
}

/// Reports a parameter that does not exist. Unprintable bytes are escaped, so that a name with the
/// end of a line does not begin another.
fn refuse_unknown(name: &CStr, log: Log<'_>) -> Error {
    log.refuse_option(fmt!("unknown option {}", name));
    code::EINVAL
}
