//! What is known about one zone and its hostnames.

mod target;

use std::sync::Arc;

use super::entry::complete;
use super::zone_certificate::{of_hostnames, sorted};
use super::{
    Association, CertId, Date, Entry, Hostname, Level, Outcome, Reading, Reason, ZoneCertificate, ZoneId,
    ZoneKey, ZoneTarget,
};

pub use target::StoredZone;

/// What is known about one zone.
#[derive(Clone, Debug)]
pub struct ZoneState {
    target: Arc<ZoneTarget>,
    /// The keys of configured zones that turned out to be this one.
    twins: Vec<ZoneKey>,
    id: Option<ZoneId>,
    latest: Option<Result<(), Reason>>,
    last_success: Option<Date>,
    removed: u64,
    entries: Vec<Entry>,
    zone_level_enabled: Option<bool>,
    zone_level_failure: Option<Reason>,
    /// The certificates of the hostname store, where they were listed, and when. A state file may lack the time.
    listed: Option<(Option<Date>, Vec<ZoneCertificate>)>,
    zone_certificates: Vec<ZoneCertificate>,
    /// All certificates that are known, sorted.
    certificates: Vec<ZoneCertificate>,
}

impl ZoneState {
    /// Takes in what was found out; [`ZoneState::settle`] has to follow.
    pub(super) fn fold(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Identified(id) => self.id = Some(id),
            Outcome::Listed { hostnames, present, certificates, at } => {
                for (hostname, reading) in hostnames {
                    self.read(&hostname, reading);
                }
                if let Some(present) = present {
                    self.remove(|entry| !entry.is_configured() && !present.contains(entry.hostname()));
                }
                self.listed = Some((Some(at), self.completed(certificates, Level::Hostname)));
            }
            Outcome::Unlisted => self.listed = None,
            Outcome::Read(hostname, Ok(reading)) => self.read(&hostname, reading),
            Outcome::Read(hostname, Err(reason)) => {
                if let Some(entry) = self.entry_or_found(&hostname) {
                    entry.fail(reason);
                }
            }
            Outcome::ZoneLevel { enabled, certificates } => {
                self.zone_level_failure = enabled.err().or(certificates.as_ref().err().copied());
                self.zone_level_enabled = enabled.ok().or(self.zone_level_enabled);
                if let Ok(certificates) = certificates {
                    self.zone_certificates = self.completed(certificates, Level::Zone);
                }
            }
            Outcome::Failed(reason) => self.entries.iter_mut().for_each(|entry| entry.fail(reason)),
            Outcome::Ended { result, at } => {
                self.latest = Some(result);
                if self.is_up() {
                    self.last_success = Some(at);
                }
            }
        }
    }

    /// Brings everything that follows from the readings up to date.
    pub(super) fn settle(&mut self) {
        self.remove(|entry| !entry.is_configured() && entry.association() == Some(Association::None));
        self.collect_certificates();
    }

    fn collect_certificates(&mut self) {
        let listed = self.listed.as_ref().map(|(at, rows)| (*at, &**rows));
        let rows = of_hostnames(listed, &self.entries).chain(self.zone_certificates.iter().cloned());
        self.certificates = sorted(rows.collect());
    }

    /// Takes in a reading. It is completed by what is known of its certificate: an end does not disappear because an
    /// answer leaves it out.
    fn read(&mut self, hostname: &Hostname, mut reading: Reading) {
        let index = self.index(hostname);
        if index.is_err() && reading.association == Association::None {
            return;
        }
        if let Some(certificate) = &mut reading.certificate {
            let before = index.ok().and_then(|index| self.entries[index].reading()?.certificate.as_ref());
            let listed = certificate.id().and_then(|id| self.certificate(id, Level::Hostname));
            for known in before.into_iter().chain(listed.map(|row| &row.certificate)) {
                complete(certificate, known);
            }
        }
        if let Some(entry) = self.entry_or_found(hostname) {
            entry.read(reading);
        }
    }

    /// Listed certificates, each completed by what is known of it.
    fn completed(&self, mut rows: Vec<ZoneCertificate>, level: Level) -> Vec<ZoneCertificate> {
        for row in &mut rows {
            if let Some(known) = self.certificate(&row.id, level) {
                complete(&mut row.certificate, &known.certificate);
            }
        }
        rows
    }

    fn certificate(&self, id: &CertId, level: Level) -> Option<&ZoneCertificate> {
        let index = self.certificates.binary_search_by(|row| (&row.id, row.level).cmp(&(id, level)));
        index.ok().map(|index| &self.certificates[index])
    }

    fn remove(&mut self, gone: impl Fn(&Entry) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| !gone(entry));
        self.removed += (before - self.entries.len()) as u64;
    }

    /// The hostname of that name, which is added if the zone's hostnames are discovered.
    fn entry_or_found(&mut self, hostname: &Hostname) -> Option<&mut Entry> {
        let index = match (self.index(hostname), self.target.extent().discovered) {
            (Ok(index), _) => index,
            (Err(index), Some(expected)) => {
                self.entries.insert(index, Entry::found(hostname.clone(), expected));
                index
            }
            (Err(_), None) => return None,
        };
        self.entries.get_mut(index)
    }

    fn index(&self, hostname: &Hostname) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.hostname().cmp(hostname))
    }

    /// What is watched of it.
    pub fn target(&self) -> &Arc<ZoneTarget> {
        &self.target
    }

    /// The keys of configured zones that turned out to be this one.
    pub fn twins(&self) -> &[ZoneKey] {
        &self.twins
    }

    /// Its label.
    pub fn key(&self) -> &ZoneKey {
        self.target.key()
    }

    /// The configured account that reads it.
    pub fn account(&self) -> &str {
        self.target.account()
    }

    /// Its id, once it is known.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// Whether the latest poll could read it, with the zone level if that is watched.
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

    /// The number of discovered hostnames that have vanished since the start.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Its hostnames, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The hostname of that name.
    pub fn entry(&self, hostname: &Hostname) -> Option<&Entry> {
        self.index(hostname).ok().map(|index| &self.entries[index])
    }

    /// Whether the zone-level switch is on, where that is read.
    pub fn zone_level_enabled(&self) -> Option<bool> {
        self.zone_level_enabled
    }

    /// The certificates of the hostname store as they were listed; none if only readings tell of them.
    pub fn listed(&self) -> Option<&[ZoneCertificate]> {
        self.listed.as_ref().map(|(_, rows)| &**rows)
    }

    /// When the certificates of the hostname store were last listed.
    pub fn listed_at(&self) -> Option<Date> {
        self.listed.as_ref().and_then(|(at, _)| *at)
    }

    /// The zone-level certificates as they were listed.
    pub fn zone_certificates(&self) -> &[ZoneCertificate] {
        &self.zone_certificates
    }

    /// All known certificates, sorted by id and level, without deleted ones: those that were listed or
    /// that readings tell of, each by its latest answer.
    pub fn certificates(&self) -> &[ZoneCertificate] {
        &self.certificates
    }
}
