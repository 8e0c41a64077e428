// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad arguments of a mount: the parser of the kernel module refuses those that it can judge, with
//! the message that the class states. A guest case uses the same table.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use daxfs_fuzztargets::options::mount_refusal;
use daxfs_hostile::inputs::{Judge, ARGUMENTS};

#[test]
fn every_argument_is_refused() {
    let mut wrong = Vec::new();
    for class in ARGUMENTS {
        let refusal = mount_refusal(&class.options.replace("HERE", "0x20000000"));
        let good = match (class.judge, &refusal) {
            (Judge::Parser, Some(said)) => said.contains(class.says),
            // The parser must accept options that only a mount can judge.
            (Judge::Mount, None) => true,
            _ => false,
        };
        if !good {
            wrong.push(format!("{}: {refusal:?}", class.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
