//! The table that `check` prints.

use comfy_table::{Cell, Color};
use jiff::Timestamp;

use crate::cli::columns::columns;
use crate::domain::{Date, Entry, Snapshot, Status, Thresholds, Verdict};

/// A row a hostname, the worst first.
pub(super) fn table(snapshot: &Snapshot, thresholds: Thresholds, now: Date, colour: bool) -> String {
    let mut rows: Vec<_> = snapshot
        .zones()
        .iter()
        .flat_map(|zone| zone.entries().iter().map(move |entry| (zone, entry)))
        .map(|(zone, entry)| (entry.verdict(thresholds, now), zone, entry))
        .collect();
    rows.sort_by_key(|(verdict, ..)| std::cmp::Reverse(*verdict));

    let rows = rows.into_iter().map(|(verdict, zone, entry)| {
        let mut word = Cell::new(verdict.label());
        if colour {
            word = word.fg(tint(verdict));
        }
        let reading = entry.reading();
        vec![
            word,
            Cell::new(zone.key()),
            Cell::new(entry.hostname()),
            Cell::new(reading.map_or("-", |reading| reading.association.label())),
            Cell::new(reading.and_then(|reading| reading.status).map_or("-", Status::label)),
            Cell::new(ends(entry, now)),
            Cell::new(findings(entry, thresholds, now)),
        ]
    });
    columns(&["VERDICT", "ZONE", "HOSTNAME", "ASSOCIATION", "STATUS", "ENDS", "FINDINGS"], rows)
}

fn tint(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Ok => Color::Green,
        Verdict::Warning => Color::Yellow,
        Verdict::Critical => Color::Red,
        Verdict::Unknown => Color::Magenta,
    }
}

/// When the origin stops accepting the certificate, whether or not it is presented.
fn ends(entry: &Entry, now: Date) -> String {
    let certificate = entry.reading().and_then(|reading| reading.certificate.as_ref());
    let Some(ends) = certificate.and_then(|certificate| certificate.ends()) else {
        return "-".to_owned();
    };
    let days = ends.seconds_from(now) / 86_400;
    format!("{} ({days} d)", Timestamp::from(ends).strftime("%Y-%m-%d"))
}

fn findings(entry: &Entry, thresholds: Thresholds, now: Date) -> String {
    let findings = entry.findings(thresholds, now);
    let words = findings.iter().map(|finding| finding.label());
    let mut words: Vec<_> = words.collect();
    words.extend(entry.failure().map(|reason| reason.label()));
    words.join(", ")
}
