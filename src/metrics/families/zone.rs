//! The families of zones.

use super::{Family, Rows, cached, family};
use crate::domain::Date;
use crate::exposition::Kind;

/// The only family of zones that exists just for polls on a schedule.
pub(in crate::metrics) const ZONE_POLL_INTERVAL: &str = "cloudflare_aop_zone_poll_interval_seconds";

/// The families of zones.
pub(super) const ZONE: &[Family] = &[
    family(
        "cloudflare_aop_zone_up",
        cached!("1 if the latest attempts to read the zone's associations and zone level succeeded."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.flag(zone.is_up())),
    ),
    family(
        "cloudflare_aop_zone_last_success_timestamp_seconds",
        cached!("When the zone was last read completely: the earliest time of its required parts."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.date(zone.last_success())),
    ),
    family(
        "cloudflare_aop_zone_part_last_success_timestamp_seconds",
        cached!("When a part of the zone was last read: its associations, its zone level, its settings."),
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            for (kind, part) in zone.parts() {
                row.labelled_int("part", kind.label(), part.last_success.map(Date::as_second));
            }
        }),
    ),
    family(
        ZONE_POLL_INTERVAL,
        "Interval between two readings of a part of the zone, at the current schedule and quota.",
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            for (kind, part) in zone.parts() {
                row.labelled_int("part", kind.label(), part.interval.map(|interval| interval.as_secs()));
            }
        }),
    ),
    family(
        "cloudflare_aop_zone_hostnames",
        cached!("Watched hostnames of the zone."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.int(zone.entries().len())),
    ),
    family(
        "cloudflare_aop_zone_hostnames_removed_total",
        cached!("Discovered hostnames that have left the zone."),
        Kind::Counter,
        Rows::Zone(|zone, row| row.int(zone.removed())),
    ),
    family(
        "cloudflare_aop_zone_info",
        cached!("Always 1; the labels are the zone's id, empty until it is known, and its account."),
        Kind::Info,
        Rows::Zone(|zone, row| {
            let id = zone.id().map(|id| id.to_string()).unwrap_or_default();
            row.info(&[("zone_id", &id), ("account", zone.account())]);
        }),
    ),
    family(
        "cloudflare_aop_zone_level_enabled",
        cached!("1 if the zone-level setting is on; per-hostname associations take precedence."),
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            if let Some(enabled) = zone.zone_level_enabled() {
                row.flag(enabled);
            }
        }),
    ),
    family(
        "cloudflare_aop_zone_global_enabled",
        cached!("1 if the zone setting tls_client_auth is on; absent if the token may not read it."),
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            if let Some(enabled) = zone.global_enabled() {
                row.flag(enabled);
            }
        }),
    ),
    family(
        "cloudflare_aop_zone_global_certificate_not_after_timestamp_seconds",
        cached!(
            "When the CA of Cloudflare's shared certificate expires; absent if the zone setting tls_client_auth is off."
        ),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.date(zone.shared_ca_ends())),
    ),
    family(
        "cloudflare_aop_zone_ssl_mode",
        cached!("1 for the zone setting ssl; with off and flexible Cloudflare presents no certificate."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.ssl_mode(zone.ssl_mode())),
    ),
    family(
        "cloudflare_aop_zone_finding",
        "1 while the zone itself has this finding, not counting its hostnames and certificates; computed at scrape time.",
        Kind::Gauge,
        Rows::ZoneFindings,
    ),
];
