//! The log messages for each subject.

use super::Subject;
use crate::domain::{PartKind, Reason};
use crate::poll::seen::{Class, Thing};

/// Returns the messages for the start and the end of a failure.
pub(super) fn words(subject: &Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Host(_) => (
            "Cloudflare's API is not available; the last readings are kept",
            "Cloudflare's API is available again",
        ),
        Subject::Account(_, Class::Answered(Reason::Auth)) => (
            "Cloudflare does not accept the token; the last readings are kept",
            "Cloudflare accepts the token again",
        ),
        Subject::Account(_, Class::RateLimited) => (
            "Cloudflare's rate limit holds requests back",
            "Cloudflare's rate limit no longer holds requests back",
        ),
        Subject::Account(_, Class::Unsent) => (
            "some requests were not sent because the poll ran out of time; check rate_limit and the schedule",
            "polls have enough time for all requests again",
        ),
        Subject::Account(..) => (
            "no zone of the account can be read; the last readings are kept",
            "zones of the account are read again",
        ),
        Subject::List(_) => (
            "the account's zones cannot be listed; known zones stay watched",
            "the account's zones are listed again",
        ),
        Subject::Optional(_, PartKind::DnsRecords) => (
            "the token may not read the DNS records of zones; no origins are found in them",
            "the DNS records of zones are read again",
        ),
        Subject::Optional(..) => (
            "the token may not read the global switch and the SSL mode of zones, which is optional",
            "the settings of zones are read again",
        ),
        Subject::Zone(_, _, thing) => match thing {
            Thing::Zone => ("the zone cannot be read; its last readings are kept", "the zone is read again"),
            Thing::Id => {
                ("the zone cannot be looked up; its known id is used", "the zone is looked up again")
            }
            Thing::Lists => (
                "the zone's lists cannot be read; its hostnames are read one by one",
                "the zone's lists are read again",
            ),
            Thing::Rows(_) => {
                ("a list of the zone is read only in part", "the list of the zone is read completely again")
            }
            Thing::Switch => (
                "the zone-level switch cannot be read; its last reading is kept",
                "the zone-level switch is read again",
            ),
            Thing::Certificates => (
                "the zone-level certificates cannot be read; their last readings are kept",
                "the zone-level certificates are read again",
            ),
            Thing::GlobalSwitch => (
                "the zone's global switch cannot be read; its last reading is kept",
                "the zone's global switch is read again",
            ),
            Thing::SslMode => (
                "the zone's SSL mode cannot be read; its last reading is kept",
                "the zone's SSL mode is read again",
            ),
            Thing::DnsRecords => (
                "the zone's DNS records cannot be read; the known ones are kept",
                "the zone's DNS records are read again",
            ),
            Thing::Hostname(_) => {
                ("hostnames cannot be read; their last readings are kept", "hostnames are read again")
            }
        },
    }
}
