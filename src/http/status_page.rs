//! The status page for people: the worst hostnames first.

mod value;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY};

use super::page::Fill;
use super::status::Status;
use crate::domain::{Entry, Finding, Verdict, ZoneState};
use value::{Distance, Escaped, Minute, OrDash};

/// The most rows of a table: with more, a browser is slow and nobody reads them.
const MOST_ROWS: usize = 1000;

const STYLE: &str = include_str!("status_page.css");

/// Allows the page its own style, by its SHA-256, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-pOcvqMeSihzkseiX9v6Di5h2YVfL6cWhTGMWQ7WXkLo='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds headers that forbid the page all that it does not need.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Renders the page as a whole: [`MOST_ROWS`] keeps it small.
pub(super) fn render(status: &Status) -> Rendered {
    let mut html = String::new();
    // writing to a string cannot fail
    let _ = write_page(&mut html, status);
    Rendered { html, sent: 0 }
}

/// A rendered page, which is sent piece by piece.
pub(super) struct Rendered {
    html: String,
    sent: usize,
}

impl Fill for Rendered {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        let rest = &self.html.as_bytes()[self.sent..];
        let piece = &rest[..rest.len().min(until.saturating_sub(out.len()))];
        out.extend_from_slice(piece);
        self.sent += piece.len();
        piece.len() < rest.len()
    }
}

fn write_page(out: &mut String, status: &Status) -> fmt::Result {
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Cloudflare Authenticated Origin Pulls</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Cloudflare Authenticated Origin Pulls</h1>\n"
    )?;
    write_summary(out, status)?;
    write_hostnames(out, status)?;
    write_zones(out, status)?;
    write!(
        out,
        "<footer>\n<a href=\"/metrics\">metrics</a> <a href=\"/api/v1/status\">status as JSON</a> \
         <a href=\"/-/healthy\">health</a> <a href=\"/-/ready\">readiness</a>\n\
         <p>cloudflare-aop-exporter {} at {}</p>\n</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        Minute(status.now),
    )
}

fn write_summary(out: &mut String, status: &Status) -> fmt::Result {
    let mut counts = BTreeMap::new();
    for (_, entry) in status.hostnames() {
        *counts.entry(Reverse(status.verdict(entry))).or_insert(0_usize) += 1;
    }
    out.push_str("<p class=\"summary\">");
    for (Reverse(verdict), count) in &counts {
        write!(out, "<span class=\"{0}\">{count} {0}</span> ", verdict.label())?;
    }
    if counts.is_empty() {
        out.push_str("No hostnames are watched.");
    }
    out.push_str("</p>\n");
    Ok(())
}

fn write_hostnames(out: &mut String, status: &Status) -> fmt::Result {
    // a stable sort, which keeps the order of the snapshot within a verdict
    let mut rows: Vec<_> =
        status.hostnames().map(|(zone, entry)| (status.verdict(entry), zone, entry)).collect();
    rows.sort_by_key(|(verdict, ..)| Reverse(*verdict));
    write_head(
        out,
        "Hostnames",
        &["Verdict", "Hostname", "Zone", "Association", "Status", "Certificate ends", "Findings"],
    )?;
    for (verdict, zone, entry) in rows.iter().take(MOST_ROWS) {
        write_hostname(out, status, *verdict, zone, entry)?;
    }
    write_foot(out, rows.len())
}

fn write_hostname(
    out: &mut String,
    status: &Status,
    verdict: Verdict,
    zone: &ZoneState,
    entry: &Entry,
) -> fmt::Result {
    let reading = entry.reading();
    write!(
        out,
        "<tr class=\"{verdict}\"><td>{verdict}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
        Escaped(entry.hostname()),
        Escaped(zone.key()),
        OrDash(reading.map(|reading| reading.association.label())),
        OrDash(reading.and_then(|reading| reading.status).map(|status| status.label())),
        verdict = verdict.label(),
    )?;
    match reading.and_then(|reading| reading.ends()) {
        Some(end) => write!(out, "{} ({})", Minute(end), Distance(end.seconds_from(status.now)))?,
        None => out.push('–'),
    }
    out.push_str("</td><td>");
    for (index, finding) in entry.findings(status.thresholds, status.now).into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(out, "{comma}{}", Escaped(finding.label()))?;
        if let (Finding::NotRead, Some(reason)) = (finding, entry.failure()) {
            write!(out, " ({})", reason.label())?;
        }
    }
    out.push_str("</td></tr>\n");
    Ok(())
}

fn write_zones(out: &mut String, status: &Status) -> fmt::Result {
    let zones = status.snapshot.zones();
    write_head(out, "Zones", &["Zone", "Id", "Account", "Latest poll", "Last read", "Hostnames"])?;
    for zone in zones.iter().take(MOST_ROWS) {
        let latest = match zone.failure() {
            Some(reason) => reason.label(),
            None if zone.is_up() => "ok",
            None => "not yet",
        };
        writeln!(
            out,
            "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{latest}</td><td>{}</td><td>{}</td></tr>",
            if zone.is_up() { "ok" } else { "unknown" },
            Escaped(zone.key()),
            OrDash(zone.id()),
            Escaped(zone.account()),
            OrDash(zone.last_success().map(Minute)),
            zone.entries().len(),
        )?;
    }
    write_foot(out, zones.len())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::{
        Association, Expectation, HostnameTarget, Outcome, Reading, Snapshot, Targets, Thresholds, ZoneTarget,
    };

    #[test]
    fn the_policy_names_the_style() {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        assert!(POLICY.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
        assert!(!STYLE.contains(['<', '&']));
    }

    #[test]
    fn a_table_shows_the_worst_thousand_rows_and_counts_the_rest() {
        let name = |number: usize| format!("h{number:04}.example").parse().unwrap();
        let targets = (0..1500)
            .map(|number| HostnameTarget { hostname: name(number), expectation: Expectation::default() });
        let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None)
            .with_hostnames(targets.collect());
        let now = Timestamp::UNIX_EPOCH.into();
        // all are enabled but the last, which is disabled
        let read = (0..1500).map(|number| {
            let association = if number == 1499 { Association::Disabled } else { Association::Enabled };
            Outcome::Read(name(number), Ok(Reading::bare(association, now)))
        });
        let key = zone.key().clone();
        let outcomes = read.chain([Outcome::Ended { result: Ok(()), at: now }]);
        let outcomes = outcomes.map(|outcome| (key.clone(), outcome));
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new([zone])).fold(outcomes));
        let page = render(&Status { snapshot, thresholds: Thresholds::default(), now }).html;

        assert!(
            page.contains("<span class=\"critical\">1 critical</span> <span class=\"ok\">1499 ok</span>")
        );
        let rows: Vec<_> = page.lines().filter(|line| line.contains("</td><td>h")).collect();
        assert_eq!(rows.len(), 1000);
        assert!(rows[0].starts_with("<tr class=\"critical\"><td>critical</td><td>h1499.example</td>"));
        assert!(rows[1].starts_with("<tr class=\"ok\"><td>ok</td><td>h0000.example</td>"));
        assert!(page.contains("<p>500 more are left out here; <a href=\"/api/v1/status\">all</a></p>"));
    }
}
