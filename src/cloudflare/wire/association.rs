//! Associations, in responses about a hostname and in lists.

use super::certificate::{certificate, identity};
use super::object::Object;
use crate::cloudflare::AssociationRow;
use crate::cloudflare::interner::Interner;
use crate::domain::{Association, Date, Hostname, Reading, Status};

/// Returns true if the object is about `hostname`, or none if it does not say.
fn names(object: &mut Object<'_>, hostname: &Hostname) -> Option<bool> {
    let named = object.text("hostname");
    let is_it = |named: &str| {
        named == hostname.as_str() || named.parse().is_ok_and(|named: Hostname| named == *hostname)
    };
    named.map(|named| is_it(&named)).or_else(|| object.is_odd("hostname").then_some(false))
}

/// Reads the association of `hostname`, or returns why the object cannot be trusted.
pub(in crate::cloudflare) fn reading(
    object: &mut Object<'_>,
    hostname: &Hostname,
    read_at: Date,
    certificates: &Interner,
) -> Result<Reading, String> {
    if names(object, hostname) == Some(false) {
        return Err("the response is about another hostname".to_owned());
    }
    let status = status(object, "status");
    if status == Some(Status::Deleted) {
        return Ok(Reading::bare(Association::None, read_at));
    }
    let association = presented(object).ok_or_else(|| match object.is_odd("enabled") {
        true => "the field enabled is neither true, false nor null".to_owned(),
        false => "the field enabled is missing".to_owned(),
    })?;
    Ok(Reading {
        status,
        certificate_status: self::status(object, "cert_status"),
        certificate: certificate(object, "cert_id", certificates),
        created_at: object.date("created_at"),
        updated_at: object.date("updated_at"),
        certificate_uploaded_on: object.date("cert_uploaded_on"),
        certificate_updated_at: object.date("cert_updated_at"),
        ..Reading::bare(association, read_at)
    })
}

/// Reads a row of a list, or returns the text of its hostname if that is unreadable.
pub(in crate::cloudflare) fn association(object: &mut Object<'_>) -> Result<AssociationRow, Box<str>> {
    Ok(AssociationRow {
        hostname: object.named("hostname").ok_or_else(|| identity(object, "hostname"))?,
        cert_id: object.named("cert_id"),
        association: presented(object),
        status: status(object, "status"),
        created_at: object.date("created_at"),
        updated_at: object.date("updated_at"),
    })
}

fn status(object: &mut Object<'_>, name: &'static str) -> Option<Status> {
    object.text(name).map(|status| Status::from_api(&status))
}

/// Returns the association that the field `enabled` means. Null makes it void.
fn presented(object: &mut Object<'_>) -> Option<Association> {
    object.flag("enabled").map(|enabled| match enabled {
        Some(true) => Association::Enabled,
        Some(false) => Association::Disabled,
        None => Association::Void,
    })
}

#[cfg(test)]
mod tests;
