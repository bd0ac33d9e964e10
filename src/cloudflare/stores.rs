//! Single certificates in a zone's two stores: reads, adds and deletes them.

use tokio::time::Instant;

use super::certificates::store;
use super::request::{Call, Request};
use super::response::Decoded;
use super::wire::{Envelope, listed, upload};
use super::{Client, Error, ListedCertificate};
use crate::domain::{CertId, Level, ZoneId};
use crate::keypair::{KeyPair, PrivateKey};
use crate::telemetry::Endpoint;

/// Cloudflare's code for a certificate that the zone already has.
const EXISTS: i64 = 1406;

/// Cloudflare's codes for an unknown certificate in each of the two stores.
const MISSING: [i64; 2] = [1551, 1552];

impl Client {
    /// Redacts `key` in all further responses. Only the first key is guarded.
    pub fn guard(&self, key: &PrivateKey) {
        let _ = self.key.set(key.clone());
    }

    /// Reads a certificate, even a deleted one (`GET …/{certificate_id}`). None if the store has no
    /// certificate with this id.
    ///
    /// # Errors
    /// Fails if Cloudflare does not answer before `deadline`.
    pub async fn certificate(
        &self,
        zone: ZoneId,
        level: Level,
        id: &CertId,
        deadline: Instant,
    ) -> Result<Option<ListedCertificate>, Error> {
        let url = self.url(&format!("{}/{id}", store(zone, level)))?;
        let call = Call { endpoint: Endpoint::CertificateGet, zone: Some(zone), deadline };
        match self.get(call, url, |body| self.decode(body)).await {
            Ok((certificate, _)) => Ok(Some(certificate)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds a certificate (`POST` of a store). The request is never repeated if that could add the
    /// certificate twice. After an error for which
    /// [`Error::may_have_succeeded`] returns true, the certificate may have been added.
    ///
    /// # Errors
    /// Fails if Cloudflare refuses it or does not answer before `deadline`.
    pub async fn upload(
        &self,
        zone: ZoneId,
        level: Level,
        pair: &KeyPair,
        deadline: Instant,
    ) -> Result<ListedCertificate, Error> {
        self.guard(pair.key());
        let json = upload(pair.pem(), pair.key().expose());
        let json =
            json.map_err(|error| Error::Invalid { status: 0, what: error.to_string().into(), ray: None })?;
        let request = Request::post(self.url(&store(zone, level))?, json);
        let call = Call { endpoint: Endpoint::CertificatePost, zone: Some(zone), deadline };
        let (certificate, _) = self.call(call, &request, |body| self.decode(body)).await?;
        Ok(certificate)
    }

    /// Deletes a certificate (`DELETE …/{certificate_id}`).
    ///
    /// # Errors
    /// Fails if Cloudflare refuses, for example because the certificate is in use, or does not answer before
    /// `deadline`.
    pub async fn delete_certificate(
        &self,
        zone: ZoneId,
        level: Level,
        id: &CertId,
        deadline: Instant,
    ) -> Result<(), Error> {
        let request = Request::delete(self.url(&format!("{}/{id}", store(zone, level)))?);
        let call = Call { endpoint: Endpoint::CertificateDelete, zone: Some(zone), deadline };
        // the result is not needed, so it may be anything
        let decode = |body: &[u8]| {
            let mut envelope = Envelope::parse(body)?.map(|_| Ok(()));
            envelope.result.get_or_insert(Ok(()));
            Ok(envelope)
        };
        self.call(call, &request, decode).await.map(|_| ())
    }

    fn decode(&self, body: &[u8]) -> Decoded<ListedCertificate> {
        Ok(Envelope::parse(body)?.object(|object| {
            listed(object, &self.certificates).map_err(|id| format!("it describes no certificate: {id}"))
        }))
    }
}

impl Error {
    /// Returns true if the zone already has the certificate.
    pub fn is_of_twin(&self) -> bool {
        self.has_code(EXISTS)
    }

    /// Returns true if the store has no such certificate.
    pub fn is_missing(&self) -> bool {
        MISSING.iter().any(|code| self.is(404, *code))
    }

    /// Returns true if another change of the zone was in progress, or the certificate was not ready for the
    /// change.
    pub fn is_conflict(&self) -> bool {
        /// The certificate is being deleted, is in use, or is being deployed.
        const BUSY: [i64; 3] = [1414, 1433, 1434];
        matches!(self, Self::Api { status: 409, .. }) || BUSY.iter().any(|code| self.has_code(*code))
    }
}
