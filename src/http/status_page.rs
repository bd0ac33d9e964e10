//! The status page for people: what is wrong first, what is fine after it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY};
use jiff::Timestamp;

use super::page_body::Fill;
use super::status::Status;
use crate::domain::{Date, Entry, Finding, Verdict, ZoneState};

/// How many rows a table has at most: beyond that a browser is slow and nobody reads on.
const MOST_ROWS: usize = 1000;

const STYLE: &str = include_str!("status_page.css");

/// The page may be drawn with its own style, known by its SHA-256, and do nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-pOcvqMeSihzkseiX9v6Di5h2YVfL6cWhTGMWQ7WXkLo='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Forbids the page whatever it does not need.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// The page, written whole: what is cut at [`MOST_ROWS`] stays small.
pub(super) fn render(status: &Status) -> Rendered {
    let mut html = String::new();
    // writing to a string cannot fail
    let _ = write_page(&mut html, status);
    Rendered { html, sent: 0 }
}

/// A page that is there as a whole, and sent piece by piece.
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
    // the sort is stable: within a verdict the order of the snapshot stays
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
    for (place, finding) in entry.findings(status.thresholds, status.now).into_iter().enumerate() {
        let comma = if place > 0 { ", " } else { "" };
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

/// Text that is shown as it stands, whatever it holds.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A value, escaped, or a dash where there is none.
struct OrDash<T>(Option<T>);

impl<T: Display> Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => Escaped(value).fmt(f),
            None => f.write_char('–'),
        }
    }
}

/// A date to the minute.
struct Minute(Date);

impl Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::tz::Offset::UTC.to_datetime(Timestamp::from(self.0));
        let (date, hour, minute) = (time.date(), time.hour(), time.minute());
        write!(f, "{date} {hour:02}:{minute:02} UTC")
    }
}

/// How far away something is, in seconds, as people say it.
struct Distance(i64);

impl Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (count, unit) = match seconds {
            0..3_600 => (seconds / 60, "minute"),
            3_600..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        if self.0 > 0 {
            write!(f, "in {count} {unit}{plural}")
        } else {
            write!(f, "{count} {unit}{plural} ago")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

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
    fn text_is_shown_as_it_stands() {
        let hostile = Escaped("<img src=x onerror='alert(\"&\")'>").to_string();
        assert_eq!(hostile, "&lt;img src=x onerror=&#39;alert(&quot;&amp;&quot;)&#39;&gt;");
    }

    #[test]
    fn distances_are_said_in_the_unit_that_fits() {
        let of = |seconds| Distance(seconds).to_string();
        assert_eq!(of(90), "in 1 minute");
        assert_eq!(of(0), "0 minutes ago");
        assert_eq!(of(47 * 3_600), "in 47 hours");
        assert_eq!(of(-3 * 86_400), "3 days ago");
    }

    #[test]
    fn beyond_a_thousand_rows_the_worst_stay_and_the_rest_is_counted() {
        let name = |number: usize| format!("h{number:04}.example").parse().unwrap();
        let targets = (0..1500)
            .map(|number| HostnameTarget { hostname: name(number), expectation: Expectation::default() });
        let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None)
            .with_hostnames(targets.collect());
        let now = Timestamp::UNIX_EPOCH.into();
        // all are fine but the last, which is disabled
        let read = (0..1500).map(|number| {
            let association = if number == 1499 { Association::Disabled } else { Association::Enabled };
            (name(number), Ok(Reading::bare(association, now)))
        });
        let outcome = Outcome {
            hostnames: read.collect(),
            end: Some((Ok(()), now)),
            ..Outcome::of(zone.key().clone())
        };
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new([zone])).fold(&[outcome]));
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
