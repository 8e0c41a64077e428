// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings on their way to the caller, and the reasons for which a check ends early.

use core::ops::ControlFlow;

use crate::error::{Error, Finding, Object};
use crate::hash::Xxh64;
use crate::image::Image;
use crate::memory::{find_nonzero, Memory, ReadFault};
use crate::rule::Rule;

/// The receiver of findings. Its answer may end the check.
pub type Sink<'a> = dyn FnMut(Finding) -> ControlFlow<()> + 'a;

/// The reason for which a check ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The sink ended the check.
    Sink,
    /// A read of the memory failed.
    Memory(ReadFault),
    /// A part of the scratch memory is shorter than [`ScratchSize`](super::ScratchSize) states.
    Scratch,
}

impl From<ReadFault> for Stop {
    fn from(fault: ReadFault) -> Self {
        Self::Memory(fault)
    }
}

/// The result of a check: `Ok` if it was completed. Findings have gone to the sink.
pub type Outcome = Result<(), Stop>;

pub(super) fn report(sink: &mut Sink<'_>, finding: Finding) -> Outcome {
    match sink(finding) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Sink),
    }
}

/// Reports the finding of an error. A fault of the memory ends the check.
pub(super) fn report_error(sink: &mut Sink<'_>, error: Error) -> Outcome {
    match error {
        Error::Corrupt(finding) | Error::Unsupported(finding) => report(sink, finding),
        Error::Memory(fault) => Err(fault.into()),
    }
}

/// Reports the first byte of a range that is not zero.
pub(super) fn check_zero<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    (start, end): (u64, u64),
    (object, rule): (Object, Rule),
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let length = end.saturating_sub(start);
    match find_nonzero(image.memory(), start, length, buffer)? {
        Some((offset, byte)) => report(sink, Finding::new(object, offset, rule, byte.into())),
        None => Ok(()),
    }
}
