//! A zone: its certificates, its switch, and the associations of its hostnames.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::association::AssociationChange;
use super::authority::Authority;
use super::certificate::{Certificate, CertificateChange, Store};
use super::crowd::crowd;
use super::dns::DnsRecord;
use super::facts::{Account, Facts, ZoneChange};
use super::progress::{DELETED, Progress};
use super::world::{WorldError, derived};
use crate::domain::{CertId, Hostname, Level, ZoneId, ZoneName};

/// A zone of the simulated Cloudflare.
pub struct Zone {
    id: ZoneId,
    name: ZoneName,
    seed: u64,
    made: Timestamp,
    authority: Arc<Authority>,
    pub(super) account: Arc<Account>,
    pub(super) facts: Facts,
    /// True if the zone is gone.
    pub(super) gone: bool,
    /// The zone-level switch.
    pub(super) enabled: bool,
    pub(super) records: Vec<DnsRecord>,
    hostname_certificates: Store,
    zone_certificates: Store,
    /// The rows in the order of creation. Deleted ones stay, since a list shows them.
    rows: Vec<Row>,
    /// The index of each hostname's current row.
    current: HashMap<Hostname, usize>,
}

/// The association of one hostname.
pub(super) struct Row {
    pub(super) hostname: Hostname,
    /// The index of its certificate in the store of hostname certificates.
    pub(super) certificate: usize,
    pub(super) enabled: Option<bool>,
    /// The index of the certificate that is presented until this row is in force.
    pub(super) before: Option<usize>,
    pub(super) progress: Progress,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Zone {
    pub(super) fn new(
        name: ZoneName,
        seed: u64,
        made: Timestamp,
        authority: Arc<Authority>,
        account: Arc<Account>,
    ) -> Self {
        let id = format!("{:032x}", derived(seed, name.as_str()));
        Self {
            id: id.parse().expect("32 hexadecimal digits are an id"),
            name,
            seed,
            made,
            authority,
            account,
            facts: Facts::default(),
            gone: false,
            enabled: false,
            records: Vec::new(),
            hostname_certificates: Store::default(),
            zone_certificates: Store::default(),
            rows: Vec::new(),
            current: HashMap::new(),
        }
    }

    /// Returns its id.
    pub fn id(&self) -> ZoneId {
        self.id
    }

    /// Returns its name.
    pub fn name(&self) -> &ZoneName {
        &self.name
    }

    /// Returns true if the zone is gone.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Sets the zone-level switch.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// Replaces its DNS records.
    pub fn set_records(&mut self, records: Vec<DnsRecord>) {
        self.records = records;
    }

    /// Changes all facts except the account.
    pub(super) fn change(&mut self, change: ZoneChange, now: Timestamp) -> Result<(), WorldError> {
        self.gone = change.gone.unwrap_or(self.gone);
        self.enabled = change.enabled.unwrap_or(self.enabled);
        crowd(self, change.hostnames.unwrap_or(0), 60, now)?;
        self.facts.change(change, now);
        Ok(())
    }

    /// Adds an active hostname certificate that ends at `not_after`.
    ///
    /// # Errors
    /// Fails if it cannot be signed.
    pub fn add_certificate(&mut self, not_after: Timestamp) -> Result<CertId, WorldError> {
        self.add_certificate_at(Level::Hostname, not_after)
    }

    /// Adds an active certificate that ends at `not_after` to one of the two stores.
    ///
    /// # Errors
    /// Fails if it cannot be signed.
    pub fn add_certificate_at(&mut self, level: Level, not_after: Timestamp) -> Result<CertId, WorldError> {
        let identity = self.next_identity(level);
        let certificate =
            Certificate::issued(&self.authority, self.name.as_str(), identity, not_after, self.made)?;
        let id = certificate.id.clone();
        self.store_mut(level).add(certificate);
        Ok(id)
    }

    /// Changes a certificate of either store.
    ///
    /// # Errors
    /// Fails if no certificate has this id, or if it cannot be reissued.
    pub fn change_certificate(
        &mut self,
        id: &CertId,
        change: CertificateChange,
        now: Timestamp,
    ) -> Result<(), WorldError> {
        let level =
            if self.hostname_certificates.index(id).is_some() { Level::Hostname } else { Level::Zone };
        let identity = derived(self.seed, &format!("{id}/{now}"));
        let (authority, name) = (Arc::clone(&self.authority), self.name.clone());
        let store = self.store_mut(level);
        let certificate = store.index(id).and_then(|index| store.at_mut(index));
        let certificate = certificate.ok_or(WorldError::NoCertificate)?;
        if let Some(seconds) = change.expires_in {
            let not_after = now.checked_add(SignedDuration::from_secs(seconds));
            let not_after = not_after.map_err(|_| WorldError::NoDate)?;
            certificate.reissue(&authority, name.as_str(), identity, not_after)?;
        }
        if let Some(status) = change.status {
            certificate.progress = Progress::resting(status);
        }
        if let Some(expires_on) = change.expires_on {
            certificate.expires_on = expires_on;
        }
        if let Some(serial_number) = change.serial_number {
            certificate.serial_number = serial_number;
        }
        if let Some(issuer) = change.issuer {
            certificate.issuer = issuer;
        }
        certificate.updated_at = now;
        Ok(())
    }

    /// Associates a hostname with a certificate. The association is active at once and replaces an earlier
    /// one.
    ///
    /// # Errors
    /// Fails if the zone has no such hostname certificate.
    pub fn associate(
        &mut self,
        hostname: &Hostname,
        cert_id: &CertId,
        enabled: Option<bool>,
    ) -> Result<(), WorldError> {
        let certificate = self.hostname_certificates.index(cert_id).ok_or(WorldError::NoCertificate)?;
        // the age of an association follows from its position
        let age = i64::try_from(self.rows.len()).unwrap_or(0) % 1000;
        let created_at = self.made - SignedDuration::from_mins(age + 1);
        self.put_row(Row {
            hostname: hostname.clone(),
            certificate,
            enabled,
            before: None,
            progress: Progress::resting(super::progress::ACTIVE),
            created_at,
            updated_at: created_at,
        });
        Ok(())
    }

    /// Changes an association. `certificate` changes the certificate for every hostname that shares it.
    ///
    /// # Errors
    /// Fails if the hostname has no association, or the zone has no such certificate.
    pub fn change_association(
        &mut self,
        hostname: &Hostname,
        change: AssociationChange,
        now: Timestamp,
    ) -> Result<(), WorldError> {
        let index =
            change.cert_id.map(|id| id.parse().ok().and_then(|id| self.hostname_certificates.index(&id)));
        let index = index.map(|index| index.ok_or(WorldError::NoCertificate)).transpose()?;
        let row = self.current.get(hostname).map(|row| &mut self.rows[*row]);
        let row = row.ok_or(WorldError::NoAssociation)?;
        row.certificate = index.unwrap_or(row.certificate);
        row.enabled = change.enabled.unwrap_or(row.enabled);
        if let Some(status) = change.status {
            row.progress = Progress::resting(status);
        }
        row.updated_at = now;
        let id = self.hostname_certificates.at(row.certificate).map(|certificate| certificate.id.clone());
        match (id, change.certificate) {
            (Some(id), Some(certificate)) => self.change_certificate(&id, certificate, now),
            _ => Ok(()),
        }
    }

    /// Removes an association without a trace.
    ///
    /// # Errors
    /// Fails if the hostname has no association.
    pub fn remove_association(&mut self, hostname: &Hostname) -> Result<(), WorldError> {
        self.current.get(hostname).ok_or(WorldError::NoAssociation)?;
        self.rows.retain(|row| row.hostname != *hostname);
        self.current = self.rows.iter().enumerate().map(|(i, row)| (row.hostname.clone(), i)).collect();
        Ok(())
    }

    /// Replaces the hostname's current row, or adds one if that is deleted.
    pub(super) fn put_row(&mut self, row: Row) {
        let now = Instant::now();
        match self.current.get(&row.hostname).map(|index| &mut self.rows[*index]) {
            Some(current) if current.progress.at(now) != DELETED => *current = row,
            _ => {
                self.current.insert(row.hostname.clone(), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// Returns the hostname's association unless it is deleted.
    pub(super) fn row(&self, hostname: &Hostname, now: Instant) -> Option<&Row> {
        let row = &self.rows[*self.current.get(hostname)?];
        (row.progress.at(now) != DELETED).then_some(row)
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn store(&self, level: Level) -> &Store {
        match level {
            Level::Hostname => &self.hostname_certificates,
            Level::Zone => &self.zone_certificates,
        }
    }

    pub(super) fn store_mut(&mut self, level: Level) -> &mut Store {
        match level {
            Level::Hostname => &mut self.hostname_certificates,
            Level::Zone => &mut self.zone_certificates,
        }
    }

    /// Returns the number from which the next certificate's id and serial number are derived.
    pub(super) fn next_identity(&self, level: Level) -> u128 {
        let number = self.store(level).len();
        derived(self.seed, &format!("{}/{}/{number}", self.name, level.label()))
    }
}
