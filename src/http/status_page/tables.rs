//! The tables of the page.

use std::cmp::Reverse;
use std::fmt::{self, Display, Write as _};

use super::value::{End, Escaped, Messages, Minute, OrDash};
use crate::domain::{Entry, Judge, Reading, Status, Verdict, ZoneState};

/// The most rows of a table: with more, a browser is slow and nobody reads them.
const MOST_ROWS: usize = 1000;

fn hostnames(judge: &Judge) -> impl Iterator<Item = (Verdict, &ZoneState, &Entry)> {
    let zones = judge.snapshot().zones().iter();
    let hostnames = zones.flat_map(|zone| zone.entries().iter().map(move |entry| (&**zone, entry)));
    hostnames.map(|(zone, entry)| (judge.hostname(zone, entry).verdict(), zone, entry))
}

pub(super) fn write_hostnames(out: &mut String, judge: &Judge) -> fmt::Result {
    let rows = worst_first(hostnames(judge), |(verdict, ..)| *verdict);
    write_head(
        out,
        "Hostnames",
        &["Verdict", "Hostname", "Zone", "Association", "Status", "Certificate ends", "Findings"],
    )?;
    for (verdict, zone, entry) in rows.iter().take(MOST_ROWS) {
        let reading = entry.reading();
        write_cells(
            out,
            *verdict,
            &[
                &entry.hostname(),
                &zone.key(),
                &OrDash(reading.map(|reading| reading.association.label())),
                &OrDash(reading.and_then(|reading| reading.status).map(Status::label)),
                &OrDash(reading.and_then(Reading::ends).map(|end| End(end, judge.now()))),
                &Messages(judge.tell_hostname(zone, entry)),
            ],
        )?;
    }
    write_foot(out, rows.len())
}

pub(super) fn write_zones(out: &mut String, judge: &Judge) -> fmt::Result {
    let zones = judge.snapshot().zones().iter();
    let rows = worst_first(zones, |zone| judge.zone(zone).verdict());
    write_head(
        out,
        "Zones",
        &[
            "Verdict",
            "Zone",
            "Id",
            "Account",
            "Last read",
            "Hostnames",
            "Zone-level switch",
            "Global switch",
            "Findings",
        ],
    )?;
    for zone in rows.iter().take(MOST_ROWS) {
        let switch = |enabled| if enabled { "on" } else { "off" };
        let global = match zone.shared_ca_ends() {
            Some(end) => Some(format!("on, its CA ends {}", End(end, judge.now()))),
            None => zone.global_enabled().map(|enabled| switch(enabled).to_owned()),
        };
        write_cells(
            out,
            judge.zone(zone).verdict(),
            &[
                zone.key(),
                &OrDash(zone.id()),
                &zone.account(),
                &OrDash(zone.last_success().map(Minute)),
                &zone.entries().len(),
                &OrDash(zone.zone_level_enabled().map(switch)),
                &OrDash(global),
                &Messages(judge.tell_zone(zone)),
            ],
        )?;
    }
    write_foot(out, rows.len())
}

pub(super) fn write_certificates(out: &mut String, judge: &Judge) -> fmt::Result {
    let zones = judge.snapshot().zones().iter();
    let known = zones.flat_map(|zone| zone.certificates().iter().map(move |known| (zone, known)));
    let rows = worst_first(known, |(zone, known)| judge.certificate(zone, known).verdict());
    write_head(
        out,
        "Certificates",
        &["Verdict", "Certificate", "Zone", "Store", "Status", "Ends", "Hostnames", "Findings"],
    )?;
    for (zone, known) in rows.iter().take(MOST_ROWS) {
        write_cells(
            out,
            judge.certificate(zone, known).verdict(),
            &[
                &known.id.as_str(),
                zone.key(),
                &known.level.label(),
                &OrDash(known.status.map(Status::label)),
                &OrDash(known.certificate.ends().map(|end| End(end, judge.now()))),
                &OrDash(known.hostnames),
                &Messages(judge.tell_certificate(zone, known)),
            ],
        )?;
    }
    write_foot(out, rows.len())
}

pub(super) fn write_accounts(out: &mut String, judge: &Judge) -> fmt::Result {
    let rows = worst_first(judge.snapshot().accounts().iter(), |account| judge.account(account).verdict());
    write_head(out, "Accounts", &["Verdict", "Account", "Token", "Token ends", "Findings"])?;
    for account in rows.iter().take(MOST_ROWS) {
        let token = account.facts().token;
        write_cells(
            out,
            judge.account(account).verdict(),
            &[
                account.name(),
                &OrDash(token.valid.map(|valid| if valid { "valid" } else { "not valid" })),
                &OrDash(token.expires.map(|end| End(end, judge.now()))),
                &Messages(judge.tell_account(account)),
            ],
        )?;
    }
    write_foot(out, rows.len())
}

/// Sorts rows by their verdicts, and keeps the order of the snapshot within one.
fn worst_first<T>(rows: impl Iterator<Item = T>, verdict: impl Fn(&T) -> Verdict) -> Vec<T> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_cached_key(|row| Reverse(verdict(row)));
    rows
}

/// Writes a row, which starts with its verdict.
fn write_cells(out: &mut String, verdict: Verdict, cells: &[&dyn Display]) -> fmt::Result {
    write!(out, "<tr class=\"{0}\"><td>{0}</td>", verdict.label())?;
    for cell in cells {
        write!(out, "<td>{}</td>", Escaped(cell))?;
    }
    out.push_str("</tr>\n");
    Ok(())
}

fn write_head(out: &mut String, title: &str, columns: &[&str]) -> fmt::Result {
    write!(out, "<h2>{title}</h2>\n<table>\n<thead><tr>")?;
    for column in columns {
        write!(out, "<th scope=\"col\">{column}</th>")?;
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    Ok(())
}

fn write_foot(out: &mut String, rows: usize) -> fmt::Result {
    out.push_str("</tbody>\n</table>\n");
    match rows.saturating_sub(MOST_ROWS) {
        0 => Ok(()),
        left_out => {
            writeln!(out, "<p>{left_out} more are left out here; <a href=\"/api/v1/status\">all</a></p>")
        }
    }
}
