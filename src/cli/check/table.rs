//! The table that `check` prints.

use std::cmp::Reverse;

use comfy_table::{Cell, Color};

use crate::cli::columns::{columns, end, messages};
use crate::domain::{Certificate, Date, Entry, Judge, Status, Told, Verdict, ZoneCertificate, ZoneState};

/// Formats a row for each hostname, and for each account, zone and certificate with findings that are not ignored; the
/// worst first.
pub(super) fn table(judge: &Judge, colour: bool) -> String {
    let snapshot = judge.snapshot();
    let accounts = snapshot.accounts().iter().map(|account| Line {
        subject: "account",
        name: account.name(),
        ..Line::new(judge.tell_account(account))
    });
    let zones = snapshot.zones().iter().flat_map(|zone| {
        let line = Line { subject: "zone", zone: zone.key().as_str(), ..Line::new(judge.tell_zone(zone)) };
        let certificates = zone.certificates().iter().map(|known| certificate(judge, zone, known));
        [line].into_iter().chain(certificates)
    });
    let hostnames = snapshot.zones().iter().flat_map(|zone| {
        let hostnames = zone.entries().iter();
        hostnames.map(|entry| hostname(judge, zone, entry))
    });
    let mut lines: Vec<_> =
        accounts.chain(zones).filter(|line| line.told.iter().any(|told| !told.ignored)).collect();
    lines.extend(hostnames);
    lines.sort_by_key(|line| Reverse(line.verdict()));
    let header = ["VERDICT", "SUBJECT", "ZONE", "NAME", "ASSOCIATION", "STATUS", "ENDS", "FINDINGS"];
    columns(&header, lines.into_iter().map(|line| line.cells(judge.now(), colour)))
}

fn certificate<'a>(judge: &Judge, zone: &'a ZoneState, known: &'a ZoneCertificate) -> Line<'a> {
    Line {
        subject: "certificate",
        zone: zone.key().as_str(),
        name: known.id.as_str(),
        status: known.status,
        ends: known.certificate.ends(),
        ..Line::new(judge.tell_certificate(zone, known))
    }
}

fn hostname<'a>(judge: &Judge, zone: &'a ZoneState, entry: &'a Entry) -> Line<'a> {
    let reading = entry.reading();
    let certificate = reading.and_then(|reading| reading.certificate.as_deref());
    Line {
        subject: "hostname",
        zone: zone.key().as_str(),
        name: entry.hostname().as_str(),
        association: reading.map_or("-", |reading| reading.association.label()),
        status: reading.and_then(|reading| reading.status),
        // shown even if the certificate is not presented
        ends: certificate.and_then(Certificate::ends),
        ..Line::new(judge.tell_hostname(zone, entry))
    }
}

/// A row of the table.
struct Line<'a> {
    subject: &'static str,
    zone: &'a str,
    name: &'a str,
    association: &'static str,
    status: Option<Status>,
    ends: Option<Date>,
    told: Vec<Told>,
}

impl Line<'_> {
    fn new(told: Vec<Told>) -> Self {
        Self { subject: "-", zone: "-", name: "-", association: "-", status: None, ends: None, told }
    }

    fn verdict(&self) -> Verdict {
        Told::worst(&self.told)
    }

    fn cells(self, now: Date, colour: bool) -> Vec<Cell> {
        let verdict = self.verdict();
        let mut word = Cell::new(verdict.label());
        if colour {
            word = word.fg(tint(verdict));
        }
        vec![
            word,
            Cell::new(self.subject),
            Cell::new(self.zone),
            Cell::new(self.name),
            Cell::new(self.association),
            Cell::new(self.status.map_or("-", Status::label)),
            Cell::new(end(self.ends, now)),
            Cell::new(messages(&self.told)),
        ]
    }
}

fn tint(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Ok => Color::Green,
        Verdict::Info => Color::Blue,
        Verdict::Warning => Color::Yellow,
        Verdict::Critical => Color::Red,
        Verdict::Unknown => Color::Magenta,
    }
}
