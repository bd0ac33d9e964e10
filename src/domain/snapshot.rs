//! What is known at one moment about everything that is watched.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{
    CertId, Certificate, Date, Expectation, Hostname, Reading, Reason, Status, Targets, ZoneId, ZoneKey,
    ZoneTarget,
};

/// What is known at one moment: immutable, cheap to clone, and shared by all who read it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    zones: Vec<Arc<ZoneState>>,
}

/// What is known about one zone.
#[derive(Clone, Debug)]
pub struct ZoneState {
    key: ZoneKey,
    account: Arc<str>,
    configured_id: Option<ZoneId>,
    id: Option<ZoneId>,
    latest: Option<Result<(), Reason>>,
    last_success: Option<Date>,
    removed: u64,
    entries: Vec<Entry>,
    certificates: Vec<ZoneCertificate>,
}

/// What is known about one hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    hostname: Hostname,
    expectation: Expectation,
    reading: Option<Reading>,
    failure: Option<Reason>,
}

/// A certificate that an answer about the zone told of.
#[derive(Clone, Debug)]
pub struct ZoneCertificate {
    /// Its identifier.
    pub id: CertId,
    /// Which of the zone's two stores it is in.
    pub level: Level,
    /// Its status, by the latest answer.
    pub status: Option<Status>,
    /// What is known of it, by the latest answer.
    pub certificate: Arc<Certificate>,
}

/// The two stores of certificates that a zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For single hostnames.
    Hostname,
    /// For the whole zone.
    Zone,
}

impl Level {
    /// The value of the label `level`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::Zone => "zone",
        }
    }
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
    /// How the zone's poll ended and when; none while it goes on. Where it failed, so did each of its hostnames.
    pub end: Option<(Result<(), Reason>, Date)>,
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
            match known {
                Some(zone) if zone.is_of(target) => Arc::new(zone.retarget(target)),
                _ => Arc::new(ZoneState::unread(target)),
            }
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

    fn place(&self, key: &ZoneKey) -> Option<usize> {
        self.zones.binary_search_by(|zone| zone.key.cmp(key)).ok()
    }
}

impl ZoneState {
    fn unread(target: &ZoneTarget) -> Self {
        let empty = Self {
            key: target.key().clone(),
            account: Arc::clone(target.account()),
            configured_id: target.id(),
            id: target.id(),
            latest: None,
            last_success: None,
            removed: 0,
            entries: Vec::new(),
            certificates: Vec::new(),
        };
        empty.retarget(target)
    }

    fn is_of(&self, target: &ZoneTarget) -> bool {
        self.account == *target.account() && self.configured_id == target.id()
    }

    fn retarget(&self, target: &ZoneTarget) -> Self {
        let entries = target.hostnames().iter().map(|wanted| {
            let known = self.entry(&wanted.hostname);
            Entry {
                hostname: wanted.hostname.clone(),
                expectation: wanted.expectation.clone(),
                reading: known.and_then(|entry| entry.reading.clone()),
                failure: known.and_then(|entry| entry.failure),
            }
        });
        let entries: Vec<_> = entries.collect();
        let wanted =
            |entry: &&Entry| entries.binary_search_by(|kept| kept.hostname.cmp(&entry.hostname)).is_ok();
        let kept = self.entries.iter().filter(wanted).count();
        Self {
            removed: self.removed + (self.entries.len() - kept) as u64,
            certificates: certificates(&entries),
            entries,
            ..self.clone_without_entries()
        }
    }

    fn fold(&mut self, outcome: &Outcome) {
        self.id = outcome.id.or(self.id);
        if let Some((Err(reason), _)) = outcome.end {
            for entry in &mut self.entries {
                entry.failure = Some(reason);
            }
        }
        for (hostname, result) in &outcome.hostnames {
            let Ok(place) = self.entries.binary_search_by(|entry| entry.hostname.cmp(hostname)) else {
                continue;
            };
            let entry = &mut self.entries[place];
            entry.failure = result.as_ref().err().copied();
            if let Ok(reading) = result {
                entry.reading = Some(reading.clone());
            }
        }
        if let Some((result, at)) = outcome.end {
            self.latest = Some(result);
            if result.is_ok() {
                self.last_success = Some(at);
            }
        }
        self.certificates = certificates(&self.entries);
    }

    fn clone_without_entries(&self) -> Self {
        Self {
            key: self.key.clone(),
            account: Arc::clone(&self.account),
            entries: Vec::new(),
            certificates: Vec::new(),
            ..*self
        }
    }

    /// What the zone is called.
    pub fn key(&self) -> &ZoneKey {
        &self.key
    }

    /// The configured account that reads it.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Its id, once it is known.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// Whether the latest poll could read it.
    pub fn is_up(&self) -> bool {
        self.latest == Some(Ok(()))
    }

    /// Whether a poll has tried to read it.
    pub fn is_tried(&self) -> bool {
        self.latest.is_some()
    }

    /// Why the latest poll could not read it.
    pub fn failure(&self) -> Option<Reason> {
        self.latest.and_then(Result::err)
    }

    /// When it was last read.
    pub fn last_success(&self) -> Option<Date> {
        self.last_success
    }

    /// How many hostnames have left it since the start.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Its hostnames, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The hostname of that name.
    pub fn entry(&self, hostname: &Hostname) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| entry.hostname.cmp(hostname));
        place.ok().map(|place| &self.entries[place])
    }

    /// The certificates that answers told of, sorted by id; deleted ones are left out.
    pub fn certificates(&self) -> &[ZoneCertificate] {
        &self.certificates
    }
}

impl Entry {
    /// Its name.
    pub fn hostname(&self) -> &Hostname {
        &self.hostname
    }

    /// What it is expected to be.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// The last good answer about it.
    pub fn reading(&self) -> Option<&Reading> {
        self.reading.as_ref()
    }

    /// Why the latest poll could not read it.
    pub fn failure(&self) -> Option<Reason> {
        self.failure
    }

    /// Whether the latest poll got an answer about it.
    pub fn is_up(&self) -> bool {
        self.reading.is_some() && self.failure.is_none()
    }

    /// Whether it is something else than expected; none where that is not known.
    pub fn is_drifted(&self) -> Option<bool> {
        let reading = self.reading.as_ref()?;
        Some(self.expectation.is_drifted(reading))
    }
}

/// The certificates that the readings tell of; where they disagree on one, the latest answer counts.
fn certificates(entries: &[Entry]) -> Vec<ZoneCertificate> {
    let mut told: Vec<(&CertId, &Reading, &Arc<Certificate>)> = Vec::new();
    for reading in entries.iter().filter_map(Entry::reading) {
        let Some(certificate) = &reading.certificate else {
            continue;
        };
        let Some(id) = certificate.id() else { continue };
        match told.last_mut() {
            // neighbours tend to share one
            Some((_, latest, shared)) if Arc::ptr_eq(shared, certificate) => {
                if latest.read_at < reading.read_at {
                    *latest = reading;
                }
            }
            _ => told.push((id, reading, certificate)),
        }
    }
    told.sort_by_key(|(id, reading, _)| (*id, Reverse(reading.read_at)));
    told.dedup_by_key(|(id, ..)| *id);
    let present =
        told.into_iter().filter(|(_, reading, _)| reading.certificate_status != Some(Status::Deleted));
    let rows = present.map(|(id, reading, certificate)| ZoneCertificate {
        id: id.clone(),
        level: Level::Hostname,
        status: reading.certificate_status,
        certificate: Arc::clone(certificate),
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
