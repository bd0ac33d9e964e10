//! Applies changed targets to the state of a zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Origin, Part, ZoneState};
use crate::domain::{
    Association, Date, Entry, Hostname, Reading, Reason, SslMode, ZoneCertificate, ZoneId, ZoneTarget,
};

/// The state of one zone, as read from a state file.
pub struct StoredZone {
    /// The watched parts of the zone, without the hostnames below.
    pub target: ZoneTarget,
    /// The id of the zone.
    pub id: Option<ZoneId>,
    /// The read status of the associations.
    pub associations: Part,
    /// The read status of the zone level.
    pub zone_level: Part,
    /// The read status of the settings.
    pub settings: Part,
    /// True if the global switch was on.
    pub global_enabled: Option<bool>,
    /// The SSL mode.
    pub ssl_mode: Option<SslMode>,
    /// The time when the last discovered hostname vanished.
    pub removed_at: Option<Date>,
    /// True if the zone-level switch was on.
    pub zone_level_enabled: Option<bool>,
    /// The time when the certificates of the hostname store were listed.
    pub listed_at: Option<Date>,
    /// The certificates of the hostname store, if they were listed.
    pub listed: Option<Vec<ZoneCertificate>>,
    /// The zone-level certificates.
    pub zone_certificates: Vec<ZoneCertificate>,
    /// The hostnames.
    pub hostnames: Vec<StoredHostname>,
    /// The origins that were probed.
    pub origins: Vec<Origin>,
}

/// The state of one hostname, as read from a state file.
pub struct StoredHostname {
    /// The name.
    pub hostname: Hostname,
    /// The last reading.
    pub reading: Option<Reading>,
    /// The reason why the latest attempt failed.
    pub failure: Option<Reason>,
    /// The time since which it has had the statuses of the reading.
    pub since: Option<Date>,
}

impl ZoneState {
    /// Creates a zone that was not read yet.
    pub(in crate::domain) fn unread(target: &Arc<ZoneTarget>) -> Self {
        let mut zone = Self {
            target: Arc::clone(target),
            twins: Vec::new(),
            id: target.id(),
            associations: Part::default(),
            zone_level: Part::default(),
            settings: Part::default(),
            dns: Part::default(),
            dns_records: None,
            dns_origins: Arc::default(),
            removed: 0,
            removed_at: None,
            entries: Vec::new(),
            origins: Vec::new(),
            zone_level_enabled: None,
            global_enabled: None,
            ssl_mode: None,
            listed: None,
            zone_certificates: Vec::new(),
            certificates: Vec::new(),
        };
        zone.retarget(target);
        zone
    }

    /// Restores a zone from a state file, with all its hostnames as discovered ones.
    pub(in crate::domain) fn restored(stored: StoredZone) -> Self {
        let mut zone = Self::unread(&Arc::new(stored.target));
        zone.id = stored.id.or(zone.id);
        (zone.associations, zone.zone_level) = (stored.associations, stored.zone_level);
        (zone.settings, zone.global_enabled, zone.ssl_mode) =
            (stored.settings, stored.global_enabled, stored.ssl_mode);
        zone.removed_at = stored.removed_at;
        for hostname in stored.hostnames {
            if let Some(entry) = zone.entry_or_found(&hostname.hostname) {
                entry.restore(hostname);
            }
        }
        zone.listed = stored.listed.map(|rows| (stored.listed_at, rows));
        zone.zone_level_enabled = stored.zone_level_enabled;
        zone.zone_certificates = stored.zone_certificates;
        zone.origins = stored.origins;
        zone.collect_certificates();
        zone
    }

    /// Returns true if this is the state of `target`. If the target has an id, the id decides. A name alone means the
    /// zone of that name in the same account.
    pub(in crate::domain) fn is_of(&self, target: &ZoneTarget) -> bool {
        match target.id() {
            Some(id) => self.id == Some(id),
            None => self.key() == target.key() && self.target.account() == target.account(),
        }
    }

    /// Watches `target`, and drops everything else.
    pub(in crate::domain) fn retarget(&mut self, target: &Arc<ZoneTarget>) {
        // a configured id that was removed may have been wrong, so the name decides from now on
        self.id = target.id().or(self.id.filter(|_| self.target.id().is_none()));
        self.target = Arc::clone(target);
        self.twins.clear();
        let before = std::mem::take(&mut self.entries);
        let mut known: BTreeMap<Hostname, Entry> =
            before.into_iter().map(|entry| (entry.hostname().clone(), entry)).collect();
        let configured = target.hostnames().iter();
        self.entries =
            configured.map(|wanted| Entry::configured(wanted, known.remove(&wanted.hostname))).collect();
        if let Some(expected) = target.extent().discovered {
            // a hostname that is no longer configured becomes a discovered one if it has an association
            known.retain(|_, entry| match entry.association() {
                Some(association) => association != Association::None,
                None => !entry.is_configured(),
            });
            self.entries.extend(known.into_values().map(|entry| entry.discovered(expected)));
            self.entries.sort_by(|a, b| a.hostname().cmp(b.hostname()));
        }
        if !target.extent().zone_level {
            (self.zone_level, self.settings) = (Part::default(), Part::default());
            (self.zone_level_enabled, self.global_enabled, self.ssl_mode) = (None, None, None);
            self.zone_certificates = Vec::new();
        }
        if !target.extent().dns_origins {
            (self.dns, self.dns_records, self.dns_origins) = (Part::default(), None, Arc::default());
        }
        self.watch_origins();
        self.settle();
    }

    /// Merges the state of another target of the same zone, and watches everything that either of them watches.
    pub(in crate::domain) fn merge(&mut self, other: &Self) {
        let target = Arc::new(self.target.merged(&other.target));
        let twins = [&self.target, &other.target].map(|twin| twin.key().clone());
        let twins = self.twins.iter().chain(&other.twins).chain(&twins).filter(|key| *key != target.key());
        let mut twins: Vec<_> = twins.cloned().collect();
        twins.sort();
        twins.dedup();
        let mut known: BTreeMap<Hostname, Entry> = BTreeMap::new();
        for entry in self.entries.iter().chain(&other.entries) {
            match known.get_mut(entry.hostname()) {
                Some(known) => known.absorb(entry.clone()),
                None => drop(known.insert(entry.hostname().clone(), entry.clone())),
            }
        }
        self.entries = known.into_values().collect();
        self.origins.extend(other.origins.iter().cloned());
        let newer = other.associations.last_success > self.associations.last_success;
        self.associations.absorb(other.associations);
        self.zone_level.absorb(other.zone_level);
        self.settings.absorb(other.settings);
        self.dns.absorb(other.dns);
        self.dns_records = self.dns_records.take().or_else(|| other.dns_records.clone());
        if !other.dns_origins.is_empty() {
            Arc::make_mut(&mut self.dns_origins).extend(BTreeMap::clone(&other.dns_origins));
        }
        self.removed = self.removed.max(other.removed);
        self.removed_at = self.removed_at.max(other.removed_at);
        self.zone_level_enabled = self.zone_level_enabled.or(other.zone_level_enabled);
        self.global_enabled = self.global_enabled.or(other.global_enabled);
        self.ssl_mode = self.ssl_mode.or(other.ssl_mode);
        if self.listed.is_none() || newer {
            self.listed = other.listed.clone().or_else(|| self.listed.take());
        }
        if self.zone_certificates.is_empty() {
            self.zone_certificates.clone_from(&other.zone_certificates);
        }
        let id = self.id;
        self.retarget(&target);
        (self.id, self.twins) = (id, twins);
    }
}
