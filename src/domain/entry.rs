//! What is known about one hostname.

use std::sync::Arc;

use super::{
    Association, Certificate, Date, Expectation, Expected, Hostname, HostnameTarget, Reading, Reason,
    StoredHostname,
};

/// What is known about one hostname.
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
    /// A configured hostname, with what was known of it.
    pub(super) fn configured(target: &HostnameTarget, known: Option<Self>) -> Self {
        let (hostname, expectation) = (target.hostname.clone(), target.expectation.clone());
        let unread =
            Self { hostname, expectation, configured: true, reading: None, failure: None, since: None };
        match known {
            Some(Self { reading, failure, since, .. }) => Self { reading, failure, since, ..unread },
            None => unread,
        }
    }

    /// A discovered hostname of which nothing is known.
    pub(super) fn found(hostname: Hostname, expected: Expected) -> Self {
        let expectation = Expectation { association: expected, ..Expectation::default() };
        Self { hostname, expectation, configured: false, reading: None, failure: None, since: None }
    }

    /// The same hostname as a discovered one.
    pub(super) fn discovered(self, expected: Expected) -> Self {
        let Self { hostname, reading, failure, since, .. } = self;
        Self { reading, failure, since, ..Self::found(hostname, expected) }
    }

    /// Takes in what a state file knew.
    pub(super) fn restore(&mut self, stored: StoredHostname) {
        (self.reading, self.failure, self.since) = (stored.reading, stored.failure, stored.since);
    }

    /// Takes in the latest answer.
    pub(super) fn read(&mut self, reading: Reading) {
        let statuses = |reading: &Reading| (reading.status, reading.certificate_status);
        let same = self.reading.as_ref().is_some_and(|before| statuses(before) == statuses(&reading));
        self.since = self.since.filter(|_| same).or(Some(reading.read_at));
        (self.reading, self.failure) = (Some(reading), None);
    }

    /// Takes in that a poll wants it.
    pub(super) fn wanted(&mut self, at: Date) {
        self.since.get_or_insert(at);
    }

    /// Takes in that the latest attempt failed.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.failure = Some(reason);
    }

    /// Takes what another entry of the same hostname knows, if that is newer.
    pub(super) fn absorb(&mut self, other: Self) {
        let read_at = |entry: &Self| entry.reading.as_ref().map(|reading| reading.read_at);
        if read_at(&other) > read_at(self) {
            (self.reading, self.failure, self.since) = (other.reading, other.failure, other.since);
        }
    }

    /// Whether the configuration names it; if not, it was discovered.
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

    /// When it was last read, or since when polls have wanted it.
    pub fn seen(&self) -> Option<Date> {
        self.reading.as_ref().map_or(self.since, |reading| Some(reading.read_at))
    }

    /// Since when it has had the statuses of its reading, or, while it was never read, since when polls have wanted it.
    pub fn since(&self) -> Option<Date> {
        self.since
    }

    /// Why the latest attempt failed.
    pub fn failure(&self) -> Option<Reason> {
        self.failure
    }

    /// Whether the latest attempt got an answer.
    pub fn is_up(&self) -> bool {
        self.reading.is_some() && self.failure.is_none()
    }

    /// What was associated with it when it was last read.
    pub fn association(&self) -> Option<Association> {
        self.reading.as_ref().map(|reading| reading.association)
    }

    /// Whether it differs from its expectation; none while it was never read.
    pub fn is_drifted(&self) -> Option<bool> {
        let reading = self.reading.as_ref()?;
        Some(self.expectation.is_drifted(reading))
    }
}

/// Adds to a certificate what is known of it and the latest answer left out. Where that makes it equal to the known
/// one, that is shared, so that memory does not grow with each answer.
pub(super) fn complete(certificate: &mut Arc<Certificate>, known: &Arc<Certificate>) {
    if Arc::ptr_eq(certificate, known) {
        return;
    }
    if let Some(completed) = certificate.completed_by(known) {
        *certificate = if completed == **known { Arc::clone(known) } else { Arc::new(completed) };
    }
}
