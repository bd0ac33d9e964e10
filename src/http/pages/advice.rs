//! What to do where something could not be read.

use crate::domain::Reason;

/// What to do about a failure, in a sentence.
pub(super) fn advice(failure: Option<Reason>) -> &'static str {
    match failure {
        None => "It is read in one of the next polls.",
        Some(Reason::Auth) => {
            "Check that the token is whole, active and not expired; a new one is taken over without a restart where a \
             file holds it."
        }
        Some(Reason::Forbidden) => {
            "Give the token the permission “SSL and Certificates: Read” for this zone, and “Zone: Read” where the zone \
             is configured by its name."
        }
        Some(Reason::NotFound) => {
            "The zone has left the account, or the token does not cover it: correct the configuration or the token."
        }
        Some(Reason::Rejected | Reason::InvalidResponse) => {
            "Look at the exporter's log: a proxy, a firewall or bot protection may answer in place of the API."
        }
        Some(Reason::RateLimited) => {
            "Wait five minutes; then poll less often, or find out what else uses the quota of this user."
        }
        Some(Reason::Timeout | Reason::Connect | Reason::Tls) => {
            "Check DNS, the firewall, HTTPS_PROXY and ca_file on the exporter's machine."
        }
        Some(Reason::NotSent) => {
            "It is read in one of the next polls; if that happens often, poll less often or raise rate_limit."
        }
        Some(Reason::ServerError) => "Cloudflare has trouble: look at www.cloudflarestatus.com, and wait.",
        Some(Reason::Internal) => "The exporter itself failed; its log names the place. Please report it.",
    }
}
