//! The kinds of things that lists show: hostnames, certificates and zones.

use std::slice;

use memchr::memmem::Finder;

use crate::domain::{CertId, Date, Entry, Findings, Judge, Level, ZoneCertificate, ZoneState};
use crate::http::query::Sort;

/// A kind of item in a zone.
pub(in crate::http) trait Thing: Sized + 'static {
    /// True if its name is a hostname. Other kinds are sorted by zone instead of by hostname, so that paging
    /// by cursor shows each item once.
    const HAS_HOSTNAME: bool = false;

    /// Returns the order that a list of this kind uses for `sort`.
    fn order(sort: Sort) -> Sort {
        if sort == Sort::Hostname && !Self::HAS_HOSTNAME { Sort::Zone } else { sort }
    }

    /// Returns the items of a zone, sorted by name and level.
    fn of(zone: &ZoneState) -> &[Self];

    /// Returns its name in the zone.
    fn name(&self) -> &str;

    /// Returns a text that tells apart two items of one name.
    fn level(&self) -> &'static str {
        ""
    }

    /// Returns its end date, if known.
    fn ends(&self) -> Option<Date>;

    /// Returns its findings.
    fn findings(&self, judge: &Judge, zone: &ZoneState) -> Findings;

    /// Returns true if its own names contain the searched text. Its zone's name does not count.
    fn contains(&self, text: &Finder<'_>) -> bool;

    /// Returns true if it is this hostname of its zone, or a certificate that the hostname uses.
    fn is_about(&self, hostname: &Entry) -> bool;
}

impl Thing for Entry {
    const HAS_HOSTNAME: bool = true;

    fn of(zone: &ZoneState) -> &[Self] {
        zone.entries()
    }

    fn name(&self) -> &str {
        self.hostname().as_str()
    }

    /// Returns the end of its certificate, presented or not.
    fn ends(&self) -> Option<Date> {
        self.reading()?.certificate.as_ref()?.ends()
    }

    fn findings(&self, judge: &Judge, zone: &ZoneState) -> Findings {
        judge.hostname(zone, self)
    }

    fn contains(&self, text: &Finder<'_>) -> bool {
        has(text, self.name()) || cert_id(self).is_some_and(|id| has_id(text, id))
    }

    fn is_about(&self, hostname: &Entry) -> bool {
        self.hostname() == hostname.hostname()
    }
}

impl Thing for ZoneCertificate {
    fn of(zone: &ZoneState) -> &[Self] {
        zone.certificates()
    }

    fn name(&self) -> &str {
        self.id.as_str()
    }

    fn level(&self) -> &'static str {
        self.level.label()
    }

    fn ends(&self) -> Option<Date> {
        self.certificate.ends()
    }

    fn findings(&self, judge: &Judge, zone: &ZoneState) -> Findings {
        judge.certificate(zone, self)
    }

    fn contains(&self, text: &Finder<'_>) -> bool {
        has_id(text, &self.id)
    }

    fn is_about(&self, hostname: &Entry) -> bool {
        self.level == Level::Hostname && cert_id(hostname) == Some(&self.id)
    }
}

impl Thing for ZoneState {
    fn of(zone: &ZoneState) -> &[Self] {
        slice::from_ref(zone)
    }

    fn name(&self) -> &str {
        ""
    }

    /// Returns the earliest end of the certificates that Cloudflare presents to the zone's origins.
    fn ends(&self) -> Option<Date> {
        let hostnames = self.entries().iter().filter_map(|entry| entry.reading()?.ends());
        let is_on = self.zone_level_enabled() == Some(true);
        let zone_level = self.zone_certificates().iter().filter(|_| is_on);
        hostnames.chain(zone_level.filter_map(|known| known.certificate.ends())).min()
    }

    fn findings(&self, judge: &Judge, _: &ZoneState) -> Findings {
        judge.zone(self)
    }

    fn contains(&self, _: &Finder<'_>) -> bool {
        false
    }

    fn is_about(&self, _: &Entry) -> bool {
        true
    }
}

/// Returns the id of the hostname's certificate by the latest reading.
pub(super) fn cert_id(hostname: &Entry) -> Option<&CertId> {
    hostname.reading()?.certificate.as_ref()?.id()
}

/// Returns true if an id contains a text in lower case, whatever the case of the id.
fn has_id(text: &Finder<'_>, id: &CertId) -> bool {
    let id = id.as_str();
    has(text, id) || id.bytes().any(|byte| byte.is_ascii_uppercase()) && has(text, &id.to_ascii_lowercase())
}

fn has(text: &Finder<'_>, name: &str) -> bool {
    text.find(name.as_bytes()).is_some()
}
