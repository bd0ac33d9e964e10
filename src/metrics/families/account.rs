//! The families of accounts, and the thresholds.

use super::{Family, Rows, cached, family};
use crate::exposition::Kind;

/// The families of accounts.
pub(super) const ACCOUNT: &[Family] = &[
    family(
        "cloudflare_aop_account_up",
        cached!("1 if the latest poll could read at least one zone of the account."),
        Kind::Gauge,
        Rows::Account(|judge, account, row| row.flag(judge.is_up(account))),
    ),
    family(
        "cloudflare_aop_account_finding",
        "1 while something is wrong with the account or its token; computed at scrape time.",
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
