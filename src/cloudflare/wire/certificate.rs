//! Certificates, in responses about a hostname and in lists.

use std::sync::Arc;

use super::object::Object;
use super::printable;
use crate::cloudflare::ListedCertificate;
use crate::cloudflare::interner::Interner;
use crate::domain::{Certificate, CertificateDetails, Pem, PemError, Status};

/// Reads a certificate of a list, or returns the text of its id if that is unreadable.
pub(in crate::cloudflare) fn listed(
    object: &mut Object<'_>,
    certificates: &Interner,
) -> Result<ListedCertificate, Box<str>> {
    let id = object.named("id").ok_or_else(|| identity(object, "id"))?;
    let status = object.text("status").map(|status| Status::from_api(&status));
    let uploaded_on = object.date("uploaded_on");
    let certificate = certificate(object, "id", certificates).ok_or_else(|| identity(object, "id"))?;
    Ok(ListedCertificate { id, status, uploaded_on, certificate })
}

/// Returns the certificate that an object describes, shared with all objects of the same description. None if
/// it describes none.
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

/// Returns the JSON text in the field that identifies an object.
pub(super) fn identity(object: &mut Object<'_>, name: &'static str) -> Box<str> {
    object.raw(name).map_or_else(|| format!("no {name}").into(), |raw| printable(raw.get()))
}

/// Cuts a server's text to the length that pages show.
fn shortened(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(256)].into()
}
