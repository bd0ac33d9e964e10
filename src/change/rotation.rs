//! A rotation: another certificate takes the place of the old one, for all that use it.
//!
//! It is a plan made anew from what the API says before every step. So it can be interrupted anywhere, and goes on
//! where it was.

mod run;
mod store;

use crate::cloudflare::{Change, ListedCertificate};
use crate::domain::{Association, CertId, Hostname, Level, Pem, Status};

use super::{CAP, State};
pub use run::{Halt, Progress, Rotator};
pub use store::{Store, read_store};

/// The most hostname certificates that Cloudflare allows a zone.
const MOST_CERTIFICATES: usize = 10;

/// What to rotate.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The store.
    pub level: Level,
    /// The certificate that is replaced.
    pub old: CertId,
    /// True to delete it at the end.
    pub delete_old: bool,
}

/// The certificate that takes its place.
#[derive(Clone, Copy, Debug)]
pub enum New<'a> {
    /// One to upload, unless it is there already.
    Pair(&'a Pem),
    /// One that is there.
    Id(&'a CertId),
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To upload the new certificate.
    Upload,
    /// To wait until it is active.
    AwaitCertificate,
    /// To associate all hostnames with it.
    Associate,
    /// To wait until they are active on it.
    AwaitHostnames,
    /// To wait until associations that were made void no longer use the old one.
    AwaitVoid,
    /// To delete the old one.
    Delete,
    /// Nothing.
    Done,
}

/// What has become of the old certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// It is there.
    Present,
    /// It is deleted, or being deleted.
    Gone,
}

/// The new certificate as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: CertId,
    /// True if it is active.
    pub is_active: bool,
}

/// How far a rotation is, and what is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationPlan {
    /// The new certificate, once it is uploaded.
    pub new: Option<Known>,
    /// The hostnames to associate with it, each enabled or disabled as it is now.
    pub moves: Vec<(Hostname, State)>,
    /// Those that are associated with it and not in force yet.
    pub pending: Vec<Hostname>,
    /// Those that are in force.
    pub done: Vec<Hostname>,
    /// Those whose void association still uses the old one.
    pub void: Vec<Hostname>,
    /// The old certificate.
    pub old: Old,
    /// True to delete it.
    pub delete_old: bool,
}

/// Why a certificate is not rotated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// There is no such certificate.
    #[error("the zone has no {level} certificate {id}: \"certificate list\" shows those that it has", level = .0.label(), id = .1)]
    NoCertificate(Level, CertId),
    /// The old one was deleted, and the new one is not there.
    #[error("certificate {0} is deleted: \"certificate list\" shows those that can be replaced")]
    Deleted(CertId),
    /// Both are the same.
    #[error("the new certificate is the old one, {0}: it has the same serial number and issuer")]
    Same(CertId),
    /// The new one is being deleted.
    #[error(
        "certificate {0}, which is the new one, is being deleted: issue another one, or wait until it is gone"
    )]
    BeingDeleted(CertId),
    /// The deployment of the new one timed out at Cloudflare.
    #[error("Cloudflare gave up deploying certificate {0}: delete it, and upload it again")]
    GivenUp(CertId),
    /// The store is full.
    #[error(
        "the zone has {MOST_CERTIFICATES} hostname certificates, which is the most that Cloudflare allows: delete one that \
         no hostname uses first{}", unused(.0)
    )]
    Full(Vec<CertId>),
    /// The new one would have too many associations.
    #[error("certificate {0} would have {1} associations, and Cloudflare allows {CAP}")]
    Cap(CertId, usize),
}

fn unused(ids: &[CertId]) -> String {
    let ids: Vec<_> = ids.iter().map(CertId::as_str).collect();
    if ids.is_empty() { String::new() } else { format!(", such as {}", ids.join(" or ")) }
}

