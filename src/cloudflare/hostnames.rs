//! Associations of hostnames.

use std::cmp::Reverse;

use tokio::time::Instant;

use super::transport::{Decoded, Request};
use super::wire::{Changes, Envelope, HostnameObject};
use super::{Client, Error};
use crate::domain::{Association, CertId, Date, Hostname, Reading, Status, ZoneId};
use crate::telemetry::Endpoint;

/// Cloudflare's code for "there is no association for this hostname", which is an answer.
const NO_ASSOCIATION: i64 = 1553;

/// What one association shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose association.
    pub hostname: Hostname,
    /// The certificate that it is with; for a void one that which it was with.
    pub cert_id: CertId,
    /// Whether the certificate is presented; none makes the association void.
    pub enabled: Option<bool>,
}

impl Client {
    /// What is associated with `hostname`
    /// (`GET /zones/{zone_id}/origin_tls_client_auth/hostnames/{hostname}`).
    ///
    /// # Errors
    /// Where Cloudflare gives no answer about this hostname before `deadline`.
    pub async fn hostname(
        &self,
        zone: ZoneId,
        hostname: &Hostname,
        deadline: Instant,
    ) -> Result<Reading, Error> {
        let url = self.url(&format!("zones/{zone}/origin_tls_client_auth/hostnames/{hostname}"))?;
        let decode = |body: &[u8]| self.decode_hostname(hostname, body);
        match self.get(Endpoint::HostnameGet, url, deadline, decode).await {
            Ok((reading, _)) => Ok(reading),
            Err(error) if error.is(404, NO_ASSOCIATION) => Ok(Reading::bare(Association::None, self.now())),
            Err(error) => Err(error),
        }
    }

    /// What the body of a response with status 200 says about `hostname`, whoever fetched it.
    ///
    /// # Errors
    /// Where it is no answer about this hostname.
    pub fn read_hostname(&self, hostname: &Hostname, body: &[u8]) -> Result<Reading, Error> {
        self.judge_success(self.decode_hostname(hostname, body))
    }

    fn decode_hostname(&self, hostname: &Hostname, body: &[u8]) -> Decoded<Reading> {
        let envelope: Envelope<HostnameObject<'_>> = serde_json::from_slice(body)?;
        Ok(envelope.map(|object| object.reading(hostname, self.now(), &self.certificates)))
    }

    /// Changes associations, all of them or none, and tells of each in their order what Cloudflare makes of it
    /// (`PUT /zones/{zone_id}/origin_tls_client_auth/hostnames`). None stands where the answer says nothing that can
    /// be trusted about a hostname: it is done all the same, and what is void may have vanished already.
    ///
    /// # Errors
    /// Where Cloudflare refuses, or gives no answer before `deadline`; then the change may have been made.
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
        let decode = |body: &[u8]| self.decode_changes(changes, body);
        let (readings, _) =
            self.call(Endpoint::HostnamePut, &Request::put(url, json), deadline, decode).await?;
        Ok(readings)
    }

    pub(super) fn decode_changes(&self, changes: &[Change], body: &[u8]) -> Decoded<Vec<Option<Reading>>> {
        let mut envelope: Envelope<Vec<HostnameObject<'_>>> = serde_json::from_slice(body)?;
        // a list of nothing may come as null
        envelope.result.get_or_insert_default();
        Ok(envelope.map(|objects| Ok(self.answered(changes, &objects))))
    }

    /// What `objects`, which may be of the whole zone and in any order, say of the hostnames that were changed.
    fn answered(&self, changes: &[Change], objects: &[HostnameObject<'_>]) -> Vec<Option<Reading>> {
        let answered = changes.iter().map(|Change { hostname, .. }| {
            let ours = objects.iter().filter(|object| object.names(hostname) == Some(true));
            let readings =
                ours.filter_map(|object| object.reading(hostname, self.now(), &self.certificates).ok());
            readings.min_by_key(rank)
        });
        answered.collect()
    }
}

/// Where one hostname has several rows, the lowest rank counts, as in a list; beside the association there may be
/// deleted ones that it had before.
fn rank(reading: &Reading) -> (bool, u8, Reverse<Option<Date>>) {
    let status = reading.status.unwrap_or(Status::Unknown);
    (reading.association == Association::None, status.precedence(), Reverse(reading.updated_at))
}
