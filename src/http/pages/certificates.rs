//! The certificates of both stores, and everything known about one of them.

use askama::Template;

use super::facts::{Fact, Section, of_certificate};
use super::layout::Layout;
use super::links::{Count, Filter, Link, column, counted, filters};
use super::rows::{End, HostnameRow, Marks, shortened};
use super::words::{Found, found, href, moment, plural};
use crate::domain::{CertId, Date, Entry, Level, Pem, Status, Told, ZoneCertificate, ZoneKey};
use crate::http::index::{Counts, Index, Row, Thing};
use crate::http::query::{DEFAULT_LIMIT, Query, Sort, encode};

/// The maximum number of hostnames that may use one certificate.
const MOST_HOSTNAMES: u32 = 100;

/// All certificates.
#[derive(Template)]
#[template(path = "certificates.html")]
pub(super) struct ListPage {
    layout: Layout,
    heading: String,
    filters: Vec<Filter>,
    columns: Vec<Link>,
    rows: Vec<CertificateRow>,
    first: Option<String>,
    next: Option<String>,
}

struct CertificateRow {
    verdict: &'static str,
    href: String,
    short: String,
    issuer: String,
    zone: String,
    level: &'static str,
    status: &'static str,
    hostnames: String,
    /// The hostnames that use it, by verdict.
    counts: Vec<Count>,
    expires_on: Option<End>,
    not_after: Option<End>,
    findings: Vec<Found>,
}

impl ListPage {
    pub(super) fn new(index: &Index, query: &Query) -> Self {
        let page = index.certificates().page(index.judge(), query);
        let columns = [
            ("Verdict", Some(Sort::Verdict)),
            ("Certificate", None),
            ("Zone", Some(Sort::Zone)),
            ("Store", None),
            ("Status", None),
            ("Hostnames", None),
            ("Ends (API)", Some(Sort::Ends)),
            ("Ends (PEM)", None),
            ("Findings", None),
        ];
        let counts = index.certificates().tally(index.judge(), query);
        let users = index.hostnames_by_certificate(&page.rows);
        let rows = page.rows.iter().zip(users);
        let link = |cursor| format!("/certificates{}", Query { cursor, ..query.clone() });
        Self {
            layout: Layout::new(index, "/certificates").about("Certificates"),
            heading: plural(query.verdict.map_or(counts.all(), |verdict| counts.of(verdict)), "certificate"),
            filters: filters(query, "/certificates"),
            columns: columns.map(|(name, sort)| column(query, "/certificates", name, sort)).into(),
            rows: rows.map(|(row, users)| CertificateRow::new(index, row, users)).collect(),
            first: query.cursor.is_some().then(|| link(None)),
            next: page.next.map(|cursor| link(Some(cursor))),
        }
    }
}

impl CertificateRow {
    fn new(index: &Index, row: &Row<'_, ZoneCertificate>, users: Counts) -> Self {
        let (judge, known) = (index.judge(), row.thing);
        let (zone, id) = (row.zone.key().as_str(), known.id.as_str());
        let details = known.certificate.details();
        let not_after = known.certificate.pem().map(|pem: &Pem| pem.not_after);
        let q = Some(id.to_ascii_lowercase());
        let query = Query { q, zone: zone.parse().ok(), ..Query::all(Sort::Verdict) };
        let end = |date: Option<Date>| date.map(|date| End::new(date, judge));
        Self {
            verdict: row.verdict.label(),
            href: href("certificates", zone, id),
            short: shortened(id),
            issuer: details.issuer.as_deref().unwrap_or_default().to_owned(),
            zone: zone.to_owned(),
            level: store(known.level),
            status: known.status.map_or("–", Status::label),
            hostnames: used(known),
            counts: counted(users, &query),
            expires_on: end(details.expires_on),
            not_after: end(not_after),
            findings: found(judge.tell_certificate(row.zone, known)),
        }
    }
}

/// The page of one certificate, with a section for each store that has it.
#[derive(Template)]
#[template(path = "certificate.html")]
pub(super) struct Page {
    layout: Layout,
    zone: String,
    zone_href: String,
    id: String,
    verdict: &'static str,
    is_for_hostnames: bool,
    findings: Vec<Found>,
    sections: Vec<Section>,
    marks: Marks,
    columns: Vec<Link>,
    rows: Vec<HostnameRow>,
}

impl Page {
    /// Creates the page, or returns none if the certificate is not in the snapshot.
    pub(super) fn new(index: &Index, zone: &ZoneKey, id: &CertId) -> Option<Self> {
        let judge = index.judge();
        let zone = judge.snapshot().zone(zone)?;
        let known: Vec<_> = zone.certificates().iter().filter(|known| known.id == *id).collect();
        let mut told: Vec<_> = known.iter().flat_map(|known| judge.tell_certificate(zone, known)).collect();
        told.sort_by_key(|told| (told.ignored, std::cmp::Reverse(told.severity)));
        let key = zone.key().as_str();
        let certificate = known.iter().copied().find(|known| known.level == Level::Hostname);
        let is_user = |row: &Row<'_, Entry>| {
            row.zone.key() == zone.key() && certificate.is_some_and(|known| known.is_about(row.thing))
        };
        let hostnames = index.hostnames().rows(judge, Sort::Verdict).filter(is_user).take(DEFAULT_LIMIT);
        let columns = ["Verdict", "Hostname", "Zone", "Findings", "Certificate ends", "Certificate", "Read"];
        known.first()?;
        Some(Self {
            layout: Layout::new(index, "").about(&shortened(id.as_str())),
            zone: key.to_owned(),
            zone_href: format!("/zones?zone={}", encode(key)),
            id: id.to_string(),
            verdict: Told::worst(&told).label(),
            is_for_hostnames: certificate.is_some(),
            findings: found(told),
            sections: known.into_iter().map(|known| section(known, judge.now())).collect(),
            marks: judge.thresholds().into(),
            columns: columns.map(|name| column(&Query::all(Sort::Verdict), "", name, None)).into(),
            rows: hostnames.map(|row| HostnameRow::new(index, &row)).collect(),
        })
    }
}

fn section(known: &ZoneCertificate, now: Date) -> Section {
    let mut facts = vec![
        Fact::new("Status", known.status.map_or("–", Status::label)),
        Fact::new("Hostnames", used(known)),
        Fact::new("Uploaded", moment(known.uploaded_on, now)),
    ];
    facts.extend(of_certificate(&known.certificate, now));
    let name = match known.level {
        Level::Hostname => "In the store for single hostnames",
        Level::Zone => "In the store for the whole zone",
    };
    Section { name: name.into(), facts }
}

fn store(level: Level) -> &'static str {
    match level {
        Level::Hostname => "single hostnames",
        Level::Zone => "whole zone",
    }
}

fn used(known: &ZoneCertificate) -> String {
    match (known.level, known.hostnames) {
        (Level::Hostname, Some(hostnames)) => format!("{hostnames} of {MOST_HOSTNAMES}"),
        (Level::Hostname, None) => "not listed".to_owned(),
        (Level::Zone, _) => "–".to_owned(),
    }
}
