//! Plans changes of associations, refuses some, and waits until they are in force.

mod rotation;
mod wait;

use std::collections::BTreeSet;
use std::fmt;

pub use rotation::{
    Halt, Known, New, Old, Progress, Rotation, RotationPlan, RotationRefusal, Rotator, Step, Store,
    read_store,
};
pub use wait::{Awaited, Phase, WaitPolicy, wait};

use crate::cloudflare::Change;
use crate::domain::{Association, CertId, Hostname, Reading, Status};

/// The maximum number of associations that Cloudflare allows for a certificate.
pub const CAP: usize = 100;

/// The desired state of associations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// Enabled, with this certificate.
    Enabled(CertId),
    /// Disabled; with an id, only if the association uses that certificate.
    Disabled(Option<CertId>),
    /// Void; with an id, only if the association uses that certificate.
    Void(Option<CertId>),
}

/// The state of an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The association that Cloudflare has.
    pub association: Association,
    /// The status of the association, or of its certificate if that has timed out.
    pub status: Option<Status>,
    /// The certificate.
    pub cert_id: Option<CertId>,
}

/// The changes to make, and the hostnames that already have the desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The changes, each with the state before it.
    pub steps: Vec<(State, Change)>,
    /// The hostnames that do not change.
    pub kept: Vec<(Hostname, State)>,
}

/// The reason why a hostname is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The hostname has no association to disable.
    #[error("{0} has no association that could be disabled: it is {1}")]
    NoAssociation(Hostname, State),
    /// The hostname has a certificate other than the given one.
    #[error("{hostname} is associated with certificate {found}, not with {given}")]
    OtherCertificate {
        /// The hostname.
        hostname: Hostname,
        /// The certificate of the association.
        found: CertId,
        /// The given certificate.
        given: CertId,
    },
    /// The change needs the id of the certificate, which is unknown.
    #[error("Cloudflare does not say which certificate {0} is associated with: give its id")]
    NoCertId(Hostname),
    /// The certificate would have too many associations.
    #[error(
        "certificate {cert_id} would have {} associations, and Cloudflare allows {CAP}: {present} exist, and \
         {added} would be added", .present + .added
    )]
    Cap {
        /// The certificate.
        cert_id: CertId,
        /// The associations of the certificate with other hostnames.
        present: usize,
        /// The associations that the change adds.
        added: usize,
    },
}

