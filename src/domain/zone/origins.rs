//! What is known about the origins of a zone's hostnames.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::{Entry, ZoneState};
use crate::domain::{DnsIndex, DnsOrigins, Hostname, NoOrigin, OriginReading, OriginTarget};

/// An origin that is probed, and what its latest probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    target: OriginTarget,
    reading: Option<OriginReading>,
}

impl Origin {
    /// An origin with what is known of it.
    pub fn new(target: OriginTarget, reading: Option<OriginReading>) -> Self {
        Self { target, reading }
    }

    /// What is probed.
    pub fn target(&self) -> &OriginTarget {
        &self.target
    }

    /// What the latest probe found.
    pub fn reading(&self) -> Option<&OriginReading> {
        self.reading.as_ref()
    }

    /// True if probes of both ask for the same thing at the same place, whatever they are called.
    fn is_same_place(&self, target: &OriginTarget) -> bool {
        let OriginTarget { hostname, label: _, address, server_name, path, from_dns: _ } = &self.target;
        (hostname, address, server_name, path)
            == (&target.hostname, &target.address, &target.server_name, &target.path)
    }
}

impl ZoneState {
    /// The origins that are probed, sorted by hostname, those of each in the order of the configuration. DNS records give
    /// those of hostnames for which it names none.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The origins of one hostname.
    pub fn origins_of(&self, hostname: &Hostname) -> &[Origin] {
        &self.origins[of(&self.origins, hostname)]
    }

    /// Why DNS records give no origin, or fewer than there are records, for a hostname.
    pub fn no_origin(&self, hostname: &Hostname) -> impl Iterator<Item = NoOrigin> {
        self.dns_origins.get(hostname).into_iter().flat_map(|found| found.without.iter().copied())
    }

    /// The hostnames whose origins DNS records are to give: those for which the configuration names none.
    fn unnamed(&self) -> impl Iterator<Item = &Hostname> {
        let named: BTreeSet<_> = self.target.origins().iter().map(|origin| &origin.hostname).collect();
        self.entries.iter().map(Entry::hostname).filter(move |hostname| !named.contains(hostname))
    }

    /// Whether hostnames have come or gone since the records were searched for their origins.
    pub(in crate::domain) fn lacks_dns_origins(&self) -> bool {
        self.dns_records.is_some() && !self.dns_origins.keys().eq(self.unnamed())
    }

    /// The origins that these records, its own among them, give for its hostnames; none if that is nothing new.
    pub(in crate::domain) fn other_dns_origins(
        &self,
        index: &DnsIndex<'_>,
    ) -> Option<BTreeMap<Hostname, DnsOrigins>> {
        self.dns_records.as_ref()?;
        let found = self.unnamed().map(|hostname| (hostname.clone(), index.origins(hostname))).collect();
        (found != *self.dns_origins).then_some(found)
    }

    /// Watches the origins that DNS records give.
    pub(in crate::domain) fn set_dns_origins(&mut self, found: BTreeMap<Hostname, DnsOrigins>) {
        self.dns_origins = Arc::new(found);
        self.watch_origins();
    }

    /// Watches the origins that the target names and those that DNS records give. One that stays keeps its reading, the
    /// latest if several are known.
    pub(super) fn watch_origins(&mut self) {
        let mut known = std::mem::take(&mut self.origins);
        let read_at = |origin: &Origin| origin.reading.as_ref().map(|reading| reading.read_at);
        known.sort_by(|a, b| {
            let by_name = a.target.hostname.cmp(&b.target.hostname);
            by_name.then_with(|| read_at(b).cmp(&read_at(a)))
        });
        // until the records were read, those stay that are known from an earlier start
        let awaits_records = self.target.extent().dns_origins && self.dns_records.is_none();
        let unnamed: BTreeSet<_> = awaits_records.then(|| self.unnamed()).into_iter().flatten().collect();
        let kept = known.iter().map(|origin| &origin.target);
        let mut seen = HashSet::new();
        let kept = kept
            .filter(|target| target.from_dns && unnamed.contains(&target.hostname) && seen.insert(*target));
        let from_dns = self.dns_origins.values().flat_map(|found| &found.origins);
        let origins = self.target.origins().iter().chain(from_dns).chain(kept).map(|target| {
            let mut of_hostname = known[of(&known, &target.hostname)].iter();
            let same = of_hostname.find(|origin| origin.is_same_place(target));
            Origin::new(target.clone(), same.and_then(|origin| origin.reading.clone()))
        });
        self.origins = origins.collect();
        self.origins.sort_by(|a, b| a.target.hostname.cmp(&b.target.hostname));
    }

    /// Takes in what a probe found, if that origin is still watched.
    pub(super) fn probed(&mut self, target: &OriginTarget, reading: OriginReading) {
        let range = of(&self.origins, &target.hostname);
        if let Some(origin) = self.origins[range].iter_mut().find(|origin| origin.target == *target) {
            origin.reading = Some(reading);
        }
    }
}

/// Where the origins of a hostname are, among origins that are sorted by hostname.
fn of(origins: &[Origin], hostname: &Hostname) -> Range<usize> {
    let start = origins.partition_point(|origin| origin.target.hostname < *hostname);
    let length = origins[start..].partition_point(|origin| origin.target.hostname == *hostname);
    start..start + length
}

#[cfg(test)]
mod tests;
