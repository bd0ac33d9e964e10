//! Associations of hostnames.

use std::cmp::Reverse;
use std::collections::HashMap;

use tokio::time::Instant;

use super::associations::MOST_ROWS;
use super::interner::Interner;
use super::request::{Call, Request};
use super::response::Decoded;
use super::wire::{Changes, Envelope, Object, association, reading};
use super::{AssociationRow, Client, Error};
use crate::domain::{Association, CertId, Date, Hostname, Reading, Status, ZoneId};
use crate::telemetry::Endpoint;

/// Cloudflare's code for a hostname without an association. It counts as an answer.
const NO_ASSOCIATION: i64 = 1553;

/// A change of one association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The hostname.
    pub hostname: Hostname,
    /// The certificate to associate. To void the association, the current one.
    pub cert_id: CertId,
    /// True to present the certificate, false to disable it, none to void the association.
    pub enabled: Option<bool>,
}

impl Client {
    /// Reads the association of `hostname`
    /// (`GET /zones/{zone_id}/origin_tls_client_auth/hostnames/{hostname}`).
    ///
    /// # Errors
    /// Fails if Cloudflare does not answer about this hostname before `deadline`.
    pub async fn hostname(
        &self,
        zone: ZoneId,
        hostname: &Hostname,
        deadline: Instant,
    ) -> Result<Reading, Error> {
        let url = self.url(&format!("zones/{zone}/origin_tls_client_auth/hostnames/{hostname}"))?;
        let decode = |body: &[u8]| decode(hostname, self.now(), &self.certificates, body);
        let call = Call { endpoint: Endpoint::HostnameGet, zone: Some(zone), deadline };
        match self.get(call, url, decode).await {
            Ok((reading, _)) => Ok(reading),
            Err(error) if error.is(404, NO_ASSOCIATION) => Ok(Reading::bare(Association::None, self.now())),
            Err(error) => Err(error),
        }
    }

    /// Reads the body of a response with status 200 about `hostname`.
    ///
    /// # Errors
    /// Fails if it is not an answer about this hostname.
    pub fn read_hostname(&self, hostname: &Hostname, body: &[u8]) -> Result<Reading, Error> {
        self.judge_success(decode(hostname, self.now(), &self.certificates, body))
    }

    /// Changes all of these associations or none (`PUT /zones/{zone_id}/origin_tls_client_auth/hostnames`).
    /// Returns the new reading of each, in the order of `changes`. It is none if the response says nothing
    /// trustworthy about the hostname, which was changed nevertheless. A void association may already be
    /// gone.
    ///
    /// # Errors
    /// Fails if Cloudflare refuses or does not answer before `deadline`. In the latter case the change may
    /// have been made.
    pub async fn put_hostnames(
        &self,
        zone: ZoneId,
        changes: &[Change],
        deadline: Instant,
    ) -> Result<Vec<Option<Reading>>, Error> {
        let url = self.url(&format!("zones/{zone}/origin_tls_client_auth/hostnames"))?;
        let json = serde_json::to_vec(&Changes::new(changes));
        let json =
            json.map_err(|error| Error::Invalid { status: 0, what: error.to_string().into(), ray: None })?;
        let decode = |body: &[u8]| decode_changes(changes, self.now(), &self.certificates, body);
        let call = Call { endpoint: Endpoint::HostnamePut, zone: Some(zone), deadline };
        let (readings, _) = self.call(call, &Request::put(url, json), decode).await?;
        Ok(readings)
    }
}

/// Reads the response about a hostname.
fn decode(hostname: &Hostname, read_at: Date, certificates: &Interner, body: &[u8]) -> Decoded<Reading> {
    Ok(Envelope::parse(body)?.object(|object| reading(object, hostname, read_at, certificates)))
}

/// Reads the response to a change. It may contain all hostnames of the zone, in any order and more than once.
fn decode_changes(
    changes: &[Change],
    read_at: Date,
    certificates: &Interner,
    body: &[u8],
) -> Decoded<Vec<Option<Reading>>> {
    let mut best: HashMap<&Hostname, Option<(Rank, Object<'_>)>> =
        changes.iter().map(|change| (&change.hostname, None)).collect();
    let mut envelope = Envelope::parse(body)?.rows(MOST_ROWS, |object| {
        let row = association(object)?;
        if let Some((rank, best)) = rank(&row).zip(best.get_mut(&row.hostname))
            && best.as_ref().is_none_or(|(known, _)| rank < *known)
        {
            *best = Some((rank, object.clone()));
        }
        Ok(())
    });
    // an empty list may be null
    envelope.result.get_or_insert_with(|| Ok(Vec::new()));
    let answered = |change: &Change| {
        let (_, object) = best.get_mut(&change.hostname)?.as_mut()?;
        reading(object, &change.hostname, read_at, certificates).ok()
    };
    let readings = changes.iter().map(answered).collect();
    Ok(envelope.map(|rows| rows.map(|_| readings)))
}

/// The rank of a row among several rows of one hostname. As in a list, the lowest rank counts. There may be
/// rows of deleted associations besides the current one.
type Rank = (bool, u8, Reverse<Option<Date>>);

/// Returns the rank of a row, or none if the row cannot be trusted.
fn rank(row: &AssociationRow) -> Option<Rank> {
    let is_deleted = row.status == Some(Status::Deleted);
    let status = row.status.unwrap_or(Status::Unknown);
    let rank = (is_deleted, status.precedence(), Reverse(row.updated_at));
    (is_deleted || row.association.is_some()).then_some(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_start_of_an_endless_response_is_read() {
        let hostname: Hostname = "a.example.com".parse().unwrap();
        let change = Change { hostname, cert_id: "one".parse().unwrap(), enabled: Some(true) };
        let read = |rows| {
            let row = r#"{"hostname":"a.example.com","enabled":true}"#;
            let body = format!(r#"{{"success":true,"result":[{}{row}]}}"#, "{},".repeat(rows));
            let read_at = jiff::Timestamp::UNIX_EPOCH.into();
            let decoded =
                decode_changes(std::slice::from_ref(&change), read_at, &Interner::default(), body.as_bytes());
            decoded.unwrap().result.unwrap().unwrap().remove(0)
        };
        assert_eq!(read(MOST_ROWS - 1).unwrap().association, Association::Enabled);
        assert_eq!(read(MOST_ROWS), None);
    }
}
