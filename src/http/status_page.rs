//! The status page for people: the worst hostnames first.

mod tables;
mod value;

use std::cmp::Reverse;
use std::fmt::{self, Write as _};

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY};

use crate::domain::Judge;
use value::Minute;

const STYLE: &str = include_str!("status_page.css");

/// Allows the page its own style, by its SHA-256, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-YJpaLszjiGSwgwIifeTXO+VBdUfnb0ev0v80B08My60='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds headers that forbid the page all that it does not need.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Renders the page as a whole: the limit of rows keeps it small.
pub(super) fn render(judge: &Judge) -> String {
    let mut html = String::new();
    // writing to a string cannot fail
    let _ = write_page(&mut html, judge);
    html
}

fn write_page(out: &mut String, judge: &Judge) -> fmt::Result {
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Cloudflare Authenticated Origin Pulls</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Cloudflare Authenticated Origin Pulls</h1>\n"
    )?;
    write_summary(out, judge)?;
    tables::write_hostnames(out, judge)?;
    tables::write_certificates(out, judge)?;
    tables::write_zones(out, judge)?;
    tables::write_accounts(out, judge)?;
    write!(
        out,
        "<footer>\n<a href=\"/metrics\">metrics</a> <a href=\"/api/v1/status\">status as JSON</a> \
         <a href=\"/-/healthy\">health</a> <a href=\"/-/ready\">readiness</a>\n\
         <p><a href=\"{}\">cloudflare-aop-exporter</a> {} at {}</p>\n</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_REPOSITORY"),
        env!("CARGO_PKG_VERSION"),
        Minute(judge.now()),
    )
}

fn write_summary(out: &mut String, judge: &Judge) -> fmt::Result {
    let counts = judge.hostnames_by_verdict();
    let verdict = judge.verdict().label();
    write!(out, "<p class=\"summary\">Verdict: <span class=\"{verdict}\">{verdict}</span>")?;
    if counts.is_empty() {
        out.push_str(" No hostnames are watched.");
    } else {
        out.push_str(" Hostnames: ");
    }
    for (Reverse(verdict), count) in &counts {
        write!(out, "<span class=\"{0}\">{count} {0}</span> ", verdict.label())?;
    }
    out.push_str("</p>\n");
    Ok(())
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
        // all are enabled, without a known end, but the last, which is disabled
        let read = (0..1500).map(|number| {
            let association = if number == 1499 { Association::Disabled } else { Association::Enabled };
            Outcome::Read(name(number), Ok(Reading::bare(association, now)))
        });
        let key = zone.key().clone();
        let outcomes = read.chain([Outcome::Ended { result: Ok(()), at: now }]);
        let outcomes = outcomes.map(|outcome| (key.clone(), outcome));
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new([zone])).fold(outcomes));
        let page = render(&Judge::new(snapshot, Thresholds::default(), now));

        let home = concat!("<a href=\"", env!("CARGO_PKG_REPOSITORY"), "\">cloudflare-aop-exporter</a> ");
        assert!(page.contains(home), "{page}");
        assert!(page.contains(
            "<span class=\"critical\">1 critical</span> <span class=\"warning\">1499 warning</span>"
        ));
        let rows: Vec<_> = page.lines().filter(|line| line.contains("</td><td>h")).collect();
        assert_eq!(rows.len(), 1000);
        assert!(rows[0].starts_with("<tr class=\"critical\"><td>critical</td><td>h1499.example</td>"));
        assert!(rows[1].starts_with("<tr class=\"warning\"><td>warning</td><td>h0000.example</td>"));
        assert!(page.contains("<p>500 more are left out here; <a href=\"/api/v1/status\">all</a></p>"));
    }
}
