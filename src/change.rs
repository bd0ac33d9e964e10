//! Changes of associations that somebody asked for: what has to be changed, what must not be, and when it is in force.

mod wait;

use std::collections::BTreeSet;
use std::fmt;

pub use wait::{Awaited, Pace, Standing, wait};

use crate::cloudflare::Change;
use crate::domain::{Association, CertId, Hostname, Reading, Status};

/// How many associations Cloudflare lets a certificate have.
pub const CAP: usize = 100;

/// What the associations of hostnames shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Enabled, with that certificate.
    Enabled(CertId),
    /// Disabled; with an id only where the certificate is that one.
    Disabled(Option<CertId>),
    /// Void; with an id only where the certificate is that one.
    Void(Option<CertId>),
}

/// What there is of an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether a certificate is presented.
    pub association: Association,
    /// How far Cloudflare has brought it, or its certificate where that was given up.
    pub status: Option<Status>,
    /// The certificate.
    pub cert_id: Option<CertId>,
}

/// What has to be changed, and what is as wished already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What changes, beside what it is now.
    pub steps: Vec<(State, Change)>,
    /// What stays.
    pub kept: Vec<(Hostname, State)>,
}

/// Why a wish is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to disable.
    #[error("{0} has no association that could be disabled: it is {1}")]
    NoAssociation(Hostname, State),
    /// The certificate is not the one that was meant.
    #[error("{hostname} is associated with certificate {found}, not with {given}")]
    OtherCertificate {
        /// Whose association.
        hostname: Hostname,
        /// The certificate that it is with.
        found: CertId,
        /// The certificate that was meant.
        given: CertId,
    },
    /// The id of the certificate, which the change needs, is not known.
    #[error("Cloudflare does not tell which certificate {0} is associated with: give its id")]
    NoCertId(Hostname),
    /// The certificate would have more associations than it may.
    #[error(
        "certificate {cert_id} would have {} associations, and Cloudflare allows {CAP}: {present} are there, and \
         {added} would come", .present + .added
    )]
    Cap {
        /// The certificate.
        cert_id: CertId,
        /// How many associations of other hostnames it has.
        present: usize,
        /// How many it would have beside them.
        added: usize,
    },
}

impl Plan {
    /// What `wish` takes, by what was read of the hostnames.
    ///
    /// # Errors
    /// With every reason not to do it. Nothing of a wish is carried out unless all of it can be.
    pub fn new(wish: &Wish, readings: &[(Hostname, Reading)]) -> Result<Self, Vec<Refusal>> {
        let (mut plan, mut refusals) = (Self { steps: Vec::new(), kept: Vec::new() }, Vec::new());
        for (hostname, reading) in readings {
            let state = State::from(reading);
            match wish.change(hostname, &state) {
                Ok(Some(change)) => plan.steps.push((state, change)),
                Ok(None) => plan.kept.push((hostname.clone(), state)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() { Ok(plan) } else { Err(refusals) }
    }

    /// What Cloudflare is to be asked for.
    pub fn changes(&self) -> Vec<Change> {
        self.steps.iter().map(|(_, change)| change.clone()).collect()
    }

    /// Whether the hostname is among those that change.
    pub fn is_changing(&self, hostname: &Hostname) -> bool {
        self.steps.iter().any(|(_, change)| change.hostname == *hostname)
    }

    /// The hostnames that get a certificate which they do not have.
    fn newcomers(&self) -> impl Iterator<Item = &Change> {
        let newcomers = self.steps.iter().filter(|(state, change)| {
            let has =
                state.association != Association::None && state.cert_id.as_ref() == Some(&change.cert_id);
            change.enabled.is_some() && !has
        });
        newcomers.map(|(_, change)| change)
    }

    /// The certificate that hostnames are added to, if any are.
    pub fn grows(&self) -> Option<&CertId> {
        self.newcomers().next().map(|change| &change.cert_id)
    }

    /// Counts the associations that the growing certificate would have; `associated` are the hostnames that it has.
    ///
    /// # Errors
    /// Where there would be too many.
    pub fn check_cap<'a>(&self, associated: impl IntoIterator<Item = &'a Hostname>) -> Result<(), Refusal> {
        let Some(cert_id) = self.grows() else { return Ok(()) };
        let newcomers: BTreeSet<_> = self.newcomers().map(|change| &change.hostname).collect();
        let present: BTreeSet<_> = associated.into_iter().collect();
        let (present, added) = (present.difference(&newcomers).count(), newcomers.len());
        let cert_id = cert_id.clone();
        if present + added > CAP { Err(Refusal::Cap { cert_id, present, added }) } else { Ok(()) }
    }
}

impl Wish {
    /// What has to be asked for, if anything.
    fn change(&self, hostname: &Hostname, state: &State) -> Result<Option<Change>, Refusal> {
        let (enabled, given) = match self {
            Self::Enabled(cert_id) => (Some(true), Some(cert_id)),
            Self::Disabled(given) => (Some(false), given.as_ref()),
            Self::Void(given) => (None, given.as_ref()),
        };
        if matches!(self, Self::Disabled(_)) && !state.exists() {
            return Err(Refusal::NoAssociation(hostname.clone(), state.clone()));
        }
        // also where nothing would change: it is not what was meant
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

    /// Whether it is as wished, or on its way there.
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
