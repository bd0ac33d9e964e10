//! The state of one zone and its hostnames.

mod global;
mod origins;
mod part;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::entry::complete;
use super::zone_certificate::{of_hostnames, sorted};
use super::{
    Association, CertId, Date, DnsOrigins, DnsRecord, Entry, Hostname, Level, Outcome, Reading, Reason,
    SslMode, ZoneCertificate, ZoneId, ZoneKey, ZoneTarget,
};

pub use origins::Origin;
pub use part::{Part, PartKind};
pub use target::{StoredHostname, StoredZone};

/// The state of one zone.
#[derive(Clone, Debug)]
pub struct ZoneState {
    target: Arc<ZoneTarget>,
    /// The keys of configured zones that turned out to be this one.
    twins: Vec<ZoneKey>,
    id: Option<ZoneId>,
    /// The read status of the associations and the certificates for single hostnames.
    associations: Part,
    /// The read status of the zone-level switch and certificates. The default unless they are watched.
    zone_level: Part,
    /// The read status of the settings. The default unless the zone level is watched.
    settings: Part,
    /// The read status of the DNS records. The default unless origins come from the records.
    dns: Part,
    dns_records: Option<Arc<[DnsRecord]>>,
    /// The origins that follow from DNS records, for each hostname without configured origins.
    dns_origins: Arc<BTreeMap<Hostname, DnsOrigins>>,
    removed: u64,
    removed_at: Option<Date>,
    entries: Vec<Entry>,
    /// Sorted by hostname.
    origins: Vec<Origin>,
    zone_level_enabled: Option<bool>,
    /// True if the global switch is on; `None` if that was not read.
    global_enabled: Option<bool>,
    ssl_mode: Option<SslMode>,
    /// The certificates of the hostname store and the time they were listed, if they were. A state file may lack the
    /// time.
    listed: Option<(Option<Date>, Vec<ZoneCertificate>)>,
    zone_certificates: Vec<ZoneCertificate>,
    /// All known certificates, sorted.
    certificates: Vec<ZoneCertificate>,
}

