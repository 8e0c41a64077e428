// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arguments of init, which the kernel takes from its command line behind `--`, and the
//! environment variables that init makes of some of them for the cases.

use std::collections::BTreeMap;

use crate::selection::Selection;

/// The value of [`Setting::Phys`] for an image in a BAR: the guest looks for the address.
pub const IN_BAR: &str = "ivshmem";

/// The arguments of a guest's init.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The work of the guest.
    pub task: Task,
    /// The settings of the cases.
    pub settings: BTreeMap<Setting, String>,
}

/// The work of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// A shell on the console.
    #[default]
    Shell,
    /// The cases of a guest of a suite.
    Suite {
        /// The suite.
        name: String,
        /// The selection of cases.
        selection: Selection,
        /// The root file system in which init runs.
        stage: Stage,
    },
}

/// The root file system in which init runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The initramfs.
    Initramfs,
    /// The root file system of the cases.
    Booted,
}

/// Values that init passes on to the cases. Each is an argument `name=value` and an environment
/// variable `DAXFS_NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// The physical address of the image, or [`IN_BAR`].
    Phys,
    /// The number of the guest in its suite.
    Guest,
    /// The length in seconds of cases that have no end of their own.
    Seconds,
    /// The seed of random cases.
    Seed,
    /// The number of mutants to mount.
    Mutants,
    /// The file system that is measured.
    Column,
}

impl Setting {
    const ALL: [Self; 6] = [
        Self::Phys,
        Self::Guest,
        Self::Seconds,
        Self::Seed,
        Self::Mutants,
        Self::Column,
    ];

    /// Returns the name of the argument.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phys => "phys",
            Self::Guest => "guest",
            Self::Seconds => "seconds",
            Self::Seed => "seed",
            Self::Mutants => "mutants",
            Self::Column => "column",
        }
    }

    /// Returns the name of the environment variable.
    #[must_use]
    pub fn variable(self) -> String {
        format!("DAXFS_{}", self.name().to_ascii_uppercase())
    }
}

const SHELL: &str = "shell";
const SUITE: &str = "suite";
const FILTER: &str = "filter";
const CASES: &str = "cases";
const BOOTED: &str = "booted";

impl Arguments {
    /// Returns the arguments for the cases of a suite.
    #[must_use]
    pub fn for_suite(name: &str, selection: Selection) -> Self {
        Self {
            task: Task::Suite {
                name: name.to_owned(),
                selection,
                stage: Stage::Initramfs,
            },
            settings: BTreeMap::new(),
        }
    }

    /// Adds a setting.
    pub fn set(&mut self, setting: Setting, value: &impl ToString) {
        self.settings.insert(setting, value.to_string());
    }

    /// Returns the arguments as words.
    #[must_use]
    pub fn to_words(&self) -> Vec<String> {
        let mut words = match &self.task {
            Task::Shell => vec![SHELL.to_owned()],
            Task::Suite {
                name,
                selection,
                stage,
            } => {
                let mut words = vec![format!("{SUITE}={name}")];
                words.extend(match selection {
                    Selection::All => None,
                    Selection::Filter(filter) => Some(format!("{FILTER}={filter}")),
                    Selection::Cases(names) => Some(format!("{CASES}={}", names.join(","))),
                });
                words.extend((*stage == Stage::Booted).then(|| BOOTED.to_owned()));
                words
            }
        };
        let settings = self.settings.iter();
        words.extend(settings.map(|(setting, value)| format!("{}={value}", setting.name())));
        words
    }

    /// Returns the arguments that words give. The kernel passes on what it does not know, so
    /// unknown words are ignored.
    #[must_use]
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut suite, mut selection) = (None, Selection::All);
        let (mut stage, mut settings) = (Stage::Initramfs, BTreeMap::new());
        for word in words {
            match word.split_once('=') {
                None if word == BOOTED => stage = Stage::Booted,
                None => {}
                Some((SUITE, value)) => suite = Some(value.to_owned()),
                Some((FILTER, value)) => selection = Selection::Filter(value.to_owned()),
                Some((CASES, value)) => {
                    selection = Selection::Cases(value.split(',').map(str::to_owned).collect());
                }
                Some((name, value)) => {
                    let known = Setting::ALL.into_iter().find(|known| known.name() == name);
                    settings.extend(known.map(|setting| (setting, value.to_owned())));
                }
            }
        }
        let task = suite.map_or(Task::Shell, |name| Task::Suite {
            name,
            selection,
            stage,
        });
        Self { task, settings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives(arguments: &Arguments) {
        let words = arguments.to_words();
        assert_eq!(
            Arguments::parse(words.iter().map(String::as_str)),
            *arguments
        );
    }

    #[test]
    fn arguments_survive_the_command_line() {
        survives(&Arguments::default());
        for selection in [
            Selection::All,
            Selection::Filter("sample/f".to_owned()),
            Selection::Cases(vec!["a".to_owned(), "b@never".to_owned()]),
        ] {
            let mut arguments = Arguments::for_suite("sample", selection);
            for setting in Setting::ALL {
                arguments.set(setting, &7);
            }
            survives(&arguments);
            if let Task::Suite { stage, .. } = &mut arguments.task {
                *stage = Stage::Booted;
            }
            survives(&arguments);
        }
    }

    #[test]
    fn unknown_words_are_ignored() {
        let words = ["quiet", "root=none", "suite=boot", "seed=3"];
        let arguments = Arguments::parse(words);
        let mut wanted = Arguments::for_suite("boot", Selection::All);
        wanted.set(Setting::Seed, &3);
        assert_eq!(arguments, wanted);
        assert_eq!(Setting::Seed.variable(), "DAXFS_SEED");
    }
}
