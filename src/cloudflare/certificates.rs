//! The certificates of a zone, for single hostnames and for the whole zone, and the zone-level switch.

use std::sync::Arc;

use tokio::time::Instant;

use super::interner::Interner;
use super::pages::{PageRows, Paging};
use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, Object, listed, switch};
use super::{Client, Error};
use crate::domain::{CertId, Certificate, Date, Level, Status, ZoneCertificate, ZoneId};
use crate::telemetry::Endpoint;

/// A zone has few certificates: at most ten for single hostnames. Recorded responses have 50 per page. The
/// API's other lists have 20 by default, so a page with fewer is never full.
const PAGING: Paging = Paging { per_page: 50, shortest_full_page: 20, most_pages: 20 };

/// More rows than a page has. Each one takes some time to read.
const MOST_ROWS: usize = 500;

/// One certificate of a list.
#[derive(Clone, Debug)]
pub struct ListedCertificate {
    /// Its identifier.
    pub id: CertId,
    /// Its status.
    pub status: Option<Status>,
    /// When it was uploaded.
    pub uploaded_on: Option<Date>,
    /// The certificate itself.
    pub certificate: Arc<Certificate>,
}

impl ListedCertificate {
    /// Returns true if it is active.
    pub fn is_active(&self) -> bool {
        self.status == Some(Status::Active)
    }

    /// Returns true if it is deleted or being deleted.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, Some(Status::Deleted | Status::PendingDeletion))
    }

    /// Returns it as a certificate of the store of this level. The number of its hostnames is unknown.
    pub fn at(&self, level: Level) -> ZoneCertificate {
        ZoneCertificate {
            id: self.id.clone(),
            level,
            status: self.status,
            since: None,
            uploaded_on: self.uploaded_on,
            certificate: Arc::clone(&self.certificate),
            hostnames: None,
        }
    }
}

/// A list of certificates, as far as it could be read.
#[derive(Debug, Default)]
pub struct ListedCertificates {
    /// The certificates, without duplicates.
    pub rows: Vec<ListedCertificate>,
    /// True if the list is complete. It is incomplete if it changed while it was read.
    pub complete: bool,
    /// The number of pages.
    pub pages: u32,
}

/// Returns the path of a certificate store.
pub(super) fn store(zone: ZoneId, level: Level) -> String {
    match level {
        Level::Hostname => format!("zones/{zone}/origin_tls_client_auth/hostnames/certificates"),
        Level::Zone => format!("zones/{zone}/origin_tls_client_auth"),
    }
}

impl Client {
    /// Lists the certificates of a store.
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`.
    pub async fn certificates(
        &self,
        zone: ZoneId,
        level: Level,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        match level {
            Level::Hostname => self.hostname_certificates(zone, deadline).await,
            Level::Zone => self.zone_certificates(zone, deadline).await,
        }
    }

    /// Lists the certificates for single hostnames (`GET
    /// /zones/{zone_id}/origin_tls_client_auth/hostnames/certificates`).
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`.
    pub async fn hostname_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        let path = store(zone, Level::Hostname);
        let call = Call { endpoint: Endpoint::CertificateList, zone: Some(zone), deadline };
        self.certificates_at(call, &path).await
    }

    /// Lists the zone-level certificates (`GET /zones/{zone_id}/origin_tls_client_auth`).
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`.
    pub async fn zone_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        let path = store(zone, Level::Zone);
        let call = Call { endpoint: Endpoint::ZoneCertificateList, zone: Some(zone), deadline };
        self.certificates_at(call, &path).await
    }

    /// Reads the zone-level switch (`GET /zones/{zone_id}/origin_tls_client_auth/settings`).
    ///
    /// # Errors
    /// Fails if the response lacks it or does not arrive before `deadline`.
    pub async fn zone_level_enabled(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        let url = self.url(&format!("zones/{zone}/origin_tls_client_auth/settings"))?;
        let call = Call { endpoint: Endpoint::ZoneSettings, zone: Some(zone), deadline };
        let (enabled, _) = self.get(call, url, decode_switch).await?;
        Ok(enabled)
    }

    async fn certificates_at(&self, call: Call, path: &str) -> Result<ListedCertificates, Error> {
        // the first page is requested without parameters, in case the API accepts none
        let page_path = |page| if page == 1 { path.to_owned() } else { format!("{path}?page={page}") };
        let decode = |body: &[u8]| decode_page(&self.certificates, body);
        let pages = self.all_pages(call, PAGING, page_path, decode, |_| true).await?;
        Ok(pages.map_or_else(ListedCertificates::default, |pages| {
            let (complete, read) = (pages.is_complete(), pages.read());
            let mut rows: Vec<_> = pages.into_rows().into_values().collect();
            rows.sort_by(|a, b| a.id.cmp(&b.id));
            ListedCertificates { rows, complete, pages: read }
        }))
    }
}

/// Reads one page.
fn decode_page(certificates: &Interner, body: &[u8]) -> Decoded<PageRows<CertId, ListedCertificate>> {
    let row = |object: &mut Object<'_>| listed(object, certificates).map(|row| (row.id.clone(), row));
    Ok(Envelope::parse(body)?.rows(MOST_ROWS, row))
}

/// Reads the zone-level switch.
fn decode_switch(body: &[u8]) -> Decoded<bool> {
    Ok(Envelope::parse(body)?.object(switch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_start_of_an_endless_page_is_read() {
        let body = format!(r#"{{"success":true,"result":[{}{{}}]}}"#, "{},".repeat(1_400_000));
        let rows = decode_page(&Interner::default(), body.as_bytes()).unwrap().result.unwrap().unwrap();
        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows[MOST_ROWS].as_ref().unwrap_err().as_ref(), "all after the first 500");
    }
}
