//! The table `thresholds`.

use super::section::Section;
use super::value;
use crate::domain::{Span, Thresholds};

/// Reads the table. Missing keys keep their defaults.
pub(super) fn read(mut section: Section<'_>) -> Thresholds {
    let default = Thresholds::default();
    let mut seconds = |key, default| {
        let expected = "a duration of 0s to 3650d, such as 30d or 12h";
        let span = section.take(key, expected, |text| {
            let seconds = i64::try_from(value::span(text)?.as_secs()).ok()?;
            (0..=3650 * 86_400).contains(&seconds).then_some(seconds)
        });
        span.unwrap_or(default)
    };
    let thresholds = Thresholds {
        warning: seconds("warning", default.warning),
        critical: seconds("critical", default.critical),
        pending: seconds("pending", default.pending),
    };
    if !thresholds.is_ordered() {
        if section.has("critical") {
            let by_default = if section.has("warning") { "" } else { " by default" };
            let warning = Span(thresholds.warning);
            section.reject(
                "critical",
                &format!("expected at most thresholds.warning, which is {warning}{by_default}"),
            );
        } else {
            let critical = Span(thresholds.critical);
            section.reject(
                "warning",
                &format!("expected at least thresholds.critical, which is {critical} by default"),
            );
        }
    }
    section.finish();
    thresholds
}
