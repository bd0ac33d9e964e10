//! Readings, judged as the daemon judges them.

use std::sync::Arc;

use crate::cli::reach::Api;
use crate::clock::Clock;
use crate::domain::{
    Date, Expectation, Expected, Hostname, HostnameTarget, Judge, Outcome, Reading, Snapshot, Targets, Told,
    ZoneState,
};

/// Readings of one zone's hostnames, judged by its configuration. A hostname that is not configured may have any
/// association.
pub(super) struct Judged(Judge);

impl Judged {
    pub(super) fn new(api: &Api, readings: Vec<(Hostname, Reading)>) -> Self {
        let configured = api.target.hostnames();
        let discovered = api.target.extent().discovered.unwrap_or(Expected::Any);
        let expectation = |hostname: &Hostname| {
            let configured = configured.iter().find(|target| target.hostname == *hostname);
            let unnamed = || Expectation { association: discovered, ..Expectation::default() };
            configured.map_or_else(unnamed, |target| target.expectation.clone())
        };
        let targets = readings.iter().map(|(hostname, _)| HostnameTarget {
            hostname: hostname.clone(),
            expectation: expectation(hostname),
        });
        let zone = api.target.clone().with_hostnames(targets.collect());
        let key = zone.key().clone();
        let read = readings.into_iter().map(|(hostname, reading)| Outcome::Read(hostname, Ok(reading)));
        let read = read.map(|outcome| (key.clone(), outcome));
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new([zone])).fold(read));
        Self(Judge::new(snapshot, api.thresholds, Clock::system().now().into()))
    }

    /// Returns the findings of a hostname, the worst first; `None` without a reading of it.
    pub(super) fn tell(&self, hostname: &Hostname) -> Option<Vec<Told>> {
        let zone = self.zone()?;
        Some(self.0.tell_hostname(zone, zone.entry(hostname)?))
    }

    pub(super) fn reading(&self, hostname: &Hostname) -> Option<&Reading> {
        self.zone()?.entry(hostname)?.reading()
    }

    pub(super) fn now(&self) -> Date {
        self.0.now()
    }

    /// Returns the label of the zone.
    pub(super) fn zone_label(&self) -> Option<&str> {
        self.zone().map(|zone| zone.key().as_str())
    }

    /// Returns the account that reads the zone.
    pub(super) fn account(&self) -> &str {
        self.zone().map_or("", ZoneState::account)
    }

    fn zone(&self) -> Option<&ZoneState> {
        self.0.snapshot().zones().first().map(|zone| &**zone)
    }
}
