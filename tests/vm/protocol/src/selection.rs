// SPDX-License-Identifier: MIT OR Apache-2.0
//! The choice of cases. Host and guest decide by the same rules, so the host knows which cases must
//! report a verdict.

use crate::suite::{Guest, Suite};
use crate::table::SUITES;

/// A choice of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All cases.
    #[default]
    All,
    /// The cases whose `suite/case` contains this text, or the suite that has this name.
    Filter(String),
    /// The cases with these names, in whatever suite.
    Cases(Vec<String>),
}

impl Selection {
    /// Returns the selection of an optional filter.
    #[must_use]
    pub fn from_filter(filter: Option<&str>) -> Self {
        filter.map_or(Self::All, |filter| Self::Filter(filter.to_owned()))
    }

    /// Returns true if any case of the suite is selected.
    #[must_use]
    pub fn selects(&self, suite: &Suite) -> bool {
        match self {
            Self::All => true,
            Self::Filter(filter) if SUITES.iter().any(|suite| suite.name == filter) => {
                suite.name == filter
            }
            Self::Filter(filter) => {
                let contains = |name: &String| name.contains(filter.as_str());
                suite.case_names().iter().any(contains) || selects_without_number(suite, filter)
            }
            Self::Cases(names) => {
                let mut runs = suite.guests.iter().flat_map(Guest::runs);
                runs.any(|run| names.contains(&run.name()))
            }
        }
    }

    /// Returns the names of the runs of a guest that are selected, in their order. Guests that wait
    /// for each other run all of theirs or none.
    #[must_use]
    pub fn runs_of(&self, suite: &Suite, guest: usize) -> Vec<String> {
        if !self.selects(suite) {
            return Vec::new();
        }
        let names = suite.guests.get(guest).into_iter();
        let names = names.flat_map(|guest| guest.runs().map(|run| run.name()));
        names.filter(|name| self.includes(suite, name)).collect()
    }

    /// Returns true if a run of a selected suite is included.
    fn includes(&self, suite: &Suite, run: &str) -> bool {
        match self {
            Self::All => true,
            _ if suite.is_joint() => true,
            Self::Filter(filter) if filter == suite.name => true,
            Self::Filter(filter) => format!("{}/{run}", suite.name).contains(filter.as_str()),
            Self::Cases(names) => names.iter().any(|name| name == run),
        }
    }
}

/// Returns true if a filter names a case of several guests without the number of its guest.
fn selects_without_number(suite: &Suite, filter: &str) -> bool {
    let mut runs = suite.guests.iter().flat_map(Guest::runs);
    runs.any(|run| format!("{}/{}", suite.name, run.name()).contains(filter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::suite;

    fn filtered(filter: &str, name: &str) -> Vec<String> {
        let selection = Selection::from_filter(Some(filter));
        selection.runs_of(suite(name).unwrap(), 0)
    }

    #[test]
    fn a_filter_is_a_part_of_suite_and_case() {
        assert_eq!(filtered("sample/fiem", "sample"), ["fiemap"]);
        assert_eq!(filtered("fiemap", "sample"), ["fiemap"]);
        assert_eq!(filtered("s@madvise", "debian"), [""; 0]);
        assert_eq!(filtered("absent", "sample"), ["absent-names"]);
        assert_eq!(filtered("no such case", "sample"), [""; 0]);
    }

    #[test]
    fn the_name_of_a_suite_selects_that_suite_only() {
        assert_eq!(filtered("boot", "boot").len(), 3);
        assert_eq!(filtered("boot", "systemd"), [""; 0]);
        assert_eq!(filtered("-boot", "systemd"), ["the-journal-has-the-boot"]);
    }

    #[test]
    fn guests_that_wait_for_each_other_run_whole() {
        assert_eq!(filtered("two-kernels/programs", "two-kernels").len(), 3);
        assert_eq!(filtered("two-kernels/0/programs", "two-kernels").len(), 3);
        assert_eq!(filtered("two-kernels/memory", "two-kernels").len(), 3);
        assert_eq!(filtered("two-kernels/nothing", "two-kernels"), [""; 0]);
    }

    #[test]
    fn a_list_selects_by_whole_names() {
        let selection = Selection::Cases(vec!["statx".to_owned(), "fiemap".to_owned()]);
        let sample = suite("sample").unwrap();
        assert_eq!(selection.runs_of(sample, 0), ["statx", "fiemap"]);
        assert!(!selection.selects(suite("debian").unwrap()));
        assert_eq!(Selection::All.runs_of(sample, 1), [""; 0]);
    }
}
