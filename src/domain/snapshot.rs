//! What is known at one moment about everything that is watched.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Date, Hostname, Reading, Reason, Targets, ZoneCertificate, ZoneId, ZoneKey, ZoneState};

/// What is known at one moment: immutable, cheap to clone, and shared by all who read it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    zones: Vec<Arc<ZoneState>>,
}

/// What a poll found out about one zone, as a whole or in part.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The zone.
    pub zone: ZoneKey,
    /// Its id, where it is known.
    pub id: Option<ZoneId>,
    /// What came of asking about these hostnames.
    pub hostnames: Vec<(Hostname, Result<Reading, Reason>)>,
    /// All hostnames that the zone has an association for or may have one, where a complete list told: discovered
    /// ones that are not among them have vanished.
    pub present: Option<BTreeSet<Hostname>>,
    /// What is known of the zone's certificates for single hostnames.
    pub certificates: Certificates,
    /// The zone-level certificates, where they were listed.
    pub zone_certificates: Option<Vec<ZoneCertificate>>,
    /// Whether the zone-level switch is on, where it was read.
    pub zone_level_enabled: Option<bool>,
    /// How reading the zone level ended, where that was tried; the zone is not up where it failed.
    pub zone_level: Option<Result<(), Reason>>,
    /// How the zone's poll ended and when; none while it goes on. Where it failed, so did each of its hostnames.
    pub end: Option<(Result<(), Reason>, Date)>,
}

/// What an outcome tells of a zone's certificates for single hostnames.
#[derive(Clone, Debug, Default)]
pub enum Certificates {
    /// Nothing new.
    #[default]
    AsBefore,
    /// What the readings of the hostnames tell.
    OfReadings,
    /// All that there are.
    Listed(Vec<ZoneCertificate>),
}

impl Outcome {
    /// An outcome that tells nothing yet.
    pub fn of(zone: ZoneKey) -> Self {
        Self {
            zone,
            id: None,
            hostnames: Vec::new(),
            present: None,
            certificates: Certificates::AsBefore,
            zone_certificates: None,
            zone_level_enabled: None,
            zone_level: None,
            end: None,
        }
    }
}

impl Snapshot {
    /// The zones, sorted by key.
    pub fn zones(&self) -> &[Arc<ZoneState>] {
        &self.zones
    }

    /// The zone of that key.
    pub fn zone(&self, key: &ZoneKey) -> Option<&ZoneState> {
        self.place(key).map(|place| &*self.zones[place])
    }

    /// The same knowledge about `targets`: what stays keeps its readings, what left is gone, what is new is unread.
    #[must_use]
    pub fn retarget(&self, targets: &Targets) -> Self {
        let zones = targets.zones().iter().map(|target| {
            let known = self.place(target.key()).map(|place| &self.zones[place]);
            // readings of the same name in another account or under another id are of another zone
            let Some(zone) = known.filter(|zone| zone.is_of(target)) else {
                return Arc::new(ZoneState::unread(target));
            };
            let mut zone = ZoneState::clone(zone);
            zone.retarget(target);
            Arc::new(zone)
        });
        Self { zones: zones.collect() }
    }

    /// The knowledge after `outcomes`. A failure keeps the reading that there was; what is not watched is ignored.
    #[must_use]
    pub fn fold(&self, outcomes: &[Outcome]) -> Self {
        let mut next = self.clone();
        for outcome in outcomes {
            if let Some(place) = next.place(&outcome.zone) {
                Arc::make_mut(&mut next.zones[place]).fold(outcome);
            }
        }
        next
    }

    /// The targets less those that are known to be another one of them by its name.
    #[must_use]
    pub fn without_twins(&self, targets: &Targets) -> Targets {
        let by_name = self.zones.iter().filter(|zone| zone.configured_id().is_none());
        by_name.fold(targets.clone(), |targets, zone| {
            let twin = targets.zones().iter().find(|target| zone.id().is_some() && target.id() == zone.id());
            let twin = twin.map(|twin| twin.key().clone());
            twin.map_or_else(|| targets.clone(), |twin| targets.merged(&twin, zone.key()))
        })
    }

    fn place(&self, key: &ZoneKey) -> Option<usize> {
        self.zones.binary_search_by(|zone| zone.key().cmp(key)).ok()
    }
}

#[cfg(test)]
mod tests;
