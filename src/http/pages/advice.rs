//! Advice on failed readings.

use crate::domain::Reason;

/// Returns one sentence of advice on an account whose zones could not be listed.
pub(super) fn advice_on_list(failure: Option<Reason>) -> &'static str {
    match failure {
        Some(Reason::Forbidden | Reason::NotFound) => {
            "Give the token the permission “Zone: Read” for all zones that the patterns should match, and \
             check the account's id in the configuration."
        }
        _ => advice(failure),
    }
}

/// Returns one sentence of advice on a failure.
pub(super) fn advice(failure: Option<Reason>) -> &'static str {
    match failure {
        None => "It will be read in one of the next polls.",
        Some(Reason::Auth) => {
            "Check that the token is complete, active and not expired. A token in a file can be replaced without a \
             restart."
        }
        Some(Reason::Forbidden) => {
            "Give the token the permission “SSL and Certificates: Read” for this zone, and “Zone: Read” if the configuration \
             gives the zone's name, not its id."
        }
        Some(Reason::NotFound) => {
            "The zone has left the account, or the token does not cover it: correct the configuration or the token."
        }
        Some(Reason::Rejected | Reason::InvalidResponse) => {
            "Check the exporter's log: a proxy, a firewall or bot protection may answer instead of the API."
        }
        Some(Reason::RateLimited) => {
            "Wait five minutes; then poll less often, or find out what else uses the quota of this user."
        }
        Some(Reason::Timeout | Reason::Connect | Reason::Tls) => {
            "Check DNS, the firewall, HTTPS_PROXY and ca_file on the exporter's machine."
        }
        Some(Reason::NotSent) => {
            "It will be read in one of the next polls. If this happens often, poll less often or raise rate_limit."
        }
        Some(Reason::ServerError) => "Cloudflare has a problem: check www.cloudflarestatus.com, and wait.",
        Some(Reason::Internal) => "The exporter itself failed; please report the error in its log.",
    }
}
