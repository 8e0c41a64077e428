// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control words in memory that the guests of a suite share with the host. Each is 32 bits long, in
//! native byte order.
//!
//! | word | written by | meaning |
//! |---|---|---|
//! | 0, 1 | guest 0, guest 1 | the step that the guest has reached |
//! | 2 | host | the step that both guests may leave; [`GONE`] when a guest has failed |
//! | 3 | victim | the [`Command`] for the peer |
//! | 4 | peer | the command that the peer obeys |
//! | 5 | both guests | a counter |

/// The length in bytes of the memory that holds the words.
pub const LENGTH: u64 = 1 << 20;

/// The BAR of the image, by its number among the shared BARs of a guest.
pub const IMAGE_BAR: usize = 0;

/// The BAR of the words, likewise.
pub const WORDS_BAR: usize = 1;

/// The value of [`Word::Host`] when a guest has failed.
pub const GONE: u32 = u32::MAX;

/// A control word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The step that a guest has reached, by the guest's number: 0 or 1.
    Step(usize),
    /// The step that both guests may leave.
    Host,
    /// The command for the peer.
    Command,
    /// The command that the peer obeys.
    Answer,
    /// The counter.
    Counter,
}

impl Word {
    /// Returns the index of the word.
    ///
    /// # Panics
    /// When there is no such guest.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Step(guest) => {
                assert!(guest < 2, "two guests have words");
                guest
            }
            Self::Host => 2,
            Self::Command => 3,
            Self::Answer => 4,
            Self::Counter => 5,
        }
    }

    /// Returns the offset of the word in bytes.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.index() * size_of::<u32>()
    }
}

/// Commands for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Restore the image, and leave it alone.
    Restore,
    /// Change words and change them back at once.
    Flicker,
    /// Change words.
    Damage,
    /// Restore the image, and end.
    End,
}

impl Command {
    const ALL: [Self; 4] = [Self::Restore, Self::Flicker, Self::Damage, Self::End];

    const fn number(self) -> u32 {
        match self {
            Self::Restore => 1,
            Self::Flicker => 2,
            Self::Damage => 3,
            Self::End => 4,
        }
    }

    /// Returns the word for the command. A serial number in the upper bits makes it differ from the
    /// word before.
    #[must_use]
    pub const fn word(self, before: u32) -> u32 {
        ((before >> 8) + 1) << 8 | self.number()
    }

    /// Returns the command in a word, if it is one.
    #[must_use]
    pub fn parse(word: u32) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|command| command.number() == word & 0xff)
    }
}

/// The steps of the suite `two-kernels`.
pub mod two_kernels {
    /// Before both guests count.
    pub const COUNTING: u32 = 1;
    /// After both guests have counted.
    pub const COUNTED: u32 = 2;
    /// Before both guests run programs.
    pub const PROGRAMS: u32 = 3;
    /// After both guests have run programs.
    pub const PROGRAMS_RAN: u32 = 4;
    /// Before both guests start containers.
    pub const NO_CONTAINERS: u32 = 5;
    /// While both guests have containers.
    pub const CONTAINERS: u32 = 6;
}

/// The steps of the suite `share`.
pub mod share {
    /// While nothing is mounted.
    pub const IDLE: u32 = 1;
    /// While both guests have containers.
    pub const CONTAINERS: u32 = 2;
}

/// The steps of the suite `hostile-peer`.
pub mod hostile_peer {
    /// Before the victim mounts the image.
    pub const BEGIN: u32 = 1;
    /// After the victim's last unmount.
    pub const END: u32 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_overlap() {
        let all = [
            Word::Step(0),
            Word::Step(1),
            Word::Host,
            Word::Command,
            Word::Answer,
            Word::Counter,
        ];
        for (number, word) in all.into_iter().enumerate() {
            assert_eq!(word.index(), number);
            assert_eq!(word.offset(), number * 4);
        }
    }

    #[test]
    fn equal_commands_have_different_words() {
        let first = Command::Damage.word(0);
        let second = Command::Damage.word(first);
        assert_ne!(first, second);
        for command in Command::ALL {
            assert_eq!(Command::parse(command.word(second)), Some(command));
        }
        assert_eq!(Command::parse(0), None);
    }
}
