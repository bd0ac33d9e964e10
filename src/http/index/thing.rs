//! The kinds of things that lists show: hostnames, certificates and zones.

use std::slice;

use memchr::memmem::Finder;

use crate::domain::{CertId, Date, Entry, Findings, Judge, Level, ZoneCertificate, ZoneState};
use crate::http::query::Sort;

/// A kind of thing that zones have.
pub(in crate::http) trait Thing: Sized + 'static {
    /// True if its name is a hostname. Things without one are sorted by hostname as they are by zone, so that a walk by
    /// cursor shows each of them once.
    const HAS_HOSTNAME: bool = false;

    /// What a list of them goes by to have that order.
    fn order(sort: Sort) -> Sort {
        if sort == Sort::Hostname && !Self::HAS_HOSTNAME { Sort::Zone } else { sort }
    }

    /// Those of a zone, sorted by name and level.
    fn of(zone: &ZoneState) -> &[Self];

    /// Its name in the zone.
    fn name(&self) -> &str;

    /// What tells apart two of one name.
    fn level(&self) -> &'static str {
        ""
    }

    /// When it ends, as far as that is known.
    fn ends(&self) -> Option<Date>;

    /// What is wrong with it.
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

    /// The end of its certificate, be it presented or not.
    fn ends(&self) -> Option<Date> {
        self.reading()?.certificate.as_ref()?.ends()
    }

    fn findings(&self, judge: &Judge, zone: &ZoneState) -> Findings {
        judge.hostname(zone, self)
    }

    fn contains(&self, text: &Finder<'_>) -> bool {
        has(text, self.name()) || cert_id(self).is_some_and(|id| has(text, id.as_str()))
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
        has(text, self.name())
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

    /// The first end of what Cloudflare presents to the zone's origins.
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

/// The certificate that a hostname was last read to have.
pub(super) fn cert_id(hostname: &Entry) -> Option<&CertId> {
    hostname.reading()?.certificate.as_ref()?.id()
}

fn has(text: &Finder<'_>, name: &str) -> bool {
    text.find(name.as_bytes()).is_some()
}
