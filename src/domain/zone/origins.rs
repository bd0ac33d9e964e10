//! The origins of a zone's hostnames, and their readings.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::{Entry, ZoneState};
use crate::domain::{DnsIndex, DnsOrigins, Hostname, NoOrigin, OriginReading, OriginTarget};

/// An origin that is probed, and the results of its probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    target: OriginTarget,
    reading: Option<OriginReading>,
    /// The last answer, if the latest probe got none.
    answered: Option<Box<OriginReading>>,
}

impl Origin {
    /// Creates an origin that was not probed yet.
    pub fn new(target: OriginTarget) -> Self {
        Self { target, reading: None, answered: None }
    }

    /// Records the result of another probe.
    pub fn probed(&mut self, reading: OriginReading) {
        let is_answer = reading.is_answer();
        let before = self.reading.replace(reading).filter(OriginReading::is_answer);
        self.answered = if is_answer { None } else { before.map(Box::new).or(self.answered.take()) };
    }

    /// Returns the target of the probes.
    pub fn target(&self) -> &OriginTarget {
        &self.target
    }

    /// Returns the result of the latest probe.
    pub fn reading(&self) -> Option<&OriginReading> {
        self.reading.as_ref()
    }

    /// Returns the result of the latest probe that got an answer.
    pub fn answered(&self) -> Option<&OriginReading> {
        self.answered.as_deref().or_else(|| self.reading().filter(|reading| reading.is_answer()))
    }

    /// Returns true if probes of both send the same request to the same address, regardless of labels.
    fn is_same_probe(&self, target: &OriginTarget) -> bool {
        let OriginTarget { hostname, label: _, address, server_name, path, from_dns: _ } = &self.target;
        (hostname, address, server_name, path)
            == (&target.hostname, &target.address, &target.server_name, &target.path)
    }
}

impl ZoneState {
    /// Returns the origins to probe, sorted by hostname, and for each hostname in the order of the configuration.
    /// Origins of hostnames without configured ones come from DNS records.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns the origins of one hostname.
    pub fn origins_of(&self, hostname: &Hostname) -> &[Origin] {
        &self.origins[of(&self.origins, hostname)]
    }

    /// Returns the reasons why DNS records give no origin for a hostname, or fewer origins than there are records.
    pub fn no_origin(&self, hostname: &Hostname) -> impl Iterator<Item = NoOrigin> {
        self.dns_origins.get(hostname).into_iter().flat_map(|found| found.without.iter().copied())
    }

    /// Returns the hostnames without configured origins, whose origins come from DNS records.
    fn unnamed(&self) -> impl Iterator<Item = &Hostname> {
        let named: BTreeSet<_> = self.target.origins().iter().map(|origin| &origin.hostname).collect();
        self.entries.iter().map(Entry::hostname).filter(move |hostname| !named.contains(hostname))
    }

    /// Returns true if hostnames were added or removed since origins were last derived from the records.
    pub(in crate::domain) fn lacks_dns_origins(&self) -> bool {
        self.dns_records.is_some() && !self.dns_origins.keys().eq(self.unnamed())
    }

    /// Returns the origins that follow from these records, which include the zone's own. `None` if they have not
    /// changed.
    pub(in crate::domain) fn other_dns_origins(
        &self,
        index: &DnsIndex<'_>,
    ) -> Option<BTreeMap<Hostname, DnsOrigins>> {
        self.dns_records.as_ref()?;
        let found = self.unnamed().map(|hostname| (hostname.clone(), index.origins(hostname))).collect();
        (found != *self.dns_origins).then_some(found)
    }

    /// Watches the origins that were derived from DNS records.
    pub(in crate::domain) fn set_dns_origins(&mut self, found: BTreeMap<Hostname, DnsOrigins>) {
        self.dns_origins = Arc::new(found);
        self.watch_origins();
    }

    /// Watches the configured origins and those from DNS records. An origin that remains keeps its reading, or the
    /// latest one if several are known.
    pub(super) fn watch_origins(&mut self) {
        let mut known = std::mem::take(&mut self.origins);
        let read_at = |origin: &Origin| origin.reading.as_ref().map(|reading| reading.read_at);
        known.sort_by(|a, b| {
            let by_name = a.target.hostname.cmp(&b.target.hostname);
            by_name.then_with(|| read_at(b).cmp(&read_at(a)))
        });
        // until the records are read, origins known from before a restart remain
        let awaits_records = self.target.extent().dns_origins && self.dns_records.is_none();
        let unnamed: BTreeSet<_> = awaits_records.then(|| self.unnamed()).into_iter().flatten().collect();
        let kept = known.iter().map(|origin| &origin.target);
        let mut seen = HashSet::new();
        let kept = kept
            .filter(|target| target.from_dns && unnamed.contains(&target.hostname) && seen.insert(*target));
        let from_dns = self.dns_origins.values().flat_map(|found| &found.origins);
        let origins = self.target.origins().iter().chain(from_dns).chain(kept).map(|target| {
            let mut of_hostname = known[of(&known, &target.hostname)].iter();
            let same = of_hostname.find(|origin| origin.is_same_probe(target));
            let same = same.cloned().unwrap_or_else(|| Origin::new(target.clone()));
            Origin { target: target.clone(), ..same }
        });
        self.origins = origins.collect();
        self.origins.sort_by(|a, b| a.target.hostname.cmp(&b.target.hostname));
    }

    /// Records the result of a probe, if the origin is still watched.
    pub(super) fn probed(&mut self, target: &OriginTarget, reading: OriginReading) {
        let range = of(&self.origins, &target.hostname);
        if let Some(origin) = self.origins[range].iter_mut().find(|origin| origin.target == *target) {
            origin.probed(reading);
        }
    }
}

/// Returns the range of a hostname's origins among origins sorted by hostname.
fn of(origins: &[Origin], hostname: &Hostname) -> Range<usize> {
    let start = origins.partition_point(|origin| origin.target.hostname < *hostname);
    let length = origins[start..].partition_point(|origin| origin.target.hostname == *hostname);
    start..start + length
}

#[cfg(test)]
mod tests;
