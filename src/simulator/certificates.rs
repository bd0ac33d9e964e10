//! The two certificate stores of a zone: for single hostnames and for the whole zone.

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::answer::{Answer, Refusal};
use super::api::Call;
use super::certificate::Certificate;
use super::progress::{DELETED, PENDING_DELETION, PENDING_DEPLOYMENT, Progress};
use super::view::CertificateView;
use super::zone::Zone;
use super::zones::paged;
use crate::domain::{Level, Pem};

/// The maximum number of hostname certificates in a zone.
const CAP: usize = 10;

/// `GET` of a store: all certificates that are not deleted.
pub(super) fn list(zone: &Zone, level: Level, call: &Call<'_>) -> Result<Answer, Refusal> {
    let page = call.query.number("page", 1, 1, usize::MAX)?;
    let per_page = call.query.number("per_page", 50, 5, 50)?;
    let present = zone.store(level).present(call.now);
    Ok(paged(present, page, per_page, |certificate| CertificateView::new(certificate, call.now)))
}

/// `GET` of a certificate. Deleted ones can still be read.
pub(super) fn get(zone: &Zone, level: Level, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
    let store = zone.store(level);
    let certificate = index(zone, level, id).ok().and_then(|index| store.at(index)).ok_or(missing(level))?;
    Ok(Answer::result(CertificateView::new(certificate, call.now)))
}

#[derive(Deserialize)]
struct Upload {
    certificate: String,
    private_key: String,
}

/// `POST` of a certificate and its key.
pub(super) fn post(zone: &mut Zone, level: Level, call: &Call<'_>, caps: bool) -> Result<Answer, Refusal> {
    let upload: Upload = serde_json::from_slice(call.body).map_err(|_| Refusal::MALFORMED_BODY)?;
    let pem = Pem::parse(&upload.certificate).map_err(|_| Refusal::CERT_UNPARSABLE)?;
    PrivateKeyDer::from_pem_slice(upload.private_key.as_bytes()).map_err(|_| Refusal::CERT_UNPARSABLE)?;
    let same = |other: &Certificate| Pem::parse(&other.pem).is_ok_and(|other| other == pem);
    if zone.store(level).present(call.now).any(same) {
        return Err(Refusal::CERT_EXISTS);
    }
    if caps && level == Level::Hostname && zone.store(level).present(call.now).count() >= CAP {
        return Err(Refusal::bad_request("a zone has at most 10 hostname certificates"));
    }
    let identity = zone.next_identity(level);
    let progress = Progress::passing(PENDING_DEPLOYMENT, call.now, call.delay);
    let certificate = Certificate::uploaded(&upload.certificate, &pem, identity, progress, call.time);
    let id = certificate.id.clone();
    zone.store_mut(level).add(certificate);
    get(zone, level, id.as_str(), call)
}

/// `DELETE` of a certificate that nothing uses.
pub(super) fn delete(zone: &mut Zone, level: Level, id: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
    let index = index(zone, level, id)?;
    let present = zone.rows().iter().filter(|row| row.progress.at(call.now) != DELETED);
    let used = level == Level::Hostname && present.map(|row| row.certificate).any(|used| used == index);
    let certificate = zone.store_mut(level).at_mut(index).ok_or(missing(level))?;
    match certificate.progress.at(call.now) {
        DELETED => return Err(missing(level)),
        PENDING_DELETION => return Err(Refusal::CERT_PENDING_DELETION),
        _ if used => return Err(Refusal::CERT_IN_USE),
        PENDING_DEPLOYMENT => return Err(Refusal::CERT_PENDING_DEPLOYMENT),
        _ => {}
    }
    certificate.progress = Progress::passing(PENDING_DELETION, call.now, call.delay);
    certificate.updated_at = call.time;
    get(zone, level, id, call)
}

fn index(zone: &Zone, level: Level, id: &str) -> Result<usize, Refusal> {
    let id = id.parse().map_err(|_| missing(level))?;
    zone.store(level).index(&id).ok_or(missing(level))
}

const fn missing(level: Level) -> Refusal {
    match level {
        Level::Hostname => Refusal::NO_HOSTNAME_CERTIFICATE,
        Level::Zone => Refusal::NO_ZONE_CERTIFICATE,
    }
}
