//! How what is known about a zone follows what is to be watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ZoneState;
use crate::domain::{
    Association, Date, Entry, Hostname, Reading, Reason, ZoneCertificate, ZoneId, ZoneTarget,
};

/// What a state file knew about one zone.
pub struct StoredZone {
    /// What was watched of it beside the hostnames below.
    pub target: ZoneTarget,
    /// Its id.
    pub id: Option<ZoneId>,
    /// When it was last read.
    pub last_success: Option<Date>,
    /// Why the latest poll could not read it.
    pub failure: Option<Reason>,
    /// Whether the zone-level switch was on.
    pub zone_level_enabled: Option<bool>,
    /// When the certificates of the hostname store were listed.
    pub listed_at: Option<Date>,
    /// The certificates of the hostname store, where they were listed.
    pub listed: Option<Vec<ZoneCertificate>>,
    /// The zone-level certificates.
    pub zone_certificates: Vec<ZoneCertificate>,
    /// The hostnames, each with its last reading and why the latest attempt failed.
    pub hostnames: Vec<(Hostname, Option<Reading>, Option<Reason>)>,
}

impl ZoneState {
    /// A zone of which only the target is known.
    pub(in crate::domain) fn unread(target: &Arc<ZoneTarget>) -> Self {
        let mut zone = Self {
            target: Arc::clone(target),
            twins: Vec::new(),
            id: target.id(),
            latest: None,
            last_success: None,
            removed: 0,
            entries: Vec::new(),
            zone_level_enabled: None,
            zone_level_failure: None,
            listed: None,
            zone_certificates: Vec::new(),
            certificates: Vec::new(),
        };
        zone.retarget(target);
        zone
    }

    /// A zone as a state file knew it, with all its hostnames as discovered ones.
    pub(in crate::domain) fn restored(stored: StoredZone) -> Self {
        let mut zone = Self::unread(&Arc::new(stored.target));
        zone.id = stored.id.or(zone.id);
        zone.latest = stored.failure.map(Err).or(stored.last_success.map(|_| Ok(())));
        zone.last_success = stored.last_success;
        for (hostname, reading, failure) in stored.hostnames {
            let Some(entry) = zone.entry_or_found(&hostname) else { continue };
            if let Some(reading) = reading {
                entry.read(reading);
            }
            if let Some(reason) = failure {
                entry.fail(reason);
            }
        }
        zone.listed = stored.listed.map(|rows| (stored.listed_at, rows));
        zone.zone_level_enabled = stored.zone_level_enabled;
        zone.zone_certificates = stored.zone_certificates;
        zone.collect_certificates();
        zone
    }

    /// Whether this is knowledge about `target`. The id decides where the target gives one. A name alone means the
    /// zone of that name in the same account.
    pub(in crate::domain) fn is_of(&self, target: &ZoneTarget) -> bool {
        match target.id() {
            Some(id) => self.id == Some(id),
            None => self.key() == target.key() && self.target.account() == target.account(),
        }
    }

    /// Watches what `target` names, and forgets what it does not.
    pub(in crate::domain) fn retarget(&mut self, target: &Arc<ZoneTarget>) {
        // a configured id that was taken out may have been wrong: the name decides from now on
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
            // a hostname that is no longer configured goes on as a discovered one if it has an association
            known.retain(|_, entry| match entry.association() {
                Some(association) => association != Association::None,
                None => !entry.is_configured(),
            });
            self.entries.extend(known.into_values().map(|entry| entry.discovered(expected)));
            self.entries.sort_by(|a, b| a.hostname().cmp(b.hostname()));
        }
        if !target.extent().zone_level {
            self.zone_level_enabled = None;
            self.zone_level_failure = None;
            self.zone_certificates = Vec::new();
        }
        self.settle();
    }

    /// Takes in what another target of the same zone knows, and watches what either watches.
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
        let newer = other.last_success > self.last_success;
        if newer || self.latest.is_none() {
            (self.latest, self.last_success) = (other.latest, other.last_success);
        }
        self.removed = self.removed.max(other.removed);
        self.zone_level_enabled = self.zone_level_enabled.or(other.zone_level_enabled);
        self.zone_level_failure = self.zone_level_failure.or(other.zone_level_failure);
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
