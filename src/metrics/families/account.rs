//! The families of accounts, and the thresholds.

use super::{Family, Rows, cached, family};
use crate::exposition::Kind;

/// The families of accounts.
pub(super) const ACCOUNT: &[Family] = &[
    family(
        "cloudflare_aop_account_up",
        cached!(
            "1 if the latest attempt listed the account's zones, if a pattern watches them, and read at least one."
        ),
        Kind::Gauge,
        Rows::Account(|judge, account, row| row.flag(judge.is_up(account))),
    ),
    family(
        "cloudflare_aop_account_last_success_timestamp_seconds",
        cached!(
            "When the list of the account's zones was last read completely; only if a pattern watches them."
        ),
        Kind::Gauge,
        Rows::Account(|_, account, row| {
            row.date(account.zone_list().and_then(|list| list.part.last_success));
        }),
    ),
    family(
        "cloudflare_aop_account_zones",
        cached!("Zones that the account's patterns watch."),
        Kind::Gauge,
        Rows::Account(|judge, account, row| {
            if account.zone_list().is_some_and(|list| list.part.last_success.is_some()) {
                row.int(judge.snapshot().found_zones(account.name()));
            }
        }),
    ),
    family(
        "cloudflare_aop_account_zones_removed_total",
        cached!("Zones that the account's patterns watched and that have left the account."),
        Kind::Counter,
        Rows::Account(|_, account, row| {
            if let Some(list) = account.zone_list() {
                row.int(list.removed);
            }
        }),
    ),
    family(
        "cloudflare_aop_account_finding",
        "1 while the account or its token has this finding; computed at scrape time.",
        Kind::Gauge,
        Rows::AccountFindings,
    ),
];

/// The thresholds of findings.
pub(super) const THRESHOLDS: &[Family] = &[family(
    "cloudflare_aop_exporter_threshold_seconds",
    "The configured thresholds of findings.",
    Kind::Gauge,
    Rows::Thresholds,
)];
