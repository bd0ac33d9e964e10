//! What to check: everything that is configured, or the zones and hostnames of the command line.

use std::sync::Arc;

use anyhow::ensure;

use crate::domain::{Expectation, Hostname, HostnameTarget, Snapshot, Targets, ZoneTarget};

/// What to check.
pub(super) struct Choice<'a> {
    targets: Targets,
    hostnames: &'a [Hostname],
}

impl<'a> Choice<'a> {
    /// The given zones and hostnames of `configured`, or all.
    ///
    /// # Errors
    /// If one of them cannot be there: a check of nothing would always be ok.
    pub(super) fn new(
        configured: &Targets,
        zones: &[String],
        hostnames: &'a [Hostname],
    ) -> anyhow::Result<Self> {
        for asked in zones {
            let known = configured.zones().iter().any(|zone| is(zone, asked));
            ensure!(known, "--zone: the configuration has no zone {asked}");
        }
        let chosen = configured.zones().iter();
        let chosen = chosen.filter(|zone| zones.is_empty() || zones.iter().any(|asked| is(zone, asked)));
        let chosen = chosen.map(|zone| {
            let mut wanted = zone.hostnames().to_vec();
            wanted.retain(|target| hostnames.is_empty() || hostnames.contains(&target.hostname));
            ZoneTarget::clone(zone).with_hostnames(wanted)
        });
        let is_wanted = |zone: &ZoneTarget| {
            hostnames.is_empty() || !zone.hostnames().is_empty() || zone.extent().discovered.is_some()
        };
        let targets = Targets::new(chosen.filter(is_wanted));
        for asked in hostnames {
            let mut zones = targets.zones().iter();
            let may_be_there = zones.any(|zone| has(zone, asked) || zone.extent().discovered.is_some());
            ensure!(may_be_there, "--hostname: the configuration has no hostname {asked} there");
        }
        Ok(Self { targets, hostnames })
    }

    /// What to read.
    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Drops the discovered hostnames that were not asked for, and zones with none of those.
    ///
    /// # Errors
    /// If a hostname that was asked for is nowhere.
    pub(super) fn narrow(&self, read: &Snapshot) -> anyhow::Result<Snapshot> {
        if self.hostnames.is_empty() {
            return Ok(read.clone());
        }
        let zones = read.zones().iter().map(|zone| {
            let entries = zone.entries().iter().filter(|entry| self.hostnames.contains(entry.hostname()));
            let hostnames = entries.map(|entry| HostnameTarget {
                hostname: entry.hostname().clone(),
                expectation: Expectation::clone(entry.expectation()),
            });
            let mut extent = zone.target().extent();
            extent.discovered = None;
            ZoneTarget::clone(zone.target()).with_hostnames(hostnames.collect()).with_extent(extent)
        });
        let targets = Targets::new(zones.filter(|zone| !zone.hostnames().is_empty()));
        for asked in self.hostnames {
            let known = targets.zones().iter().any(|zone: &Arc<ZoneTarget>| has(zone, asked));
            ensure!(known, "--hostname: no association of {asked} was found in the zones that were read");
        }
        Ok(read.retarget(&targets))
    }
}

fn has(zone: &ZoneTarget, hostname: &Hostname) -> bool {
    zone.hostnames().iter().any(|target| target.hostname == *hostname)
}

/// Whether the zone has that name or id.
fn is(zone: &ZoneTarget, asked: &str) -> bool {
    asked.parse().is_ok_and(|name| zone.name() == Some(&name))
        || asked.parse().is_ok_and(|id| zone.id() == Some(id))
}
