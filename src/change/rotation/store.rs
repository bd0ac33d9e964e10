//! A store of certificates and the hostnames that use them, as read from the API.

use tokio::time::Instant;

use super::{MAX_CERTIFICATES, RotationRefusal};
use crate::change::State;
use crate::cloudflare::{AssociationRow, Client, Error, ListedCertificate};
use crate::domain::{Association, CertId, Hostname, Level, Pem, Status, ZoneId};

/// A store of certificates. The hostname store includes all associations.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The certificates that are not deleted, and any deleted one that was asked for.
    pub certificates: Vec<ListedCertificate>,
    /// The hostnames that have an association.
    pub hostnames: Vec<(Hostname, State)>,
}

impl Store {
    /// Returns the certificate with this id.
    pub fn certificate(&self, id: &CertId) -> Option<&ListedCertificate> {
        self.certificates.iter().find(|known| known.id == *id)
    }

    /// Returns the certificate with the same serial number and issuer, unless it is deleted.
    pub fn twin_of(&self, pem: &Pem) -> Option<&ListedCertificate> {
        let present = self.certificates.iter().filter(|known| known.status != Some(Status::Deleted));
        present.into_iter().find(|known| known.certificate.is_twin_of(pem))
    }

    /// Checks that the store can take one more certificate.
    ///
    /// # Errors
    /// Fails if the store is full.
    pub fn check_room(&self, level: Level) -> Result<(), RotationRefusal> {
        let present = || self.certificates.iter().filter(|known| known.status != Some(Status::Deleted));
        if level == Level::Zone || present().count() < MAX_CERTIFICATES {
            return Ok(());
        }
        let is_used = |id: &CertId| self.users(id).next().is_some();
        let unused = present().filter(|known| known.is_active() && !is_used(&known.id));
        Err(RotationRefusal::Full(unused.map(|known| known.id.clone()).collect()))
    }

    /// Returns the hostnames whose association uses this certificate.
    pub fn users(&self, id: &CertId) -> impl Iterator<Item = &(Hostname, State)> {
        self.hostnames.iter().filter(move |(_, state)| state.cert_id.as_ref() == Some(id))
    }
}

/// Reads a store. Includes the certificates `wanted` even if they are deleted.
///
/// # Errors
/// Fails with the name of what could not be read, and the error.
pub async fn read_store(
    client: &Client,
    zone: ZoneId,
    level: Level,
    wanted: &[&CertId],
    deadline: impl Fn() -> Instant,
) -> Result<Store, (&'static str, Error)> {
    let certificates = client.certificates(zone, level, deadline()).await;
    let certificates = certificates.map_err(|error| ("list of certificates", error))?;
    if !certificates.complete {
        return Err(("list of certificates", incomplete()));
    }
    let mut store = Store { certificates: certificates.rows, hostnames: Vec::new() };
    for id in wanted.iter().filter(|id| store.certificate(id).is_none()).collect::<Vec<_>>() {
        let found = client.certificate(zone, level, id, deadline()).await;
        store.certificates.extend(found.map_err(|error| ("certificate", error))?);
    }
    if level == Level::Hostname {
        store.hostnames = hostnames(client, zone, &deadline).await?;
    }
    Ok(store)
}

/// Returns the error of a list that must be read again.
fn incomplete() -> Error {
    let what = "the list changed while it was read";
    Error::Invalid { status: 200, what: what.into(), ray: None }
}

async fn hostnames(
    client: &Client,
    zone: ZoneId,
    deadline: &impl Fn() -> Instant,
) -> Result<Vec<(Hostname, State)>, (&'static str, Error)> {
    let listed = client.associations(zone, deadline(), |_| true).await;
    let listed = listed.map_err(|error| ("list of associations", error))?.unwrap_or_default();
    if !listed.complete {
        return Err(("list of associations", incomplete()));
    }
    let (pages, mut hostnames) = (listed.pages, Vec::new());
    for (hostname, rows) in listed.by_hostname() {
        let state = match state(&rows) {
            Some(state) if pages == 1 || rows.len() == 1 => state,
            _ => {
                let reading = client.hostname(zone, &hostname, deadline()).await;
                State::from(&reading.map_err(|error| ("association", error))?)
            }
        };
        hostnames.push((hostname, state));
    }
    Ok(hostnames)
}

/// Returns the state of a hostname from its row that is furthest in deployment; `None` if that row lacks a field.
fn state(rows: &[AssociationRow]) -> Option<State> {
    let row = rows.iter().min_by(|a, b| a.rank().cmp(&b.rank()))?;
    let association = row.association?;
    (row.cert_id.is_some() || association == Association::Void).then(|| State {
        association,
        status: row.status,
        cert_id: row.cert_id.clone(),
    })
}