impl Rotation {
    /// Plans what is left to do in a zone whose store is `store`.
    ///
    /// # Errors
    /// Fails if the rotation cannot come to its end.
    pub fn plan(&self, new: New<'_>, store: &Store) -> Result<RotationPlan, RotationRefusal> {
        let found = match new {
            New::Pair(pem) => store.twin_of(pem),
            New::Id(id) => {
                let found = store.certificate(id);
                Some(found.ok_or_else(|| RotationRefusal::NoCertificate(self.level, id.clone()))?)
            }
        };
        let old = match store.certificate(&self.old) {
            None => return Err(RotationRefusal::NoCertificate(self.level, self.old.clone())),
            Some(old) if old.is_gone() => Old::Gone,
            Some(_) => Old::Present,
        };
        match found.map(|found| (&found.id, found.status)) {
            Some((id, _)) if *id == self.old => return Err(RotationRefusal::Same(id.clone())),
            Some((id, Some(Status::Deleted | Status::PendingDeletion | Status::DeletionTimedOut))) => {
                return Err(RotationRefusal::BeingDeleted(id.clone()));
            }
            Some((id, Some(Status::DeploymentTimedOut))) => {
                return Err(RotationRefusal::GivenUp(id.clone()));
            }
            None if old == Old::Gone => return Err(RotationRefusal::Deleted(self.old.clone())),
            None => store.check_room(self.level)?,
            Some(_) => {}
        }
        let plan =
            RotationPlan { old, delete_old: self.delete_old, ..RotationPlan::of(&self.old, found, store) };
        plan.check_cap(found.map(|found| &found.id), store)?;
        Ok(plan)
    }
}

impl RotationPlan {
    fn of(old: &CertId, new: Option<&ListedCertificate>, store: &Store) -> Self {
        let known = new.map(|new| Known { id: new.id.clone(), is_active: new.is_active() });
        let mut plan = Self {
            new: known,
            moves: Vec::new(),
            pending: Vec::new(),
            done: Vec::new(),
            void: Vec::new(),
            old: Old::Present,
            delete_old: false,
        };
        for (hostname, state) in &store.hostnames {
            let on = |id: &CertId| state.cert_id.as_ref() == Some(id);
            let is_void =
                state.association == Association::Void || state.status == Some(Status::PendingDeletion);
            let is_new = new.is_some_and(|new| on(&new.id));
            match state.status {
                _ if is_void && on(old) => plan.void.push(hostname.clone()),
                _ if is_void => {}
                // it asks for a new deployment
                Some(Status::DeploymentTimedOut) if is_new => {
                    plan.moves.push((hostname.clone(), state.clone()));
                }
                None | Some(Status::Active) if is_new => plan.done.push(hostname.clone()),
                _ if is_new => plan.pending.push(hostname.clone()),
                _ if on(old) => plan.moves.push((hostname.clone(), state.clone())),
                _ => {}
            }
        }
        plan
    }

    fn check_cap(&self, new: Option<&CertId>, store: &Store) -> Result<(), RotationRefusal> {
        let Some(new) = new else { return Ok(()) };
        let present = store.users(new).count();
        let added = self.moves.iter().filter(|(_, state)| state.cert_id.as_ref() != Some(new)).count();
        let all = present + added;
        if added > 0 && all > CAP { Err(RotationRefusal::Cap(new.clone(), all)) } else { Ok(()) }
    }

    /// The next step.
    pub fn step(&self) -> Step {
        match &self.new {
            None => Step::Upload,
            Some(new) if !new.is_active => Step::AwaitCertificate,
            Some(_) if !self.moves.is_empty() => Step::Associate,
            Some(_) if !self.pending.is_empty() => Step::AwaitHostnames,
            Some(_) if !self.delete_old || self.old == Old::Gone => Step::Done,
            Some(_) if !self.void.is_empty() => Step::AwaitVoid,
            Some(_) => Step::Delete,
        }
    }

    /// All hostnames to associate with `new`, in one request.
    pub fn changes(&self, new: &CertId) -> Vec<Change> {
        let changes = self.moves.iter().map(|(hostname, state)| Change {
            hostname: hostname.clone(),
            cert_id: new.clone(),
            enabled: Some(state.association == Association::Enabled),
        });
        changes.collect()
    }
}

#[cfg(test)]
mod tests;
