//! Formatting of values for people.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::domain::{Date, Distance, Finding, Told, Verdict, ZoneState};
use crate::http::query::encode;

/// Formats a date to the minute.
pub(super) fn minute(date: Date) -> String {
    let time = Offset::UTC.to_datetime(Timestamp::from(date));
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}

/// Formats a date to the day.
pub(super) fn day(date: Date) -> String {
    Offset::UTC.to_datetime(Timestamp::from(date)).date().to_string()
}

/// Formats how far a date is from now.
pub(super) fn distance(date: Date, now: Date) -> String {
    Distance(date.seconds_from(now)).to_string()
}

/// Formats a date and how far it is from now, or a dash for none.
pub(super) fn moment(date: Option<Date>, now: Date) -> String {
    date.map_or_else(|| "–".to_owned(), |date| format!("{} ({})", minute(date), distance(date, now)))
}

/// Formats a count with its noun.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Formats a switch, or a dash if it is unknown.
pub(super) fn switch(on: Option<bool>) -> &'static str {
    on.map_or("–", |on| if on { "on" } else { "off" })
}

/// Formats the global switch of a zone, with the end of the CA of Cloudflare's shared certificate.
pub(super) fn global_switch(zone: &ZoneState, now: Date) -> String {
    match zone.shared_ca_ends() {
        Some(end) => format!("on, its CA ends {}", moment(Some(end), now)),
        None => switch(zone.global_enabled()).to_owned(),
    }
}

/// Returns the path of the page about an item in a zone.
pub(super) fn href(page: &str, zone: &str, name: &str) -> String {
    format!("/{page}/{}/{}", encode(zone), encode(name))
}

/// Returns the link to the runbook of a finding.
pub(super) fn runbook(finding: Finding) -> String {
    format!("/runbooks#{}", finding.alert().to_lowercase())
}

/// Returns the CSS class of a finding: its severity, or `ignored`.
pub(super) fn class(told: &Told) -> &'static str {
    if told.ignored { "ignored" } else { told.severity.label() }
}

/// A finding with a link to its runbook.
pub(super) struct Found {
    pub(super) verdict: &'static str,
    pub(super) message: String,
    pub(super) href: String,
    pub(super) ignored: bool,
}

impl From<Told> for Found {
    fn from(told: Told) -> Self {
        Self {
            verdict: class(&told),
            href: runbook(told.finding),
            ignored: told.ignored,
            message: told.message,
        }
    }
}

/// Findings with links.
pub(super) fn found(told: Vec<Told>) -> Vec<Found> {
    told.into_iter().map(Found::from).collect()
}

/// Returns the predicate for this many items of a verdict.
pub(super) fn state(verdict: Verdict, count: usize) -> &'static str {
    match (verdict, count) {
        (Verdict::Critical, 1) => "is critical",
        (Verdict::Critical, _) => "are critical",
        (Verdict::Warning, 1) => "needs attention",
        (Verdict::Warning, _) => "need attention",
        (Verdict::Unknown, _) => "cannot be read",
        (Verdict::Info, 1) => "has a remark",
        (Verdict::Info, _) => "have a remark",
        (Verdict::Ok, 1) => "is fine",
        (Verdict::Ok, _) => "are fine",
    }
}
