//! What is known about one zone and its hostnames.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Association, CertId, Certificate, Certificates, Date, Expectation, Expected, Hostname, Outcome, Reading,
    Reason, Status, ZoneId, ZoneKey, ZoneTarget,
};

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
    /// What hostnames that are not configured are expected to be; none where they are not watched.
    discovered: Option<Expected>,
    entries: Vec<Entry>,
    zone_level_enabled: Option<bool>,
    zone_level_failure: Option<Reason>,
    /// The certificates for single hostnames, where they were listed; otherwise the readings tell of them.
    listed: Option<Vec<ZoneCertificate>>,
    zone_certificates: Vec<ZoneCertificate>,
    /// All of them, sorted.
    certificates: Vec<ZoneCertificate>,
}

/// What is known about one hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    hostname: Hostname,
    expectation: Expectation,
    configured: bool,
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
    /// How many hostnames it is associated with, where they were listed.
    pub hostnames: Option<u32>,
}

/// The two stores of certificates that a zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl ZoneState {
    /// A zone of which nothing is known but what is wanted.
    pub(super) fn unread(target: &ZoneTarget) -> Self {
        let mut zone = Self {
            key: target.key().clone(),
            account: Arc::clone(target.account()),
            configured_id: target.id(),
            id: target.id(),
            latest: None,
            last_success: None,
            removed: 0,
            discovered: None,
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

    /// Whether what is known is about that target: the same name in another account or under another id is not.
    pub(super) fn is_of(&self, target: &ZoneTarget) -> bool {
        self.account == *target.account() && self.configured_id == target.id()
    }

    /// Watches what `target` names, and forgets what it does not.
    pub(super) fn retarget(&mut self, target: &ZoneTarget) {
        self.discovered = target.extent().discovered;
        let before = std::mem::take(&mut self.entries);
        let mut known: BTreeMap<Hostname, Entry> =
            before.into_iter().map(|entry| (entry.hostname.clone(), entry)).collect();
        let wanted = target.hostnames().iter().map(|wanted| {
            let known = known.remove(&wanted.hostname);
            let (reading, failure) = known.map_or((None, None), |entry| (entry.reading, entry.failure));
            let (hostname, expectation) = (wanted.hostname.clone(), wanted.expectation.clone());
            Entry { hostname, expectation, configured: true, reading, failure }
        });
        self.entries = wanted.collect();
        if let Some(expected) = self.discovered {
            // what is no longer named is one of those that the zone has, if it has an association
            let is_there = |entry: &Entry| !matches!(entry.association(), None | Some(Association::None));
            known.retain(|_, entry| !entry.configured || is_there(entry));
            self.entries.extend(known.into_values().map(|entry| entry.discovered(expected)));
            self.sort();
        }
        if !target.extent().zone_level {
            self.zone_level_enabled = None;
            self.zone_level_failure = None;
            self.zone_certificates = Vec::new();
        }
        self.collect_certificates();
    }

    /// Takes in what a poll found out.
    pub(super) fn fold(&mut self, outcome: &Outcome) {
        self.id = outcome.id.or(self.id);
        if let Some((Err(reason), _)) = outcome.end {
            for entry in &mut self.entries {
                entry.failure = Some(reason);
            }
        }
        self.fold_hostnames(&outcome.hostnames);
        let before = self.entries.len();
        let present = |hostname: &Hostname| outcome.present.as_ref().is_none_or(|all| all.contains(hostname));
        self.entries.retain(|Entry { hostname, configured, .. }| *configured || present(hostname));
        self.entries.retain(|entry| entry.configured || entry.association() != Some(Association::None));
        self.removed += (before - self.entries.len()) as u64;
        match &outcome.certificates {
            Certificates::AsBefore => {}
            Certificates::OfReadings => self.listed = None,
            Certificates::Listed(listed) => self.listed = Some(listed.clone()),
        }
        if let Some(listed) = &outcome.zone_certificates {
            self.zone_certificates.clone_from(listed);
        }
        self.zone_level_enabled = outcome.zone_level_enabled.or(self.zone_level_enabled);
        if let Some(result) = outcome.zone_level {
            self.zone_level_failure = result.err();
        }
        self.collect_certificates();
        if let Some((result, at)) = outcome.end {
            self.latest = Some(result);
            if self.is_up() {
                self.last_success = Some(at);
            }
        }
    }

    fn fold_hostnames(&mut self, results: &[(Hostname, Result<Reading, Reason>)]) {
        let mut found = BTreeMap::new();
        for (hostname, result) in results {
            match (self.place(hostname), result) {
                (Ok(place), Ok(reading)) => {
                    let entry = &mut self.entries[place];
                    (entry.reading, entry.failure) = (Some(reading.clone()), None);
                }
                (Ok(place), Err(reason)) => self.entries[place].failure = Some(*reason),
                (Err(_), Ok(reading)) if reading.association == Association::None => {}
                (Err(_), _) => drop(found.insert(hostname, result)),
            }
        }
        let Some(expected) = self.discovered.filter(|_| !found.is_empty()) else {
            return;
        };
        self.entries.extend(found.into_iter().map(|(hostname, result)| {
            let (reading, failure) = (result.clone().ok(), result.as_ref().err().copied());
            let (hostname, expectation) = (hostname.clone(), Expectation::default());
            Entry { hostname, expectation, configured: false, reading, failure }.discovered(expected)
        }));
        self.sort();
    }

    fn collect_certificates(&mut self) {
        self.certificates = self.listed.clone().unwrap_or_else(|| certificates(&self.entries));
        self.certificates.extend_from_slice(&self.zone_certificates);
        self.certificates.retain(|row| row.status != Some(Status::Deleted));
        self.certificates.sort_by(|a, b| (&a.id, a.level).cmp(&(&b.id, b.level)));
        self.certificates.dedup_by(|b, a| (&a.id, a.level) == (&b.id, b.level));
    }

    fn sort(&mut self) {
        self.entries.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    }

    fn place(&self, hostname: &Hostname) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.hostname.cmp(hostname))
    }

    /// What the zone is called.
    pub fn key(&self) -> &ZoneKey {
        &self.key
    }

    /// The configured account that reads it.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Its id, where the configuration gives it.
    pub fn configured_id(&self) -> Option<ZoneId> {
        self.configured_id
    }

    /// Its id, once it is known.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// Whether the latest poll could read it, the zone level included where that is watched.
    pub fn is_up(&self) -> bool {
        self.is_tried() && self.failure().is_none()
    }

    /// Whether a poll has tried to read it.
    pub fn is_tried(&self) -> bool {
        self.latest.is_some()
    }

    /// Why the latest poll could not read it.
    pub fn failure(&self) -> Option<Reason> {
        self.latest.and_then(Result::err).or(self.zone_level_failure)
    }

    /// When it was last read.
    pub fn last_success(&self) -> Option<Date> {
        self.last_success
    }

    /// How many hostnames that were found in it have vanished from it since the start.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Its hostnames, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The hostname of that name.
    pub fn entry(&self, hostname: &Hostname) -> Option<&Entry> {
        self.place(hostname).ok().map(|place| &self.entries[place])
    }

    /// Whether the zone-level switch is on, where that is read.
    pub fn zone_level_enabled(&self) -> Option<bool> {
        self.zone_level_enabled
    }

    /// Whether its certificates for single hostnames were listed, rather than told of by the readings.
    pub fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    /// The certificates that answers told of, sorted by id and level; deleted ones are left out.
    pub fn certificates(&self) -> &[ZoneCertificate] {
        &self.certificates
    }
}

impl Entry {
    /// The same as one that was found rather than named.
    fn discovered(self, expected: Expected) -> Self {
        let expectation = Expectation { association: expected, cert_id: None };
        Self { expectation, configured: false, ..self }
    }

    /// Whether the configuration names it, rather than that it was found in the zone.
    pub fn is_configured(&self) -> bool {
        self.configured
    }

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

    /// What was associated with it when it was last read.
    pub fn association(&self) -> Option<Association> {
        self.reading.as_ref().map(|reading| reading.association)
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
    let rows = told.into_iter().map(|(id, reading, certificate)| ZoneCertificate {
        id: id.clone(),
        level: Level::Hostname,
        status: reading.certificate_status,
        certificate: Arc::clone(certificate),
        hostnames: None,
    });
    rows.collect()
}
