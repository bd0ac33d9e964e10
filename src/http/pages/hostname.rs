//! The page of one hostname: everything known about it, and how to fix its findings.

use askama::Template;

use super::commands::{Fix, Subject};
use super::facts::{Fact, Section, of_certificate};
use super::layout::Layout;
use super::words::{class, global_switch, href, moment, runbook, switch};
use crate::domain::{
    Association, CertId, Date, Demand, Entry, Hostname, IssuerMatch, Judge, Origin, PartKind, Reason,
    SslMode, Status, Told, ZoneKey, ZoneState,
};
use crate::http::index::Index;
use crate::http::query::encode;

const IGNORED: &str = "The configuration ignores this finding, so it does not affect the verdict.";

/// The page.
#[derive(Template)]
#[template(path = "hostname.html")]
pub(super) struct Page {
    layout: Layout,
    zone: String,
    zone_href: String,
    hostname: String,
    verdict: &'static str,
    findings: Vec<FindingNote>,
    look: Vec<String>,
    sections: Vec<Section>,
}

/// A finding, and how to fix it.
struct FindingNote {
    verdict: &'static str,
    message: String,
    href: String,
    /// The alert, which is also the name of its runbook.
    alert: &'static str,
    ignored: bool,
    fix: Fix,
}

impl Page {
    /// Creates the page, or returns none if the hostname is not in the snapshot.
    pub(super) fn new(index: &Index, zone: &ZoneKey, hostname: &Hostname) -> Option<Self> {
        let judge = index.judge();
        let zone = judge.snapshot().zone(zone)?;
        let entry = zone.entry(hostname)?;
        let told = judge.tell_hostname(zone, entry);
        let subject = Subject::new(zone, entry, judge.now(), judge.thresholds().warning);
        let (key, name) = (zone.key().as_str(), hostname.as_str());
        // a command that fixes several findings is shown once
        let mut commands = Vec::new();
        Some(Self {
            layout: Layout::new(index, "").about(name),
            zone: key.to_owned(),
            zone_href: format!("/zones?zone={}", encode(key)),
            hostname: name.to_owned(),
            verdict: Told::worst(&told).label(),
            findings: told
                .into_iter()
                .map(|told| {
                    let mut fix = match told.ignored {
                        true => Fix { words: IGNORED.to_owned(), ..Fix::default() },
                        false => subject.fix(told.finding),
                    };
                    fix.commands.retain(|command| !commands.contains(command));
                    commands.extend(fix.commands.iter().cloned());
                    let (verdict, href, alert) = (class(&told), runbook(told.finding), told.finding.alert());
                    let Told { message, ignored, .. } = told;
                    FindingNote { verdict, message, href, alert, ignored, fix }
                })
                .collect(),
            look: subject.look(),
            sections: sections(judge, zone, entry),
        })
    }
}

fn sections(judge: &Judge, zone: &ZoneState, entry: &Entry) -> Vec<Section> {
    let (now, reading) = (judge.now(), entry.reading());
    let certificate = reading.and_then(|reading| reading.certificate.as_deref());
    let mut sections = vec![Section { name: "Association".into(), facts: association(entry, now) }];
    if let Some(certificate) = certificate {
        let id = certificate.id().map(CertId::as_str);
        let status = reading.and_then(|reading| reading.certificate_status);
        let mut facts = vec![
            id.map_or_else(
                || Fact::new("Id", "–"),
                |id| Fact::linked("Id", id, href("certificates", zone.key().as_str(), id)),
            ),
            Fact::new("Status", status.map_or("–", Status::label)),
        ];
        facts.extend(of_certificate(certificate, now));
        let dates = reading.map(|reading| (reading.certificate_uploaded_on, reading.certificate_updated_at));
        let (uploaded, updated) = dates.unwrap_or_default();
        facts.extend([
            Fact::new("Uploaded", moment(uploaded, now)),
            Fact::new("Last changed", moment(updated, now)),
        ]);
        sections.push(Section { name: "Certificate".into(), facts });
    }
    sections.extend(zone.origins_of(entry.hostname()).iter().map(|origin| of_origin(judge, zone, origin)));
    let without: Vec<_> = zone.no_origin(entry.hostname()).map(|reason| reason.to_string()).collect();
    if !without.is_empty() {
        let facts = vec![Fact::new("Not reachable directly", without.join("; "))];
        sections.push(Section { name: "Origins by DNS records".into(), facts });
    }
    sections.push(Section { name: "Zone".into(), facts: context(zone, now) });
    sections.push(Section { name: "Reading".into(), facts: read(zone, entry, now) });
    sections
}

