// SPDX-License-Identifier: MIT OR Apache-2.0
//! The structural check that follows the records.

use std::ops::ControlFlow;

use daxfs_image::format::check::{Outcome, Scratch, ScratchSize, Sink, Stop};
use daxfs_image::format::{Finding, Memory};
use daxfs_image::Opened;

use crate::console::Console;

/// Checks the image and reports the findings.
pub(super) fn check<M: Memory>(image: &Opened<M>, console: &mut Console<'_>) {
    let mut sink = |finding: Finding| {
        console.damage(finding);
        ControlFlow::Continue(())
    };
    let mut buffer = vec![0; 64 << 10];
    let outcomes = [
        image.verify_checksums(&mut buffer, &mut sink),
        image.verify_section_digests(&mut buffer, &mut sink),
        check_rules(image, &mut buffer, &mut sink),
    ];
    // The sink never stops a check, and the scratch memory has the required size.
    for outcome in outcomes {
        if let Err(Stop::Memory(fault)) = outcome {
            console.damage(fault);
        }
    }
}

fn check_rules<M: Memory>(image: &Opened<M>, buffer: &mut [u8], sink: &mut Sink<'_>) -> Outcome {
    let size = ScratchSize::of(image);
    let mut scratch = Scratch {
        links: &mut vec![0; size.inodes],
        owners: &mut vec![0; size.inodes],
        acls: &mut vec![0; size.sets],
        pages: &mut vec![0; size.page_words],
        buffer,
    };
    image.check_rules(&mut scratch, sink)
}
