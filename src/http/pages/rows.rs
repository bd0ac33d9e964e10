//! Rows of hostnames.

use super::words::{Found, day, distance, found, href};
use crate::domain::{Date, Entry, Judge, Subject, Thresholds, Verdict};
use crate::http::index::{Index, Row};

/// The width of the time scale in SVG units, and the number of days at its end.
const WIDTH: f64 = 120.0;
const DAYS: f64 = 400.0;

/// A hostname in a table.
pub(super) struct HostnameRow {
    pub(super) verdict: &'static str,
    pub(super) hostname: String,
    pub(super) href: String,
    pub(super) zone: String,
    pub(super) findings: Vec<Found>,
    pub(super) end: Option<End>,
    pub(super) certificate: Option<Certificate>,
    pub(super) age: String,
}

/// An end date.
pub(super) struct End {
    /// The verdict on the time left alone.
    pub(super) verdict: &'static str,
    /// Its position on the time scale.
    pub(super) x: String,
    pub(super) left: String,
    pub(super) date: String,
}

/// A link to a certificate.
pub(super) struct Certificate {
    pub(super) href: String,
    pub(super) short: String,
    pub(super) issuer: String,
}

impl HostnameRow {
    pub(super) fn new(index: &Index, row: &Row<'_, Entry>) -> Self {
        let (judge, zone, name) = (index.judge(), row.zone.key().as_str(), row.thing.hostname().as_str());
        let reading = row.thing.reading();
        let certificate = reading.and_then(|reading| reading.certificate.as_deref());
        Self {
            verdict: row.verdict.label(),
            hostname: name.to_owned(),
            href: href("hostnames", zone, name),
            zone: zone.to_owned(),
            findings: found(judge.tell_hostname(row.zone, row.thing)),
            end: row.ends.map(|end| End::new(end, judge)),
            certificate: certificate.and_then(|known| {
                let id = known.id()?.as_str();
                let issuer = known.details().issuer.as_deref().unwrap_or_default().to_owned();
                Some(Certificate { href: href("certificates", zone, id), short: shortened(id), issuer })
            }),
            age: reading.map_or_else(|| "never".to_owned(), |reading| distance(reading.read_at, judge.now())),
        }
    }
}

impl End {
    pub(super) fn new(end: Date, judge: &Judge) -> Self {
        Self {
            verdict: left(end, judge).label(),
            x: position(end.seconds_from(judge.now())),
            left: distance(end, judge.now()),
            date: day(end),
        }
    }
}

/// Returns the severity of the time left until an end.
pub(super) fn left(end: Date, judge: &Judge) -> Verdict {
    let finding = judge.thresholds().of_end(end.seconds_from(judge.now()));
    finding.map_or(Verdict::Ok, |finding| finding.severity(Subject::Hostname))
}

/// The marks of the thresholds on the time scale.
pub(super) struct Marks {
    pub(super) critical: String,
    pub(super) warning: String,
}

impl From<Thresholds> for Marks {
    fn from(Thresholds { warning, critical, .. }: Thresholds) -> Self {
        Self { critical: position(critical), warning: position(warning) }
    }
}

/// Returns a position on the time scale, which is logarithmic to spread out near dates.
#[expect(clippy::cast_precision_loss, reason = "a tenth of a unit is all that can be seen")]
fn position(seconds: i64) -> String {
    let days = seconds.max(0) as f64 / 86_400.0;
    format!("{:.1}", WIDTH * (days.ln_1p() / DAYS.ln_1p()).min(1.0))
}

/// Returns the start and the end of a long id.
pub(super) fn shortened(id: &str) -> String {
    match (id.get(..8), id.get(id.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) if id.len() > 16 => format!("{start}…{end}"),
        _ => id.to_owned(),
    }
}