fn association(entry: &Entry, now: Date) -> Vec<Fact> {
    let (reading, expectation) = (entry.reading(), entry.expectation());
    let pinned = expectation.cert_id.as_ref();
    let pinned = pinned.map_or_else(String::new, |id| format!(", with the certificate {id}"));
    let origin = if entry.is_configured() { "" } else { " (discovered)" };
    vec![
        Fact::new("Association", entry.association().map_or("–", Association::label)),
        Fact::new("Status", reading.and_then(|reading| reading.status).map_or("–", Status::label)),
        Fact::new("Expected", format!("{}{pinned}{origin}", expectation.association.label())),
        Fact::new("Created", moment(reading.and_then(|reading| reading.created_at), now)),
        Fact::new("Last changed", moment(reading.and_then(|reading| reading.updated_at), now)),
    ]
}

/// Returns what probes of an origin found.
fn of_origin(judge: &Judge, zone: &ZoneState, origin: &Origin) -> Section {
    let (now, reading, latest) = (judge.now(), judge.origin(origin), origin.reading());
    let demand = reading.map_or_else(
        || "– (not probed yet)".to_owned(),
        |reading| format!("{}: {}", reading.demand.label(), reading.reason),
    );
    let failure = latest.filter(|latest| latest.demand == Demand::Unknown);
    let names = match judge.issuer_match(zone, origin) {
        None => "–",
        Some(IssuerMatch::Exact) => "among the CAs that the origin names",
        Some(IssuerMatch::Normalised) => {
            "among the CAs that the origin names, encoded differently: servers in Go, such as Caddy, refuse it"
        }
        Some(IssuerMatch::None) => "not among the CAs that the origin names: it may refuse the certificate",
    };
    let ends = reading.and_then(|reading| reading.certificate_not_after);
    let facts = vec![
        Fact::new("Client certificate", demand),
        Fact::new("Issuer of the certificate that is presented", names),
        Fact::new("Its own certificate ends", moment(ends, now)),
        Fact::new("Last answer", moment(origin.answered().map(|answered| answered.read_at), now)),
        Fact::new("Last probed", moment(latest.map(|latest| latest.read_at), now)),
        Fact::new("Last failure", failure.map_or("–".to_owned(), |latest| latest.reason.to_string())),
    ];
    Section { name: format!("Origin {}", origin.target().label).into(), facts }
}

/// Returns the settings of the zone that decide what Cloudflare presents.
fn context(zone: &ZoneState, now: Date) -> Vec<Fact> {
    let global = match zone.shared_ca_ends() {
        Some(_) => format!(
            "{}; Cloudflare presents its shared certificate where no other one is associated",
            global_switch(zone, now)
        ),
        None => global_switch(zone, now),
    };
    let ssl_mode = zone.ssl_mode().map_or("–", SslMode::label);
    let ssl_mode = match zone.ssl_mode() {
        Some(SslMode::Off | SslMode::Flexible) => format!("{ssl_mode}: Cloudflare presents no certificate"),
        _ => ssl_mode.to_owned(),
    };
    vec![
        Fact::linked("Zone", zone.key().as_str(), format!("/zones?zone={}", encode(zone.key().as_str()))),
        Fact::new("Zone-level switch", switch(zone.zone_level_enabled())),
        Fact::new("Global switch", global),
        Fact::new("SSL mode", ssl_mode),
    ]
}

fn read(zone: &ZoneState, entry: &Entry, now: Date) -> Vec<Fact> {
    let read_at = entry.reading().map(|reading| reading.read_at);
    let failure = entry.failure().map_or("–", Reason::words);
    let tried = zone.part(PartKind::Associations).tried_at;
    vec![
        Fact::new("Last read", moment(read_at, now)),
        Fact::new("Last attempt", moment(tried, now)),
        Fact::new("Last failure", failure),
        Fact::new("Account", zone.account()),
    ]
}
