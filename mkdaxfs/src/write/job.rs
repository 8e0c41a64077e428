// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that every step of the writing reads.

use super::output::Output;
use crate::options::Keep;
use crate::plan::inputs::Inputs;

/// Inputs and output of a build.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) inputs: Inputs<'a>,
    pub(crate) output: &'a Output,
}

impl Job<'_> {
    /// Returns true if contents are hashed as they are copied.
    pub(super) fn hashes(self) -> bool {
        let options = self.inputs.options;
        options.digests == Keep::Yes || options.sharing == Keep::Yes
    }
}