impl ZoneState {
    /// Applies an outcome. [`ZoneState::settle`] must be called afterwards.
    pub(super) fn fold(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Planned { part, interval, at } => self.plan(part, interval, at),
            Outcome::Identified(id) => self.id = Some(id),
            Outcome::Listed { hostnames, present, certificates, at } => {
                for (hostname, reading) in hostnames {
                    self.read(&hostname, reading);
                }
                if let Some(present) = present {
                    let gone = |entry: &Entry| !entry.is_configured() && !present.contains(entry.hostname());
                    self.remove(|entry| gone(entry).then_some(at));
                }
                self.listed = Some((Some(at), self.completed(certificates, Level::Hostname, at)));
            }
            Outcome::Unlisted => self.listed = None,
            Outcome::Read(hostname, Ok(reading)) => self.read(&hostname, reading),
            Outcome::Read(hostname, Err(reason)) => {
                if let Some(entry) = self.entry_or_found(&hostname) {
                    entry.fail(reason);
                }
            }
            Outcome::Probed(target, reading) => self.probed(&target, reading),
            Outcome::ZoneLevel { enabled, certificates, at } => {
                let read = certificates.as_ref().map(|_| ()).map_err(|reason| *reason);
                self.zone_level.tried(enabled.and(read), at);
                self.zone_level_enabled = enabled.ok().or(self.zone_level_enabled);
                if let Ok(certificates) = certificates {
                    self.zone_certificates = self.completed(certificates, Level::Zone, at);
                }
            }
            Outcome::Settings { global, ssl_mode, at } => {
                // a failure by chance is retried soon, a missing permission is not
                let mut failures = [global.err(), ssl_mode.err()].into_iter().flatten();
                let by_chance =
                    failures.find(|reason| !matches!(reason, Reason::Forbidden | Reason::NotFound));
                let read = global.map(drop).or(ssl_mode.map(drop));
                self.settings.tried(by_chance.map_or(read, Err), at);
                self.global_enabled = global.ok().or(self.global_enabled);
                self.ssl_mode = ssl_mode.ok().or(self.ssl_mode);
            }
            Outcome::DnsRecords { records, at } => {
                self.dns.tried(records.as_ref().map(drop).map_err(|reason| *reason), at);
                self.dns_records = records.ok().or_else(|| self.dns_records.take());
            }
            Outcome::Failed(reason) => self.entries.iter_mut().for_each(|entry| entry.fail(reason)),
            Outcome::Ended { result, at } => self.associations.tried(result, at),
        }
    }

    /// Sets the interval at which polls read a part.
    fn plan(&mut self, part: PartKind, interval: Duration, at: Date) {
        match part {
            PartKind::Associations => {
                self.associations.planned(interval, at);
                self.entries.iter_mut().for_each(|entry| entry.wanted(at));
            }
            PartKind::ZoneLevel => self.zone_level.planned(interval, at),
            PartKind::Settings => self.settings.planned(interval, at),
            PartKind::DnsRecords => self.dns.planned(interval, at),
        }
    }

    /// Returns true if polls have ever planned to read a part, and every hostname that is read with it.
    pub fn is_wanted(&self, part: PartKind) -> bool {
        self.part(part).since.is_some()
            && (part != PartKind::Associations || self.entries.iter().all(Entry::is_wanted))
    }

    /// Updates everything that is derived from the readings.
    pub(super) fn settle(&mut self) {
        self.remove(|entry| {
            let reading = entry.reading().filter(|reading| reading.association == Association::None)?;
            (!entry.is_configured()).then_some(reading.read_at)
        });
        self.collect_certificates();
    }

    fn collect_certificates(&mut self) {
        let listed = self.listed.as_ref().map(|(at, rows)| (*at, &**rows));
        let rows = of_hostnames(listed, &self.entries).chain(self.zone_certificates.iter().cloned());
        self.certificates = sorted(rows.collect());
    }

    /// Applies a reading, completed by earlier details of its certificate, so that an expiry date does not disappear if
    /// a response omits it.
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

    /// Returns certificates that were listed at `at`, each completed by its earlier details.
    fn completed(&self, mut rows: Vec<ZoneCertificate>, level: Level, at: Date) -> Vec<ZoneCertificate> {
        for row in &mut rows {
            let known = self.certificate(&row.id, level);
            if let Some(known) = known {
                complete(&mut row.certificate, &known.certificate);
            }
            let before = known.filter(|known| known.status == row.status).and_then(|known| known.since);
            row.since = before.or(Some(at));
        }
        rows
    }

    fn certificate(&self, id: &CertId, level: Level) -> Option<&ZoneCertificate> {
        let index = self.certificates.binary_search_by(|row| (&row.id, row.level).cmp(&(id, level)));
        index.ok().map(|index| &self.certificates[index])
    }

    /// Removes the hostnames for which `gone` returns the time when they vanished.
    fn remove(&mut self, gone: impl Fn(&Entry) -> Option<Date>) {
        let (before, removed_at) = (self.entries.len(), &mut self.removed_at);
        self.entries.retain(|entry| {
            let gone = gone(entry);
            *removed_at = gone.max(*removed_at);
            gone.is_none()
        });
        let removed = before - self.entries.len();
        self.removed += removed as u64;
        if removed > 0 {
            let entries = &self.entries;
            let has = |name: &Hostname| entries.binary_search_by(|entry| entry.hostname().cmp(name)).is_ok();
            self.origins.retain(|origin| !origin.target().from_dns || has(&origin.target().hostname));
        }
    }

    /// Returns the entry of a hostname. Adds it if the zone's hostnames are discovered.
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

    /// Returns the target.
    pub fn target(&self) -> &Arc<ZoneTarget> {
        &self.target
    }

    /// The keys of configured zones that turned out to be this one.
    pub fn twins(&self) -> &[ZoneKey] {
        &self.twins
    }

    /// Returns the label.
    pub fn key(&self) -> &ZoneKey {
        self.target.key()
    }

    /// Returns the configured account that reads the zone.
    pub fn account(&self) -> &str {
        self.target.account()
    }

    /// Returns the id, once it is known.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// Returns the watched parts.
    pub fn parts(&self) -> impl Iterator<Item = (PartKind, Part)> {
        let extent = self.target.extent();
        PartKind::ALL.map(|kind| (kind, self.part(kind))).into_iter().filter(move |(kind, _)| match kind {
            PartKind::Associations => true,
            PartKind::ZoneLevel | PartKind::Settings => extent.zone_level,
            PartKind::DnsRecords => extent.dns_origins,
        })
    }

    /// Returns the parts that count for the state of the zone: all except those that the token need not be allowed to
    /// read.
    pub(super) fn needed_parts(&self) -> impl Iterator<Item = Part> {
        self.parts().filter(|(kind, _)| !kind.is_optional()).map(|(_, part)| part)
    }

    /// Returns the read status of a part, watched or not.
    pub fn part(&self, kind: PartKind) -> Part {
        match kind {
            PartKind::Associations => self.associations,
            PartKind::ZoneLevel => self.zone_level,
            PartKind::Settings => self.settings,
            PartKind::DnsRecords => self.dns,
        }
    }

    /// Returns true if a part contains something that can break, or if the zone is configured. Settings and DNS records
    /// contain nothing that can break.
    pub fn holds(&self, kind: PartKind) -> bool {
        let has = |level| self.certificates.iter().any(|row| row.level == level);
        match kind {
            PartKind::Associations => {
                !self.target.is_found() || !self.entries.is_empty() || has(Level::Hostname)
            }
            PartKind::ZoneLevel => {
                !self.target.is_found() || self.zone_level_enabled == Some(true) || has(Level::Zone)
            }
            PartKind::Settings | PartKind::DnsRecords => false,
        }
    }

    /// Returns true if the latest attempts to read the parts succeeded, apart from optional parts.
    pub fn is_up(&self) -> bool {
        self.needed_parts().all(Part::is_up)
    }

    /// Returns true if a poll has tried to read the zone.
    pub fn is_tried(&self) -> bool {
        self.associations.latest.is_some()
    }

    /// Returns the reason why the latest attempt to read a part failed, if it did.
    pub fn failure(&self) -> Option<Reason> {
        self.needed_parts().find_map(Part::failure)
    }

    /// Returns the time when the zone was last read, which is that of the part read longest ago.
    pub fn last_success(&self) -> Option<Date> {
        self.needed_parts().map(|part| part.last_success).min().flatten()
    }

    /// Returns the number of discovered hostnames that have vanished since the start.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Returns the time when the last discovered hostname vanished, which may be before a restart.
    pub fn removed_at(&self) -> Option<Date> {
        self.removed_at
    }

    /// Returns the hostnames, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entry of a hostname.
    pub fn entry(&self, hostname: &Hostname) -> Option<&Entry> {
        self.index(hostname).ok().map(|index| &self.entries[index])
    }

    /// Returns true if the zone-level switch is on; `None` if it was not read.
    pub fn zone_level_enabled(&self) -> Option<bool> {
        self.zone_level_enabled
    }

    /// Returns true if the global switch is on; `None` if it was not read or the token may not read it.
    pub fn global_enabled(&self) -> Option<bool> {
        self.global_enabled
    }

    /// Returns the SSL mode; `None` if it was not read or the token may not read it.
    pub fn ssl_mode(&self) -> Option<SslMode> {
        self.ssl_mode
    }

    /// Returns the proxied DNS records; `None` unless origins come from them and the token may read them.
    pub fn dns_records(&self) -> Option<&[DnsRecord]> {
        self.dns_records.as_deref()
    }

    /// Returns the certificates of the hostname store as they were listed; `None` if they were not listed.
    pub fn listed(&self) -> Option<&[ZoneCertificate]> {
        self.listed.as_ref().map(|(_, rows)| &**rows)
    }

    /// Returns the time when the certificates of the hostname store were last listed.
    pub fn listed_at(&self) -> Option<Date> {
        self.listed.as_ref().and_then(|(at, _)| *at)
    }

    /// Returns the zone-level certificates as they were listed.
    pub fn zone_certificates(&self) -> &[ZoneCertificate] {
        &self.zone_certificates
    }

    /// Returns all known certificates, sorted by id and level, without deleted ones. They come from lists and from
    /// readings of hostnames; the latest response about each counts.
    pub fn certificates(&self) -> &[ZoneCertificate] {
        &self.certificates
    }
}
