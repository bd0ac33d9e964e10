//! Certificates, in an answer about a hostname and in lists.

use std::sync::Arc;

use super::object::Object;
use super::printable;
use crate::cloudflare::ListedCertificate;
use crate::cloudflare::interner::Interner;
use crate::domain::{Certificate, CertificateDetails, Pem, PemError, Status};

/// A certificate of a list, or what it says of its id where that cannot be read.
pub(in crate::cloudflare) fn listed(
    object: &mut Object<'_>,
    certificates: &Interner,
) -> Result<ListedCertificate, Box<str>> {
    let id = object.named("id").ok_or_else(|| said(object, "id"))?;
    let status = object.text("status").map(|status| Status::from_api(&status));
    let uploaded_on = object.date("uploaded_on");
    let certificate = certificate(object, "id", certificates).ok_or_else(|| said(object, "id"))?;
    Ok(ListedCertificate { id, status, uploaded_on, certificate })
}

/// The certificate that an object describes, shared with all that are described alike; none where nothing does.
pub(super) fn certificate(
    object: &mut Object<'_>,
    id: &'static str,
    certificates: &Interner,
) -> Option<Arc<Certificate>> {
    let [issuer, signature, pem, expires] =
        ["issuer", "signature", "certificate", "expires_on"].map(|name| object.text(name));
    let (serial_number, id_text) = (object.integer("serial_number"), object.text(id));
    let parts = [&id_text, &issuer, &serial_number, &signature, &pem, &expires].map(Option::as_deref);
    if parts.iter().all(Option::is_none) {
        return None;
    }
    let details = CertificateDetails {
        id: object.named(id),
        issuer: issuer.as_deref().map(shortened),
        serial_number: serial_number.as_deref().map(shortened),
        signature: signature.as_deref().map(shortened),
        expires_on: object.date("expires_on"),
    };
    let make = || {
        let id = details.id.clone();
        let report = |error: &PemError| {
            if certificates.is_news(id.as_ref()) {
                tracing::warn!(?id, %error, "the PEM of a certificate cannot be read");
            }
        };
        let pem = pem.as_deref().and_then(|pem| Pem::parse(pem).inspect_err(report).ok());
        Certificate::new(details, pem)
    };
    Some(certificates.intern(&parts, make))
}

/// What an object says where its identity should be.
pub(super) fn said(object: &mut Object<'_>, name: &'static str) -> Box<str> {
    object.raw(name).map_or_else(|| format!("no {name}").into(), |raw| printable(raw.get()))
}

/// A server's words as they are kept: no page shows more of them.
fn shortened(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(256)].into()
}
