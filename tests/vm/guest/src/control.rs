// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words in memory that two guests and the host share, through which they wait for each other.
//!
//! | word | written by | says |
//! |---|---|---|
//! | 0, 1 | guest 0, guest 1 | the step that it has come to |
//! | 2 | the host | the step that both have come to, and may leave; all ones when one is gone |
//! | 3 | the victim | what the peer shall do, [`Command`] |
//! | 4 | the peer | the command that it obeys |
//! | 5 | both guests | a counter |

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

use crate::shared::Bar;
use crate::sys::Map;

/// The environment variable that says which guest this is.
pub(crate) const GUEST: &str = "DAXFS_GUEST";

/// How long one waits for the other.
const PATIENCE: Duration = Duration::from_secs(240);

const HOST: usize = 2;
/// What the host says when a guest is gone.
const NEVER: u32 = u32::MAX;

const COMMAND: usize = 3;
const ANSWER: usize = 4;
const COUNTER: usize = 5;

/// What the peer shall do with the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make it what it was, and leave it alone.
    Restore,
    /// Change words and change them back at once.
    Flicker,
    /// Change words.
    Damage,
    /// Make it what it was, and end.
    End,
}

impl Command {
    fn from_number(number: u32) -> Option<Self> {
        let all = [Self::Restore, Self::Flicker, Self::Damage, Self::End];
        all.into_iter().find(|command| command.number() == number)
    }

    fn number(self) -> u32 {
        match self {
            Self::Restore => 1,
            Self::Flicker => 2,
            Self::Damage => 3,
            Self::End => 4,
        }
    }
}

/// The words.
pub(crate) struct Control {
    map: Map,
    guest: usize,
}

impl Control {
    /// The second memory that this guest shares.
    pub(crate) fn open() -> Result<Self> {
        let guest = std::env::var(GUEST).context("this guest has no number")?;
        Ok(Self {
            map: Bar::nth(1)?.map()?,
            guest: guest.parse().context("the number of this guest")?,
        })
    }

    fn word(&self, number: usize) -> &AtomicU32 {
        assert!((number + 1) * 4 <= self.map.length(), "outside the memory");
        // SAFETY: The word lies in the map, as just checked.
        let word = unsafe { self.map.address().cast::<u32>().add(number) };
        // SAFETY: The map begins at a page, so the word is aligned; it lives as long as `self`, and
        // everybody who uses it does so atomically.
        unsafe { AtomicU32::from_ptr(word) }
    }

    fn await_word(&self, number: usize, wanted: impl Fn(u32) -> bool, what: &str) -> Result<()> {
        let start = Instant::now();
        while !wanted(self.word(number).load(Ordering::SeqCst)) {
            let is_alone = self.word(HOST).load(Ordering::SeqCst) == NEVER;
            ensure!(
                !is_alone && start.elapsed() < PATIENCE,
                "waited in vain for {what}"
            );
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits until both guests have come to this step and the host has looked at them.
    pub(crate) fn step(&self, step: u32) -> Result<()> {
        self.word(self.guest).store(step, Ordering::SeqCst);
        let is_there = |there| there >= step && there != NEVER;
        self.await_word(HOST, is_there, "the other guest")
    }

    /// Has the peer do something else, and waits until it does.
    pub(crate) fn command(&self, command: Command) -> Result<()> {
        // A number in the upper bits makes each command differ from the one before.
        let before = self.word(COMMAND).load(Ordering::SeqCst);
        let word = ((before >> 8) + 1) << 8 | command.number();
        self.word(COMMAND).store(word, Ordering::SeqCst);
        self.await_word(ANSWER, |answer| answer == word, "the peer")
    }

    /// The command that is new since the last answer.
    pub(crate) fn news(&self) -> Option<(u32, Command)> {
        let word = self.word(COMMAND).load(Ordering::SeqCst);
        let is_new = word != self.word(ANSWER).load(Ordering::SeqCst);
        let command = Command::from_number(word & 0xff)?;
        is_new.then_some((word, command))
    }

    /// Says that a command is obeyed.
    pub(crate) fn answer(&self, word: u32) {
        self.word(ANSWER).store(word, Ordering::SeqCst);
    }

    /// Adds one to the counter.
    pub(crate) fn count(&self) {
        self.word(COUNTER).fetch_add(1, Ordering::Relaxed);
    }

    /// The counter.
    pub(crate) fn counted(&self) -> u32 {
        self.word(COUNTER).load(Ordering::SeqCst)
    }
}
