//! What to do about an error of the API: the one table of its codes.

use super::Error;

/// What a request was for, and so which permission of the token it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find out a zone's id, or what has become of it.
    FindZone,
    /// To list all zones.
    ListZones,
    /// To read the settings of a zone: the global switch and the SSL mode.
    Settings,
    /// To read the DNS records of a zone.
    DnsRecords,
    /// To read associations.
    Read,
    /// To list the associations of a zone.
    List,
    /// To change associations.
    Write,
}

impl Purpose {
    /// The permission, as the dashboard calls it.
    pub const fn permission(self) -> &'static str {
        match self {
            Self::FindZone | Self::ListZones => "Zone Read",
            Self::Settings => "Zone Settings Read",
            Self::DnsRecords => "DNS Read",
            Self::Read | Self::List => "SSL and Certificates Read",
            Self::Write => "SSL and Certificates Write",
        }
    }

    /// Returns true if a token need not have the permission: without it less is known, and that is no error.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Settings | Self::DnsRecords)
    }

    /// What the permission has to cover.
    const fn scope(self) -> &'static str {
        match self {
            Self::ListZones => "the zones to be watched",
            _ => "this zone",
        }
    }
}

/// Codes that mean one thing only, and what to do. The first one that an answer names counts, where the status lets codes
/// count at all.
const CODES: &[(i64, &str)] = &[
    (
        1415,
        "the certificate id is not one of this zone's hostname certificates, or was deleted \
         (a zone-level certificate cannot be used for a hostname)",
    ),
    (1404, "the request needs the id of a certificate: give the one that the hostname is associated with"),
    (1406, "the zone has this certificate already: use the id that it has"),
    (1408, "the certificate or its key cannot be read: upload both anew, in PEM"),
    (1414, "the certificate is being deleted: upload it anew, or use another one"),
    (1433, "the certificate is in use: make the associations that it has void first"),
    (1434, "the certificate is still being deployed: try again when its status is active"),
    (1551, "the zone has no such hostname certificate: take the id from the list of its certificates"),
    (1552, "the zone has no such zone-level certificate: take the id from the list of its certificates"),
    (1553, "the hostname has no association: enable it with a certificate first"),
    (
        6111,
        "this is not an API token: the Global API Key was probably given as the token (create an API token instead), \
         or the path of a file (name that with api_token_file); otherwise give the token alone, without \"Bearer\" and \
         quotes",
    ),
    (6103, "the header that carries the key is malformed: give an API token, not the Global API Key"),
    (6003, "the request's headers are not accepted: give the token alone, without \"Bearer\" and quotes"),
    (1000, "the token is not valid: it was mistyped, rolled or deleted"),
];

impl Error {
    /// What to do about it, where that is known.
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
        if let Some((_, known)) = CODES.iter().find(|(code, _)| named(*code)) {
            return Some((*known).to_owned());
        }
        let (permission, scope) = (purpose.permission(), purpose.scope());
        match status {
            _ if self.is_of_path() => Some(nowhere(purpose)),
            _ if named(9109) => Some(format!(
                "the token has no access to {scope}: its permission \"{permission}\" must cover {them}, and the \
                 address that is asked from must not be excluded",
                them = if purpose == Purpose::ListZones { "them" } else { "the zone" }
            )),
            401 => Some(format!(
                "the token is not accepted: check that it is whole, active and not expired, and that it has the \
                 permission \"{permission}\" for {scope}"
            )),
            _ if status == 403 || named(10_000) => {
                Some(format!("the token lacks the permission \"{permission}\" for {scope}"))
            }
            404 | 405 if matches!(purpose, Purpose::List | Purpose::ListZones) => Some(nowhere(purpose)),
            409 => Some("something else is changing this zone at the same time: try again in a minute".to_owned()),
            429 => Some(
                "too many requests were sent on behalf of this user, the dashboard's and other tools' included: \
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

/// What to do where the API has nothing at that address.
fn nowhere(purpose: Purpose) -> String {
    let permission = purpose.permission();
    let no_zone = format!(
        "there is no such zone for this token: check the zone's id, and that the token's permission \
         \"{permission}\" covers the zone"
    );
    match purpose {
        Purpose::ListZones => {
            "the API has no list of zones at this address: check base_url and the account's id".to_owned()
        }
        Purpose::List => format!(
            "Cloudflare may not offer this list, which is newer than the rest of its API: \"hostname get HOST\" reads \
             one association after the other; or {no_zone}"
        ),
        _ => no_zone,
    }
}

#[cfg(test)]
mod tests;
