//! The certificates of a zone, for single hostnames and for the whole of it, and the zone-level switch.

use std::sync::Arc;

use tokio::time::Instant;

use super::transport::Decoded;
use super::wire::{CertificateObject, Envelope, Settings};
use super::{Client, Error};
use crate::domain::{CertId, Certificate, Date, Status, ZoneId};
use crate::telemetry::Endpoint;

/// One certificate of a list.
#[derive(Clone, Debug)]
pub struct ListedCertificate {
    /// Its identifier.
    pub id: CertId,
    /// Its status.
    pub status: Option<Status>,
    /// When it was uploaded.
    pub uploaded_on: Option<Date>,
    /// What is known of it.
    pub certificate: Arc<Certificate>,
}

/// What a list of certificates had.
#[derive(Debug)]
pub struct ListedCertificates {
    /// Those that can be trusted.
    pub rows: Vec<ListedCertificate>,
    /// Whether these are all that it had.
    pub complete: bool,
}

impl Client {
    /// The certificates for single hostnames (`GET /zones/{zone_id}/origin_tls_client_auth/hostnames/certificates`).
    ///
    /// # Errors
    /// Where the list cannot be read before `deadline`.
    pub async fn hostname_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        let path = format!("zones/{zone}/origin_tls_client_auth/hostnames/certificates");
        self.certificates_at(Endpoint::CertificateList, &path, deadline).await
    }

    /// The zone-level certificates (`GET /zones/{zone_id}/origin_tls_client_auth`).
    ///
    /// # Errors
    /// Where the list cannot be read before `deadline`.
    pub async fn zone_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        let path = format!("zones/{zone}/origin_tls_client_auth");
        self.certificates_at(Endpoint::ZoneCertificateList, &path, deadline).await
    }

    /// Whether the zone-level switch is on (`GET /zones/{zone_id}/origin_tls_client_auth/settings`).
    ///
    /// # Errors
    /// Where the answer does not say, or does not come before `deadline`.
    pub async fn zone_level_enabled(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        let url = self.url(&format!("zones/{zone}/origin_tls_client_auth/settings"))?;
        let (enabled, _) = self.get(Endpoint::ZoneSettings, url, deadline, decode_switch).await?;
        Ok(enabled)
    }

    async fn certificates_at(
        &self,
        endpoint: Endpoint,
        path: &str,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        let decode = |body: &[u8]| self.decode_certificates(body);
        let (certificates, _) = self.get(endpoint, self.url(path)?, deadline, decode).await?;
        Ok(certificates)
    }

    /// A list of certificates.
    pub(super) fn decode_certificates(&self, body: &[u8]) -> Decoded<ListedCertificates> {
        let envelope: Envelope<Vec<CertificateObject<'_>>> = serde_json::from_slice(body)?;
        Ok(envelope.listed().map(|objects| {
            let rows = objects.iter().filter_map(|object| object.listed(&self.certificates));
            let rows: Vec<_> = rows.collect();
            Ok(ListedCertificates { complete: rows.len() == objects.len(), rows })
        }))
    }
}

/// Whether the zone-level switch is on.
pub(super) fn decode_switch(body: &[u8]) -> Decoded<bool> {
    let envelope: Envelope<Settings> = serde_json::from_slice(body)?;
    Ok(envelope.map(|settings| settings.enabled.ok_or_else(|| "it lacks the key enabled".to_owned())))
}
