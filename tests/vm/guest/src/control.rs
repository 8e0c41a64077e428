// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control words that two guests and the host share, as a guest uses them. The table of words
//! is in `daxfs-vm-protocol`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
pub(crate) use daxfs_vm_protocol::words::Command;
use daxfs_vm_protocol::words::{Word, GONE, WORDS_BAR};
use daxfs_vm_protocol::Setting;

use crate::settings;
use crate::shared::Bar;
use crate::sys::Map;

/// The time limit of waiting for another guest.
const WAIT_LIMIT: Duration = Duration::from_secs(240);

/// The words.
pub(crate) struct Control {
    map: Map,
    guest: usize,
}

impl Control {
    /// Maps the words.
    pub(crate) fn open() -> Result<Self> {
        let guest = settings::get(Setting::Guest)?;
        Ok(Self {
            map: Bar::nth(WORDS_BAR)?.map()?,
            guest: guest.parse().context("the number of this guest")?,
        })
    }

    fn word(&self, word: Word) -> &AtomicU32 {
        let end = word.offset() + size_of::<u32>();
        assert!(end <= self.map.length(), "outside the memory");
        // SAFETY: The word lies in the map, as just checked.
        let word = unsafe { self.map.address().cast::<u32>().add(word.index()) };
        // SAFETY: The map begins at a page, so the word is aligned. It lives as long as `self`, and
        // all accesses to it are atomic.
        unsafe { AtomicU32::from_ptr(word) }
    }

    fn await_word(&self, word: Word, wanted: impl Fn(u32) -> bool, what: &str) -> Result<()> {
        let start = Instant::now();
        while !wanted(self.word(word).load(Ordering::SeqCst)) {
            let is_alone = self.word(Word::Host).load(Ordering::SeqCst) == GONE;
            ensure!(
                !is_alone && start.elapsed() < WAIT_LIMIT,
                "waited in vain for {what}"
            );
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits until both guests have reached this step and the host has taken its sample.
    pub(crate) fn step(&self, step: u32) -> Result<()> {
        self.word(Word::Step(self.guest))
            .store(step, Ordering::SeqCst);
        let is_there = |there| there >= step && there != GONE;
        self.await_word(Word::Host, is_there, "the other guest")
    }

    /// Sends a command to the peer, and waits until the peer obeys it.
    pub(crate) fn command(&self, command: Command) -> Result<()> {
        let before = self.word(Word::Command).load(Ordering::SeqCst);
        let word = command.word(before);
        self.word(Word::Command).store(word, Ordering::SeqCst);
        self.await_word(Word::Answer, |answer| answer == word, "the peer")
    }

    /// Returns the command that is new since the last answer, and its word.
    pub(crate) fn news(&self) -> Option<(u32, Command)> {
        let word = self.word(Word::Command).load(Ordering::SeqCst);
        let is_new = word != self.word(Word::Answer).load(Ordering::SeqCst);
        let command = Command::parse(word)?;
        is_new.then_some((word, command))
    }

    /// Acknowledges the word of a command.
    pub(crate) fn answer(&self, word: u32) {
        self.word(Word::Answer).store(word, Ordering::SeqCst);
    }

    /// Increments the counter.
    pub(crate) fn count(&self) {
        self.word(Word::Counter).fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counter.
    pub(crate) fn counted(&self) -> u32 {
        self.word(Word::Counter).load(Ordering::SeqCst)
    }
}
