// SPDX-License-Identifier: MIT OR Apache-2.0
//! Large numbers for people. `xtask`, which links nothing of this crate, has this file as a module, too.

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
