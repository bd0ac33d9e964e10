//! What is known about the origins of a zone's hostnames.

use std::ops::Range;

use super::ZoneState;
use crate::domain::{Hostname, OriginReading, OriginTarget};

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
        let OriginTarget { hostname, label: _, address, server_name, path } = &self.target;
        (hostname, address, server_name, path)
            == (&target.hostname, &target.address, &target.server_name, &target.path)
    }
}

impl ZoneState {
    /// The origins that are probed, sorted by hostname, those of each in the order of the configuration.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The origins of one hostname.
    pub fn origins_of(&self, hostname: &Hostname) -> &[Origin] {
        &self.origins[of(&self.origins, hostname)]
    }

    /// Watches the origins that the target names. One that stays keeps its reading, the latest if several are known.
    pub(super) fn watch_origins(&mut self) {
        let mut known = std::mem::take(&mut self.origins);
        let read_at = |origin: &Origin| origin.reading.as_ref().map(|reading| reading.read_at);
        known.sort_by(|a, b| {
            let by_name = a.target.hostname.cmp(&b.target.hostname);
            by_name.then_with(|| read_at(b).cmp(&read_at(a)))
        });
        let origins = self.target.origins().iter().map(|target| {
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
