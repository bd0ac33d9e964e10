//! The shapes of the API's JSON: the one place that knows them. Lenient: everything may be missing or null,
//! and what is not known is passed over.

mod change;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub(super) use change::Changes;

use super::interner::Interner;
use super::{ApiError, AssociationRow, ListedCertificate};
use crate::domain::{
    Association, CertId, Certificate, CertificateDetails, Date, Hostname, Pem, Reading, Status, ZoneId,
    ZoneName,
};

/// What every answer is wrapped in.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    #[serde(default)]
    pub(super) success: Option<bool>,
    #[serde(default, deserialize_with = "errors")]
    pub(super) errors: Vec<ApiError>,
    #[serde(default = "none")]
    pub(super) result: Option<T>,
    #[serde(default)]
    pub(super) result_info: Option<ResultInfo>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Envelope<T> {
    /// The same envelope around something else.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Envelope<U> {
        Envelope {
            success: self.success,
            errors: self.errors,
            result: self.result.map(map),
            result_info: self.result_info,
        }
    }
}

impl<T> Envelope<Vec<T>> {
    /// The same list; one of nothing may come as null, which is believed where its length is said beside it.
    pub(super) fn listed(mut self) -> Self {
        if self.result_info.is_some_and(|info| info.total_count == Some(0)) {
            self.result.get_or_insert_default();
        }
        self
    }
}

/// Where a page stands among the pages of a list.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct ResultInfo {
    #[serde(default)]
    pub(super) total_pages: Option<u32>,
    #[serde(default)]
    pub(super) total_count: Option<u64>,
}

/// So many errors of one answer are kept: Cloudflare names one or two.
const MOST_ERRORS: usize = 8;

fn errors<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ApiError>, D::Error> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(default)]
        code: Option<i64>,
        #[serde(borrow, default)]
        message: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        error_chain: Option<Vec<Wire<'a>>>,
    }

    fn flatten(wire: Wire<'_>, into: &mut Vec<ApiError>) {
        // a hundred thousand of them would make as long a line in the log
        if into.len() == MOST_ERRORS {
            return;
        }
        let message = printable(wire.message.as_deref().unwrap_or_default());
        into.push(ApiError { code: wire.code.unwrap_or(0), message });
        for cause in wire.error_chain.into_iter().flatten() {
            flatten(cause, into);
        }
    }

    let mut errors = Vec::new();
    for wire in Option::<Vec<Wire<'de>>>::deserialize(from)?.into_iter().flatten() {
        flatten(wire, &mut errors);
    }
    Ok(errors)
}

/// A server's words as they may be logged: cut, and without what would break or turn around a line.
pub(super) fn printable(text: &str) -> Box<str> {
    let plain = |char: &char| {
        !char.is_control()
            && !matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    let clean = text.chars().map(|char| if plain(&char) { char } else { ' ' });
    clean.take(256).collect::<String>().into()
}

/// A server's words as they are kept: no page shows more of them.
fn shortened(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(256)].into()
}

/// A hostname and its association, with the certificate.
#[derive(Deserialize)]
pub(super) struct HostnameObject<'a> {
    #[serde(borrow, default)]
    cert_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cert_status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cert_updated_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    cert_uploaded_on: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    certificate: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    /// The outer option is none where the key is missing, the inner one where it is null, which means void.
    #[serde(default, deserialize_with = "present")]
    enabled: Option<Option<bool>>,
    #[serde(borrow, default)]
    expires_on: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    hostname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    issuer: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    serial_number: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    updated_at: Option<Cow<'a, str>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl HostnameObject<'_> {
    /// Whether it is about `hostname`; none where it does not say.
    pub(super) fn names(&self, hostname: &Hostname) -> Option<bool> {
        let named = filled(&self.hostname)?;
        Some(named == hostname.as_str() || named.parse().is_ok_and(|named: Hostname| named == *hostname))
    }

    /// What it says about `hostname`, or why it cannot be trusted.
    pub(super) fn reading(
        &self,
        hostname: &Hostname,
        read_at: Date,
        certificates: &Interner,
    ) -> Result<Reading, String> {
        if self.names(hostname) == Some(false) {
            return Err("it is about another hostname".to_owned());
        }
        let status = filled(&self.status).map(Status::from_api);
        if status == Some(Status::Deleted) {
            return Ok(Reading::bare(Association::None, read_at));
        }
        let association = association(self.enabled.ok_or("it lacks the key enabled")?);
        let expires_on = expiry(filled(&self.expires_on))?;
        Ok(Reading {
            status,
            certificate_status: filled(&self.cert_status).map(Status::from_api),
            certificate: self.certificate(expires_on, certificates),
            created_at: filled(&self.created_at).and_then(date),
            updated_at: filled(&self.updated_at).and_then(date),
            certificate_uploaded_on: filled(&self.cert_uploaded_on).and_then(date),
            certificate_updated_at: filled(&self.cert_updated_at).and_then(date),
            ..Reading::bare(association, read_at)
        })
    }

    fn certificate(&self, expires_on: Option<Date>, certificates: &Interner) -> Option<Arc<Certificate>> {
        let parts = Parts {
            id: filled(&self.cert_id),
            issuer: filled(&self.issuer),
            serial_number: filled(&self.serial_number),
            signature: filled(&self.signature),
            pem: filled(&self.certificate),
        };
        parts.certificate(filled(&self.expires_on), expires_on, certificates)
    }
}

