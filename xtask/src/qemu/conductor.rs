// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of two guests that wait for each other, through the control words of
//! `daxfs-vm-protocol`. At each step the host measures the memory that the guests take.

use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use daxfs_vm_protocol::words::{Word, GONE, LENGTH};

use super::footprint::{Footprint, Taken};
use super::shared::SharedMemory;

/// The memory that two guests take at one step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Each guest by itself.
    pub(super) guests: [Taken; 2],
    /// The memory that holds the image.
    pub(super) image: u64,
}

impl Sample {
    /// Returns the RAM of both guests.
    pub(super) fn ram(&self) -> u64 {
        self.guests.iter().map(|guest| guest.ram).sum()
    }
}

/// The host's side of two guests.
pub(super) struct Conductor {
    words: Arc<SharedMemory>,
    image: Arc<SharedMemory>,
    footprints: [Arc<Footprint>; 2],
    over: AtomicBool,
}

impl Conductor {
    /// Returns a conductor for guests that have an image in shared memory.
    pub(super) fn new(image: Arc<SharedMemory>) -> Result<Self> {
        Ok(Self {
            words: SharedMemory::blank(LENGTH)?,
            image,
            footprints: [Arc::new(Footprint::new()?), Arc::new(Footprint::new()?)],
            over: AtomicBool::new(false),
        })
    }

    /// Returns the memory that holds the words.
    pub(super) fn words(&self) -> Arc<SharedMemory> {
        Arc::clone(&self.words)
    }

    /// Returns the accounts of the guests' memory.
    pub(super) const fn footprints(&self) -> &[Arc<Footprint>; 2] {
        &self.footprints
    }

    /// Samples each step when both guests have reached it, and then lets them go on. Ends when
    /// [`stop`](Self::stop) is called; after an error the guests do not wait any longer.
    pub(super) fn run(&self) -> Result<Vec<Sample>> {
        let samples = self.samples();
        if samples.is_err() {
            self.give_up()?;
        }
        samples
    }

    fn samples(&self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        let mut step = 1_u32;
        while !self.over.load(Ordering::Relaxed) {
            if self.word(Word::Step(0))?.min(self.word(Word::Step(1))?) < step {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            samples.push(self.sample().with_context(|| format!("step {step}"))?);
            self.set_word(Word::Host, step)?;
            step += 1;
        }
        Ok(samples)
    }

    /// Ends the run, when both guests have ended.
    pub(super) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Tells the guests that one has failed.
    pub(super) fn give_up(&self) -> Result<()> {
        self.set_word(Word::Host, GONE)
    }

    fn sample(&self) -> Result<Sample> {
        let [one, other] = &self.footprints;
        Ok(Sample {
            guests: [one.measure()?, other.measure()?],
            image: self.image.allocated()?,
        })
    }

    fn set_word(&self, word: Word, value: u32) -> Result<()> {
        let offset = u64::try_from(word.offset())?;
        let bytes = value.to_ne_bytes();
        Ok(self.words.file().write_all_at(&bytes, offset)?)
    }

    fn word(&self, word: Word) -> Result<u32> {
        let mut bytes = [0; 4];
        let offset = u64::try_from(word.offset())?;
        self.words.file().read_exact_at(&mut bytes, offset)?;
        Ok(u32::from_ne_bytes(bytes))
    }
}
