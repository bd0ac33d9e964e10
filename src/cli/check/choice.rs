//! The selection to check: everything configured, or the zones and hostnames of the command line.

use anyhow::ensure;

use crate::domain::{
    AccountState, Expectation, Hostname, HostnameTarget, PartKind, PatternTarget, Snapshot, Targets, ZoneId,
    ZoneName, ZoneState, ZoneTarget,
};

/// The zones and hostnames to check.
pub(super) struct Choice<'a> {
    targets: Targets,
    zones: &'a [String],
    hostnames: &'a [Hostname],
}

impl<'a> Choice<'a> {
    /// Selects the given zones and hostnames of `configured`, or everything if none is given.
    ///
    /// # Errors
    /// If one of them cannot exist, since a check of nothing would always be ok.
    pub(super) fn new(
        configured: &Targets,
        zones: &'a [String],
        hostnames: &'a [Hostname],
    ) -> anyhow::Result<Self> {
        for asked in zones {
            let known = configured.zones().iter().any(|zone| is(zone, asked));
            let may_be_found = || configured.patterns().iter().any(|pattern| may_find(pattern, asked));
            ensure!(known || may_be_found(), "--zone: the configuration has no zone {asked}");
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
        let patterns = patterns(configured.patterns(), zones, hostnames);
        let targets = Targets::new(chosen.filter(is_wanted)).with_patterns(patterns);
        for asked in hostnames {
            let mut zones = targets.zones().iter();
            let may_be_there = zones.any(|zone| has(zone, asked) || zone.extent().discovered.is_some());
            let may_be_found = may_be_there || !targets.patterns().is_empty();
            ensure!(may_be_found, "--hostname: the configuration has no hostname {asked}");
        }
        Ok(Self { targets, zones, hostnames })
    }

    /// Returns the targets to read.
    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Returns true if the command line selects a part of the configuration.
    pub(super) fn is_narrowed(&self) -> bool {
        !self.zones.is_empty() || !self.hostnames.is_empty()
    }

    /// Drops the hostnames that were not asked for, and then zones without hostnames. Keeps zones and accounts that
    /// could not be read. Also returns the hostnames that were asked for and not found.
    ///
    /// # Errors
    /// If there is nothing to judge.
    pub(super) fn narrow(&self, read: &Snapshot) -> anyhow::Result<(Snapshot, Vec<&'a Hostname>)> {
        let is_unlisted = |account: &AccountState| account.zone_list().is_some_and(|list| !list.part.is_up());
        let is_unread = read.accounts().iter().any(is_unlisted);
        // a check of nothing would always be ok
        let is_any = is_unread || !read.zones().is_empty() || self.targets.patterns().is_empty();
        ensure!(is_any || !self.zones.is_empty(), "the patterns match no active zone that the token sees");
        for asked in self.zones.iter().filter(|_| !is_unread) {
            let found = read.zones().iter().any(|zone| is(zone.target(), asked));
            ensure!(found, "--zone: the token sees no active zone {asked}");
        }
        if self.hostnames.is_empty() {
            return Ok((read.clone(), Vec::new()));
        }
        let is_unknown = |zone: &ZoneState| !zone.part(PartKind::Associations).is_up();
        let zones = read.zones().iter().map(|zone| {
            let entries = zone.entries().iter().filter(|entry| self.hostnames.contains(entry.hostname()));
            let hostnames = entries.map(|entry| HostnameTarget {
                hostname: entry.hostname().clone(),
                expectation: Expectation::clone(entry.expectation()),
            });
            let mut extent = zone.target().extent();
            extent.discovered = extent.discovered.filter(|_| is_unknown(zone));
            ZoneTarget::clone(zone.target()).with_hostnames(hostnames.collect()).with_extent(extent)
        });
        let is_kept = |zone: &ZoneTarget| !zone.hostnames().is_empty() || zone.extent().discovered.is_some();
        let unlisted = self.targets.patterns().iter();
        let unlisted = unlisted.filter(|pattern| read.account(&pattern.account).is_some_and(is_unlisted));
        let targets = Targets::new(zones.filter(is_kept)).with_patterns(unlisted.cloned().collect());
        let has_any = |asked: &&Hostname| targets.zones().iter().any(|zone| has(zone, asked));
        let missing: Vec<_> = self.hostnames.iter().filter(|asked| !has_any(asked)).collect();
        let is_nothing = targets.zones().is_empty() && targets.patterns().is_empty();
        ensure!(!is_nothing, "--hostname: no association of {} was found", listed(&missing));
        Ok((read.retarget(&targets), missing))
    }
}

/// Narrows patterns to these zones and hostnames; returns all patterns if none is given.
fn patterns(configured: &[PatternTarget], zones: &[String], hostnames: &[Hostname]) -> Vec<PatternTarget> {
    let asked = zones.iter().filter_map(|zone| zone.parse::<ZoneName>().ok());
    // the zone of a hostname has the name of the hostname, or that name without its first labels
    let of_hostnames = hostnames.iter().flat_map(|hostname| {
        let labels: Vec<_> = hostname.as_str().split('.').collect();
        let names = (0..labels.len()).filter_map(|first| labels[first..].join(".").parse::<ZoneName>().ok());
        names.collect::<Vec<_>>()
    });
    let names: Vec<_> = if zones.is_empty() { of_hostnames.collect() } else { asked.collect() };
    if zones.is_empty() && hostnames.is_empty() {
        return configured.to_vec();
    }
    let ids: Vec<_> = zones.iter().filter_map(|zone| zone.parse::<ZoneId>().ok()).collect();
    let narrowed = configured.iter().flat_map(|target| {
        let watched = names.iter().filter(|name| target.watches(name));
        let by_name = watched.filter_map(|name| {
            Some(PatternTarget { pattern: name.as_str().parse().ok()?, ..target.clone() })
        });
        by_name.chain(ids.iter().map(|id| PatternTarget { only: Some(*id), ..target.clone() }))
    });
    narrowed.collect()
}

/// Returns true if the pattern may match the zone of this name or id.
fn may_find(target: &PatternTarget, asked: &str) -> bool {
    asked.parse::<ZoneId>().is_ok() || asked.parse().is_ok_and(|name| target.watches(&name))
}

/// Formats hostnames as a list in a message.
pub(super) fn listed(hostnames: &[&Hostname]) -> String {
    hostnames.iter().map(|hostname| hostname.as_str()).collect::<Vec<_>>().join(", ")
}

fn has(zone: &ZoneTarget, hostname: &Hostname) -> bool {
    zone.hostnames().iter().any(|target| target.hostname == *hostname)
}

/// Returns true if the zone has that name or id.
fn is(zone: &ZoneTarget, asked: &str) -> bool {
    asked.parse().is_ok_and(|name| zone.name() == Some(&name))
        || asked.parse().is_ok_and(|id| zone.id() == Some(id))
}
