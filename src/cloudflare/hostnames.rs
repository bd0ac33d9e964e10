//! Associations of hostnames.

use tokio::time::Instant;

use super::transport::Decoded;
use super::wire::{Envelope, HostnameObject};
use super::{Client, Error};
use crate::domain::{Association, Hostname, Reading, ZoneId};
use crate::telemetry::Endpoint;

/// Cloudflare's code for "there is no association for this hostname", which is an answer.
const NO_ASSOCIATION: i64 = 1553;

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
        match self.get(Endpoint::HostnameGet, &url, deadline, decode).await {
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
}