/// What describes a certificate, wherever it stands.
struct Parts<'a> {
    id: Option<&'a str>,
    issuer: Option<&'a str>,
    serial_number: Option<&'a str>,
    signature: Option<&'a str>,
    pem: Option<&'a str>,
}

impl Parts<'_> {
    /// The certificate that they describe, shared with all that are described alike; none where nothing does.
    fn certificate(
        &self,
        expires_text: Option<&str>,
        expires_on: Option<Date>,
        certificates: &Interner,
    ) -> Option<Arc<Certificate>> {
        let parts = [self.id, self.issuer, self.serial_number, self.signature, self.pem, expires_text];
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let make = || {
            let details = CertificateDetails {
                id: self.id.and_then(|id| id.parse::<CertId>().ok()),
                issuer: self.issuer.map(shortened),
                serial_number: self.serial_number.map(shortened),
                signature: self.signature.map(shortened),
                expires_on,
            };
            let pem = self.pem.and_then(|pem| {
                let parsed = Pem::parse(pem);
                parsed
                    .inspect_err(|error| tracing::debug!(id = self.id, %error, "certificate cannot be read"))
                    .ok()
            });
            Certificate::new(details, pem)
        };
        Some(certificates.intern(&parts, make))
    }
}

/// When something expires: it has to be right where it is there, since without it an expiry would go unseen.
fn expiry(text: Option<&str>) -> Result<Option<Date>, String> {
    match text {
        Some(text) => Ok(Some(date(text).ok_or("its expires_on is not a date of RFC 3339")?)),
        None => Ok(None),
    }
}

/// An association as a list has it.
#[derive(Deserialize)]
pub(super) struct AssociationObject<'a> {
    #[serde(borrow, default)]
    cert_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    enabled: Option<Option<bool>>,
    #[serde(borrow, default)]
    hostname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    updated_at: Option<Cow<'a, str>>,
}

impl AssociationObject<'_> {
    /// The row, unless it does not tell whose it is.
    pub(super) fn row(&self) -> Option<AssociationRow> {
        Some(AssociationRow {
            hostname: filled(&self.hostname)?.parse().ok()?,
            cert_id: filled(&self.cert_id).and_then(|id| id.parse().ok()),
            association: self.enabled.map(association),
            status: filled(&self.status).map(Status::from_api),
            created_at: filled(&self.created_at).and_then(date),
            updated_at: filled(&self.updated_at).and_then(date),
        })
    }
}

const fn association(enabled: Option<bool>) -> Association {
    match enabled {
        Some(true) => Association::Enabled,
        Some(false) => Association::Disabled,
        None => Association::Void,
    }
}

/// A certificate as a list has it.
#[derive(Deserialize)]
pub(super) struct CertificateObject<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    certificate: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expires_on: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    issuer: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    serial_number: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uploaded_on: Option<Cow<'a, str>>,
}

impl CertificateObject<'_> {
    /// The certificate, unless it does not tell which it is or cannot be trusted.
    pub(super) fn listed(&self, certificates: &Interner) -> Option<ListedCertificate> {
        let parts = Parts {
            id: filled(&self.id),
            issuer: filled(&self.issuer),
            serial_number: filled(&self.serial_number),
            signature: filled(&self.signature),
            pem: filled(&self.certificate),
        };
        let expires = filled(&self.expires_on);
        Some(ListedCertificate {
            id: parts.id?.parse().ok()?,
            status: filled(&self.status).map(Status::from_api),
            uploaded_on: filled(&self.uploaded_on).and_then(date),
            certificate: parts.certificate(expires, expiry(expires).ok()?, certificates)?,
        })
    }
}

/// The zone-level switch.
#[derive(Deserialize)]
pub(super) struct Settings {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// A zone, as a list names it.
#[derive(Deserialize)]
pub(super) struct Zone<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

impl Zone<'_> {
    /// Its name, its id and whether it is active.
    pub(super) fn row(&self) -> Option<(ZoneName, ZoneId, bool)> {
        let (name, id) = (filled(&self.name)?.parse().ok()?, filled(&self.id)?.parse().ok()?);
        Some((name, id, filled(&self.status) == Some("active")))
    }
}

/// What the verification of a token answers.
#[derive(Deserialize)]
pub(super) struct Token<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expires_on: Option<Cow<'a, str>>,
}

impl Token<'_> {
    /// Whether it is active, where the answer says, and when it expires.
    pub(super) fn state(&self) -> (Option<bool>, Option<Date>) {
        (filled(&self.status).map(|status| status == "active"), filled(&self.expires_on).and_then(date))
    }
}

/// An empty text says as little as a missing one.
fn filled<'a>(text: &'a Option<Cow<'_, str>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A date of RFC 3339, with a fraction of any length.
fn date(text: &str) -> Option<Date> {
    let text = shorter(text);
    let never = || {
        // as certificates have it that do not expire: later than the latest date there is here
        let civil: jiff::civil::DateTime = text.strip_suffix('Z')?.parse().ok()?;
        (civil.year() == 9999).then_some(jiff::Timestamp::MAX)
    };
    text.parse().ok().or_else(never).map(Date::from)
}

/// The date without the digits of its fraction that are less than a nanosecond.
fn shorter(text: &str) -> Cow<'_, str> {
    let Some((whole, rest)) = text.split_once('.') else { return text.into() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 9 { format!("{whole}.{}{}", &rest[..9], &rest[digits..]).into() } else { text.into() }
}

#[cfg(test)]
mod tests;
