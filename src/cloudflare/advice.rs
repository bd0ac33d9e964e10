//! Advice on API errors, by their codes and statuses.

use super::Error;

/// The purpose of a request, which decides the permission it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Find a zone's id or status.
    FindZone,
    /// List all zones.
    ListZones,
    /// Read the settings of a zone: the global switch and the SSL mode.
    Settings,
    /// Read the DNS records of a zone.
    DnsRecords,
    /// Read associations.
    Read,
    /// List the associations of a zone.
    List,
    /// Change associations.
    Write,
}

impl Purpose {
    /// Returns the permission's name in the dashboard.
    pub const fn permission(self) -> &'static str {
        match self {
            Self::FindZone | Self::ListZones => "Zone Read",
            Self::Settings => "Zone Settings Read",
            Self::DnsRecords => "DNS Read",
            Self::Read | Self::List => "SSL and Certificates Read",
            Self::Write => "SSL and Certificates Write",
        }
    }

    /// Returns true if the permission is optional. Without it the exporter reads less, but counts no error.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Settings | Self::DnsRecords)
    }

    /// Returns the zones that the permission must cover.
    const fn scope(self) -> &'static str {
        match self {
            Self::ListZones => "the zones to be watched",
            _ => "this zone",
        }
    }
}

/// The unambiguous codes with their advice. The first code of this table in a response applies, if the response's status
/// makes codes meaningful.
const CODES: &[(i64, &str)] = &[
    (
        1415,
        "the certificate id is not one of this zone's hostname certificates, or was deleted \
         (a zone-level certificate cannot be used for a hostname)",
    ),
    (1404, "the request needs the id of a certificate: give the one associated with the hostname"),
    (1406, "the zone already has this certificate: use its existing id"),
    (1408, "the certificate or its key cannot be read: upload both again in PEM"),
    (1414, "the certificate is being deleted: upload it again or use another one"),
    (1433, "the certificate is in use: void its associations first"),
    (1434, "the certificate is still being deployed: try again when its status is active"),
    (1551, "the zone has no such hostname certificate: take the id from the list of its certificates"),
    (1552, "the zone has no such zone-level certificate: take the id from the list of its certificates"),
    (1553, "the hostname has no association: enable it with a certificate first"),
    (
        6111,
        "this is not an API token: the Global API Key was probably given as the token (create an API token instead), \
         or the path of a file (name that with api_token_file); otherwise give only the token, without \"Bearer\" or \
         quotes",
    ),
    (6103, "the header that carries the key is malformed: give an API token, not the Global API Key"),
    (6003, "the request's headers are not accepted: give only the token, without \"Bearer\" or quotes"),
    (1000, "the token is not valid: it was mistyped, rolled or deleted"),
];

impl Error {
    /// Returns advice on the error, if there is any.
    pub fn advice(&self, purpose: Purpose) -> Option<String> {
        let status = match self {
            Self::Api { status, .. } => *status,
            Self::Page { .. } => {
                return Some(
                    "a proxy, a firewall or bot protection answered instead of the API, which says nothing about the \
                     token: check base_url and HTTPS_PROXY, and whether this machine's address is blocked"
                        .to_owned(),
                );
            }
            Self::Common(error) => return error.advice(purpose),
            _ => return None,
        };
        let named = |code: i64| self.has_code(code);
        if let Some((_, advice)) = CODES.iter().find(|(code, _)| named(*code)) {
            return Some((*advice).to_owned());
        }
        let (permission, scope) = (purpose.permission(), purpose.scope());
        match status {
            _ if self.is_of_path() => Some(unknown_path(purpose)),
            _ if named(9109) => Some(format!(
                "the token has no access to {scope}: its permission \"{permission}\" must cover {them}, and its client \
                 IP address filter must allow this machine",
                them = if purpose == Purpose::ListZones { "them" } else { "the zone" }
            )),
            401 => Some(format!(
                "the token is not accepted: check that it is complete, active and not expired, and that it has the \
                 permission \"{permission}\" for {scope}"
            )),
            _ if status == 403 || named(10_000) => {
                Some(format!("the token lacks the permission \"{permission}\" for {scope}"))
            }
            404 | 405 if matches!(purpose, Purpose::List | Purpose::ListZones) => Some(unknown_path(purpose)),
            409 => Some("another change to this zone is in progress: try again in a minute".to_owned()),
            429 => Some(
                "too many requests were sent on behalf of this user, including the dashboard's and other tools': \
                 try again in five minutes"
                    .to_owned(),
            ),
            500..=599 => Some(
                "Cloudflare failed, which says nothing about the token: try again later, and look at \
                 https://www.cloudflarestatus.com"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Returns advice for a path that the API does not know.
fn unknown_path(purpose: Purpose) -> String {
    let permission = purpose.permission();
    let no_zone = format!(
        "the token cannot see this zone: check the zone's id, and that the token's permission \
         \"{permission}\" covers the zone"
    );
    match purpose {
        Purpose::ListZones => {
            "the API has no list of zones at this address: check base_url and the account's id".to_owned()
        }
        Purpose::List => format!(
            "Cloudflare may not offer this list, which is newer than the rest of its API: use \"hostname get HOST\" to read \
             single associations; or {no_zone}"
        ),
        _ => no_zone,
    }
}

#[cfg(test)]
mod tests;
