//! Rotations, which replace a certificate with another one for all hostnames that use it.
//!
//! Before every step, the plan is made again from the state that the API shows. So a rotation can be interrupted at any
//! time and resumed.

mod run;
mod store;

use crate::cloudflare::{Change, ListedCertificate};
use crate::domain::{Association, CertId, Hostname, Level, Pem, Status};

use super::{CAP, State};
pub use run::{Halt, Progress, Rotator};
pub use store::{Store, read_store};

/// The maximum number of hostname certificates that Cloudflare allows for a zone.
const MAX_CERTIFICATES: usize = 10;

/// The certificate to rotate.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The store.
    pub level: Level,
    /// The certificate to replace.
    pub old: CertId,
    /// True to delete the old certificate at the end.
    pub delete_old: bool,
}

/// The certificate that replaces the old one.
#[derive(Clone, Copy, Debug)]
pub enum New<'a> {
    /// A certificate to upload, unless the store already has it.
    Pair(&'a Pem),
    /// A certificate that the store already has.
    Id(&'a CertId),
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Upload the new certificate.
    Upload,
    /// Wait until it is active.
    AwaitCertificate,
    /// Associate all hostnames with it.
    Associate,
    /// Wait until they are active with it.
    AwaitHostnames,
    /// Wait until void associations no longer use the old certificate.
    AwaitVoid,
    /// Delete the old certificate.
    Delete,
    /// Nothing.
    Done,
}

/// The state of the old certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// Not deleted.
    Present,
    /// Deleted, or being deleted.
    Gone,
}

/// The state of the new certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The id of the new certificate.
    pub id: CertId,
    /// True if it is active.
    pub is_active: bool,
}

/// The progress of a rotation, and what is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationPlan {
    /// The new certificate, once it is uploaded.
    pub new: Option<Known>,
    /// The hostnames to associate with it. Each stays enabled or disabled.
    pub moves: Vec<(Hostname, State)>,
    /// The hostnames whose association with it is not in force yet.
    pub pending: Vec<Hostname>,
    /// The hostnames whose association with it is in force.
    pub done: Vec<Hostname>,
    /// The hostnames whose void association still uses the old certificate.
    pub void: Vec<Hostname>,
    /// The old certificate.
    pub old: Old,
    /// True to delete the old certificate.
    pub delete_old: bool,
}

/// The reason why a certificate is not rotated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// There is no such certificate.
    #[error("the zone has no {level} certificate {id}: \"certificate list\" shows its certificates", level = .0.label(), id = .1)]
    NoCertificate(Level, CertId),
    /// The old certificate was deleted, and the new one does not exist.
    #[error("certificate {0} is deleted: \"certificate list\" shows those that can be replaced")]
    Deleted(CertId),
    /// Both certificates are the same.
    #[error("the new certificate is the old one, {0}: it has the same serial number and issuer")]
    Same(CertId),
    /// The new certificate is being deleted.
    #[error(
        "certificate {0}, which is the new one, is being deleted: issue another one, or wait until it is gone"
    )]
    BeingDeleted(CertId),
    /// The deployment of the new certificate timed out at Cloudflare.
    #[error("Cloudflare gave up deploying certificate {0}: delete it, and upload it again")]
    GivenUp(CertId),
    /// The store is full.
    #[error(
        "the zone has {MAX_CERTIFICATES} hostname certificates, which is the most that Cloudflare allows: delete one that \
         no hostname uses first{}", unused(.0)
    )]
    Full(Vec<CertId>),
    /// The new certificate would have too many associations.
    #[error("certificate {0} would have {1} associations, and Cloudflare allows {CAP}")]
    Cap(CertId, usize),
    /// The certificate to upload would have too many associations.
    #[error("the new certificate would have {0} associations, and Cloudflare allows {CAP}")]
    TooMany(usize),
}

fn unused(ids: &[CertId]) -> String {
    let ids: Vec<_> = ids.iter().map(CertId::as_str).collect();
    if ids.is_empty() { String::new() } else { format!(", such as {}", ids.join(" or ")) }
}

impl Rotation {
    /// Plans what is left to do in a zone with this store.
    ///
    /// # Errors
    /// Fails if the rotation cannot be completed.
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
            None if old == Old::Gone && !self.is_in_use(store) => {
                return Err(RotationRefusal::Deleted(self.old.clone()));
            }
            None => store.check_room(self.level)?,
            Some(_) => {}
        }
        let plan =
            RotationPlan { old, delete_old: self.delete_old, ..RotationPlan::of(&self.old, found, store) };
        plan.check_cap(found.map(|found| &found.id), store)?;
        Ok(plan)
    }

    /// Returns true if the old certificate, which is deleted or being deleted, may still be presented.
    fn is_in_use(&self, store: &Store) -> bool {
        match self.level {
            Level::Hostname => store.users(&self.old).next().is_some(),
            Level::Zone => {
                let old = store.certificate(&self.old);
                old.is_some_and(|old| old.status == Some(Status::PendingDeletion))
            }
        }
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
                // the association must be requested again
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
        let Some(new) = new else {
            let all = self.moves.len();
            return if all > CAP { Err(RotationRefusal::TooMany(all)) } else { Ok(()) };
        };
        let present = store.users(new).count();
        let added = self.moves.iter().filter(|(_, state)| state.cert_id.as_ref() != Some(new)).count();
        let all = present + added;
        if added > 0 && all > CAP { Err(RotationRefusal::Cap(new.clone(), all)) } else { Ok(()) }
    }

    /// Returns the next step.
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

    /// Returns true if hostnames that were not shown use the old certificate, or if one that was shown uses neither
    /// certificate.
    fn is_other(&self, shown: &[(Hostname, State)], old: &CertId) -> bool {
        let is_shown = |(hostname, state): &(Hostname, State)| {
            let mut same = shown.iter().filter(|(known, _)| known == hostname);
            same.any(|(_, known)| known.association == state.association)
        };
        let mut of_old = self.moves.iter().filter(|(_, state)| state.cert_id.as_ref() == Some(old));
        of_old.any(|known| !is_shown(known)) || shown.iter().any(|(hostname, _)| !self.covers(hostname))
    }

    /// Returns true if the hostname uses the new certificate or will be associated with it.
    fn covers(&self, hostname: &Hostname) -> bool {
        let moves = self.moves.iter().map(|(hostname, _)| hostname);
        moves.chain(&self.pending).chain(&self.done).any(|known| known == hostname)
    }

    /// Applies a step whose request succeeded or may have succeeded.
    fn taken(&mut self, step: Step, uploaded: Option<&ListedCertificate>) {
        match (step, uploaded) {
            (Step::Upload, Some(new)) => {
                self.new = Some(Known { id: new.id.clone(), is_active: new.is_active() });
            }
            (Step::Associate, _) => self.pending.extend(self.moves.drain(..).map(|(hostname, _)| hostname)),
            _ => {}
        }
    }

    /// Returns the changes of one request, which associates all hostnames with `new`.
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
