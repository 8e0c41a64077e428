// SPDX-License-Identifier: MIT OR Apache-2.0
//! The date in manual pages.

use anyhow::{Context as _, Result};
use jiff::tz::TimeZone;
use jiff::Timestamp;

/// Date of the release, or of the work on it.
const RELEASE: &str = "2026-12-01";

/// Returns the date that `epoch`, the value of `SOURCE_DATE_EPOCH`, stands for, or the release's.
///
/// # Errors
/// When the value is not a number of seconds since 1970.
pub(crate) fn of(epoch: Option<&str>) -> Result<String> {
    let Some(epoch) = epoch else {
        return Ok(RELEASE.to_owned());
    };
    let seconds: i64 = epoch
        .parse()
        .with_context(|| format!("SOURCE_DATE_EPOCH is not a number of seconds: {epoch}"))?;
    let time = Timestamp::from_second(seconds)
        .with_context(|| format!("SOURCE_DATE_EPOCH is out of range: {epoch}"))?;
    let date = time.to_zoned(TimeZone::UTC).date();
    Ok(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_epoch_or_the_release() {
        assert_eq!(of(Some("86400")).unwrap(), "1970-01-02");
        assert_eq!(of(None).unwrap(), RELEASE);
        for bad in ["", "soon", "1.5", "99999999999999999"] {
            let error = of(Some(bad)).unwrap_err();
            assert!(error.to_string().contains("SOURCE_DATE_EPOCH"), "{bad}");
        }
    }

    #[test]
    fn the_release_has_the_date_of_the_changelog() {
        let log = include_str!("../../../CHANGELOG.md");
        let heading = format!("## [{}] - ", env!("CARGO_PKG_VERSION"));
        if let Some(date) = log.lines().find_map(|line| line.strip_prefix(&heading)) {
            assert_eq!(date, RELEASE);
        }
    }
}
