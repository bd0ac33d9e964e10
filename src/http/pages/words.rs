//! Values in words.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::domain::{Date, Distance, Finding, Told, Verdict, ZoneState};
use crate::http::query::encode;

/// A date to the minute.
pub(super) fn minute(date: Date) -> String {
    let time = Offset::UTC.to_datetime(Timestamp::from(date));
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}

/// A date to the day.
pub(super) fn day(date: Date) -> String {
    Offset::UTC.to_datetime(Timestamp::from(date)).date().to_string()
}

/// How far a date is from now.
pub(super) fn distance(date: Date, now: Date) -> String {
    Distance(date.seconds_from(now)).to_string()
}

/// A date, and how far it is from now; a dash for none.
pub(super) fn moment(date: Option<Date>, now: Date) -> String {
    date.map_or_else(|| "–".to_owned(), |date| format!("{} ({})", minute(date), distance(date, now)))
}

/// A count with its noun.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What a switch is, or a dash.
pub(super) fn switch(on: Option<bool>) -> &'static str {
    on.map_or("–", |on| if on { "on" } else { "off" })
}

/// What the global switch of a zone is, and when the authority of Cloudflare's shared certificate ends.
pub(super) fn global_switch(zone: &ZoneState, now: Date) -> String {
    match zone.shared_ca_ends() {
        Some(end) => format!("on, its CA ends {}", moment(Some(end), now)),
        None => switch(zone.global_enabled()).to_owned(),
    }
}

/// The page of something in a zone.
pub(super) fn href(page: &str, zone: &str, name: &str) -> String {
    format!("/{page}/{}/{}", encode(zone), encode(name))
}

/// Where the runbooks say what to do about a finding.
pub(super) fn runbook(finding: Finding) -> String {
    format!("/runbooks#{}", finding.alert().to_lowercase())
}

/// The class of a finding: its severity, or that it is ignored.
pub(super) fn class(told: &Told) -> &'static str {
    if told.ignored { "ignored" } else { told.severity.label() }
}

/// A finding, with a link to what to do.
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

/// What so many things of a verdict are.
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
