//! The bodies of requests that change something.

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use crate::cloudflare::Change;

/// The body of a PUT of associations.
#[derive(Serialize)]
pub(in crate::cloudflare) struct Changes<'a> {
    config: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    cert_id: &'a str,
    /// True to enable, false to disable, null to void. Null must be written.
    enabled: Option<bool>,
    hostname: &'a str,
}

impl<'a> Changes<'a> {
    pub(in crate::cloudflare) fn new(changes: &'a [Change]) -> Self {
        let entries = changes.iter().map(|change| Entry {
            cert_id: change.cert_id.as_str(),
            enabled: change.enabled,
            hostname: change.hostname.as_str(),
        });
        Self { config: entries.collect() }
    }
}

/// The body of a POST of a certificate.
#[derive(Serialize)]
struct Upload<'a> {
    certificate: &'a str,
    private_key: &'a str,
}

/// Returns the body of the POST of a certificate, in memory that is wiped.
pub(in crate::cloudflare) fn upload(certificate: &str, private_key: &str) -> serde_json::Result<Bytes> {
    // each character is written as at most two, so the memory is never reallocated, which would leave a copy
    // behind
    let capacity = 2 * (certificate.len() + private_key.len()) + 64;
    let mut json = Zeroizing::new(Vec::with_capacity(capacity));
    serde_json::to_writer(&mut *json, &Upload { certificate, private_key })?;
    Ok(Bytes::from_owner(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_enables_disables_or_voids_with_null() {
        let change = |enabled, hostname: &str| Change {
            hostname: hostname.parse().unwrap(),
            cert_id: "c1".parse().unwrap(),
            enabled,
        };
        let changes =
            [change(Some(true), "a.example"), change(Some(false), "b.example"), change(None, "c.example")];
        assert_eq!(
            serde_json::to_string(&Changes::new(&changes)).unwrap(),
            concat!(
                r#"{"config":[{"cert_id":"c1","enabled":true,"hostname":"a.example"},"#,
                r#"{"cert_id":"c1","enabled":false,"hostname":"b.example"},"#,
                r#"{"cert_id":"c1","enabled":null,"hostname":"c.example"}]}"#
            )
        );
    }
}
