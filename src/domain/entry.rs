//! What is known about one hostname.

use std::sync::Arc;

use super::{Association, Certificate, Expectation, Expected, Hostname, HostnameTarget, Reading, Reason};

/// What is known about one hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    hostname: Hostname,
    expectation: Expectation,
    configured: bool,
    reading: Option<Reading>,
    failure: Option<Reason>,
}

impl Entry {
    /// A configured hostname, with what was known of it.
    pub(super) fn configured(target: &HostnameTarget, known: Option<Self>) -> Self {
        let (reading, failure) = known.map_or((None, None), |entry| (entry.reading, entry.failure));
        let (hostname, expectation) = (target.hostname.clone(), target.expectation.clone());
        Self { hostname, expectation, configured: true, reading, failure }
    }

    /// A discovered hostname of which nothing is known.
    pub(super) fn found(hostname: Hostname, expected: Expected) -> Self {
        let expectation = Expectation { association: expected, cert_id: None };
        Self { hostname, expectation, configured: false, reading: None, failure: None }
    }

    /// The same hostname as a discovered one.
    pub(super) fn discovered(self, expected: Expected) -> Self {
        Self { reading: self.reading, failure: self.failure, ..Self::found(self.hostname, expected) }
    }

    /// Takes in the latest answer.
    pub(super) fn read(&mut self, reading: Reading) {
        (self.reading, self.failure) = (Some(reading), None);
    }

    /// Takes in that the latest attempt failed.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.failure = Some(reason);
    }

    /// Takes what another entry of the same hostname knows, if that is newer.
    pub(super) fn absorb(&mut self, other: Self) {
        let read_at = |entry: &Self| entry.reading.as_ref().map(|reading| reading.read_at);
        if read_at(&other) > read_at(self) {
            (self.reading, self.failure) = (other.reading, other.failure);
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