impl Plan {
    /// Plans the changes to `desired`, from the last readings of the hostnames.
    ///
    /// # Errors
    /// Fails with all refusals. Either all hostnames are changed or none.
    pub fn new(desired: &Desired, readings: &[(Hostname, Reading)]) -> Result<Self, Vec<Refusal>> {
        let (mut plan, mut refusals) = (Self { steps: Vec::new(), kept: Vec::new() }, Vec::new());
        for (hostname, reading) in readings {
            let state = State::from(reading);
            match desired.change(hostname, &state) {
                Ok(Some(change)) => plan.steps.push((state, change)),
                Ok(None) => plan.kept.push((hostname.clone(), state)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() { Ok(plan) } else { Err(refusals) }
    }

    /// Returns the changes to request.
    pub fn changes(&self) -> Vec<Change> {
        self.steps.iter().map(|(_, change)| change.clone()).collect()
    }

    /// Returns true if the hostname is among those that change.
    pub fn is_changing(&self, hostname: &Hostname) -> bool {
        self.steps.iter().any(|(_, change)| change.hostname == *hostname)
    }

    /// Returns the changes that give a hostname a certificate that it does not have yet.
    fn newcomers(&self) -> impl Iterator<Item = &Change> {
        let newcomers = self.steps.iter().filter(|(state, change)| {
            let has =
                state.association != Association::None && state.cert_id.as_ref() == Some(&change.cert_id);
            change.enabled.is_some() && !has
        });
        newcomers.map(|(_, change)| change)
    }

    /// Returns the certificate that gets more hostnames, if any.
    pub fn grows(&self) -> Option<&CertId> {
        self.newcomers().next().map(|change| &change.cert_id)
    }

    /// Checks that the certificate that gains hostnames stays within [`CAP`]. `associated` are the hostnames that it has
    /// now.
    ///
    /// # Errors
    /// Fails if it would have too many associations.
    pub fn check_cap<'a>(&self, associated: impl IntoIterator<Item = &'a Hostname>) -> Result<(), Refusal> {
        let Some(cert_id) = self.grows() else { return Ok(()) };
        let newcomers: BTreeSet<_> = self.newcomers().map(|change| &change.hostname).collect();
        let present: BTreeSet<_> = associated.into_iter().collect();
        let (present, added) = (present.difference(&newcomers).count(), newcomers.len());
        let cert_id = cert_id.clone();
        if present + added > CAP { Err(Refusal::Cap { cert_id, present, added }) } else { Ok(()) }
    }
}

impl Desired {
    /// Returns the change of a hostname, if it needs one.
    fn change(&self, hostname: &Hostname, state: &State) -> Result<Option<Change>, Refusal> {
        let (enabled, given) = match self {
            Self::Enabled(cert_id) => (Some(true), Some(cert_id)),
            Self::Disabled(given) => (Some(false), given.as_ref()),
            Self::Void(given) => (None, given.as_ref()),
        };
        if matches!(self, Self::Disabled(_)) && !state.exists() {
            return Err(Refusal::NoAssociation(hostname.clone(), state.clone()));
        }
        // refused even if nothing would change, since the caller meant another certificate
        if let (Self::Disabled(Some(given)) | Self::Void(Some(given)), Some(found)) = (self, &state.cert_id)
            && found != given
        {
            let (hostname, found, given) = (hostname.clone(), found.clone(), given.clone());
            return Err(Refusal::OtherCertificate { hostname, found, given });
        }
        if self.holds(state) {
            return Ok(None);
        }
        let cert_id = given.or(state.cert_id.as_ref());
        let cert_id = cert_id.ok_or_else(|| Refusal::NoCertId(hostname.clone()))?.clone();
        Ok(Some(Change { hostname: hostname.clone(), cert_id, enabled }))
    }

    /// Returns true if the state is the desired one, or Cloudflare is deploying it.
    fn holds(&self, state: &State) -> bool {
        if state.status.is_some_and(Status::is_timed_out) {
            return false;
        }
        match self {
            Self::Enabled(cert_id) => {
                state.association == Association::Enabled
                    && state.cert_id.as_ref() == Some(cert_id)
                    && state.status != Some(Status::PendingDeletion)
            }
            Self::Disabled(_) => {
                state.association == Association::Disabled && state.status != Some(Status::PendingDeletion)
            }
            Self::Void(_) => !state.exists(),
        }
    }
}

impl State {
    fn exists(&self) -> bool {
        matches!(self.association, Association::Enabled | Association::Disabled)
    }
}

impl From<&Reading> for State {
    fn from(reading: &Reading) -> Self {
        let cert_id = reading.certificate.as_ref().and_then(|certificate| certificate.id());
        let given_up = reading.certificate_status.filter(|status| status.is_timed_out());
        let status = given_up.or(reading.status);
        Self { association: reading.association, status, cert_id: cert_id.cloned() }
    }
}

impl From<&Change> for State {
    fn from(change: &Change) -> Self {
        let association = match change.enabled {
            Some(true) => Association::Enabled,
            Some(false) => Association::Disabled,
            None => Association::Void,
        };
        Self { association, status: None, cert_id: Some(change.cert_id.clone()) }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.association.label())?;
        if let Some(cert_id) = self.cert_id.as_ref().filter(|_| self.exists()) {
            write!(f, " with {cert_id}")?;
        }
        match self.status {
            None | Some(Status::Active) => Ok(()),
            Some(status) => write!(f, " ({})", status.label()),
        }
    }
}

#[cfg(test)]
mod tests;
