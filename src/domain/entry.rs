//! The state of one hostname.

use std::sync::Arc;

use super::{
    Association, Certificate, Date, Expectation, Expected, Hostname, HostnameTarget, Reading, Reason,
    StoredHostname,
};

/// The state of one hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    hostname: Hostname,
    expectation: Expectation,
    configured: bool,
    reading: Option<Reading>,
    failure: Option<Reason>,
    since: Option<Date>,
}

impl Entry {
    /// Creates the entry of a configured hostname, with the state of its previous entry.
    pub(super) fn configured(target: &HostnameTarget, known: Option<Self>) -> Self {
        let (hostname, expectation) = (target.hostname.clone(), target.expectation.clone());
        let unread =
            Self { hostname, expectation, configured: true, reading: None, failure: None, since: None };
        match known {
            Some(Self { reading, failure, since, .. }) => Self { reading, failure, since, ..unread },
            None => unread,
        }
    }

    /// Creates the entry of a newly discovered hostname.
    pub(super) fn found(hostname: Hostname, expected: Expected) -> Self {
        let expectation = Expectation { association: expected, ..Expectation::default() };
        Self { hostname, expectation, configured: false, reading: None, failure: None, since: None }
    }

    /// Turns this entry into one of a discovered hostname.
    pub(super) fn discovered(self, expected: Expected) -> Self {
        let Self { hostname, reading, failure, since, .. } = self;
        Self { reading, failure, since, ..Self::found(hostname, expected) }
    }

    /// Restores the state from a state file.
    pub(super) fn restore(&mut self, stored: StoredHostname) {
        (self.reading, self.failure, self.since) = (stored.reading, stored.failure, stored.since);
    }

    /// Records a successful reading.
    pub(super) fn read(&mut self, reading: Reading) {
        let statuses = |reading: &Reading| (reading.status, reading.certificate_status);
        let same = self.reading.as_ref().is_some_and(|before| statuses(before) == statuses(&reading));
        self.since = self.since.filter(|_| same).or(Some(reading.read_at));
        (self.reading, self.failure) = (Some(reading), None);
    }

    /// Records that a poll is about to read the hostname.
    pub(super) fn wanted(&mut self, at: Date) {
        self.since.get_or_insert(at);
    }

    /// Returns true if a poll has ever planned to read the hostname.
    pub(super) fn is_wanted(&self) -> bool {
        self.since.is_some()
    }

    /// Records a failed attempt.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.failure = Some(reason);
    }

    /// Takes over the state of another entry of the same hostname if it is newer.
    pub(super) fn absorb(&mut self, other: Self) {
        let read_at = |entry: &Self| entry.reading.as_ref().map(|reading| reading.read_at);
        if read_at(&other) > read_at(self) {
            (self.reading, self.failure, self.since) = (other.reading, other.failure, other.since);
        }
    }

    /// Returns true if the configuration names the hostname, false if it was discovered.
    pub fn is_configured(&self) -> bool {
        self.configured
    }

    /// Returns the hostname.
    pub fn hostname(&self) -> &Hostname {
        &self.hostname
    }

    /// Returns the expectation.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// Returns the last successful reading.
    pub fn reading(&self) -> Option<&Reading> {
        self.reading.as_ref()
    }

    /// Returns the time of the last reading, or of the first attempt if none has succeeded.
    pub fn seen(&self) -> Option<Date> {
        self.reading.as_ref().map_or(self.since, |reading| Some(reading.read_at))
    }

    /// Returns the time since which the statuses of the reading have been the same, or the time of the first attempt if
    /// none has succeeded.
    pub fn since(&self) -> Option<Date> {
        self.since
    }

    /// Returns the reason why the latest attempt failed, if it did.
    pub fn failure(&self) -> Option<Reason> {
        self.failure
    }

    /// Returns true if the latest attempt succeeded.
    pub fn is_up(&self) -> bool {
        self.reading.is_some() && self.failure.is_none()
    }

    /// Returns the association of the last reading.
    pub fn association(&self) -> Option<Association> {
        self.reading.as_ref().map(|reading| reading.association)
    }

    /// Returns true if the hostname differs from its expectation. None without a reading.
    pub fn is_drifted(&self) -> Option<bool> {
        let reading = self.reading.as_ref()?;
        Some(self.expectation.is_drifted(reading))
    }
}

/// Fills in the fields of a certificate that the latest response omitted, from the previous one. If that makes the two
/// equal, they share one allocation, so that memory does not grow with each response.
pub(super) fn complete(certificate: &mut Arc<Certificate>, known: &Arc<Certificate>) {
    if Arc::ptr_eq(certificate, known) {
        return;
    }
    if let Some(completed) = certificate.completed_by(known) {
        *certificate = if completed == **known { Arc::clone(known) } else { Arc::new(completed) };
    }
}
