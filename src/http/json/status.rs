//! The summary as JSON.

use std::borrow::Cow;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{Judged, time};
use crate::domain::{AccountState, Reason, Thresholds};
use crate::http::activity::{Activity, Quota, Reloads};
use crate::http::index::{Counts, Index};

#[derive(Serialize)]
pub(super) struct StatusRow<'a> {
    version: &'static str,
    time: Timestamp,
    verdict: &'static str,
    thresholds: ThresholdsRow,
    hostnames: Counts,
    certificates: Counts,
    zones: Counts,
    accounts: Vec<AccountRow<'a>>,
    last_poll: Option<Timestamp>,
    next_poll: Option<Timestamp>,
    configuration: Option<ConfigurationRow<'a>>,
}

/// In seconds.
#[derive(Serialize)]
struct ThresholdsRow {
    warning: i64,
    critical: i64,
    pending: i64,
}

impl From<Thresholds> for ThresholdsRow {
    fn from(Thresholds { warning, critical, pending }: Thresholds) -> Self {
        Self { warning, critical, pending }
    }
}

#[derive(Serialize)]
struct AccountRow<'a> {
    account: &'a str,
    #[serde(flatten)]
    judged: Judged,
    up: bool,
    token_valid: Option<bool>,
    token_expires_on: Option<Timestamp>,
    rate_limited_at: Option<Timestamp>,
    quota: Option<QuotaRow>,
    /// The zone counts by verdict.
    zones: Counts,
    /// Present if patterns watch zones of the account.
    zone_list: Option<ZoneListRow>,
}

#[derive(Serialize)]
struct QuotaRow {
    requests: u32,
    per_seconds: u64,
    left: usize,
}

impl From<&Quota> for QuotaRow {
    fn from(quota: &Quota) -> Self {
        Self { requests: quota.requests, per_seconds: quota.per.as_secs(), left: quota.left }
    }
}

/// The read status of an account's zone list.
#[derive(Serialize)]
struct ZoneListRow {
    up: bool,
    failure: Option<&'static str>,
    last_success: Option<Timestamp>,
    watched: usize,
    removed: u64,
}

#[derive(Serialize)]
struct ConfigurationRow<'a> {
    /// The path of the file, or null without one.
    file: Option<Cow<'a, str>>,
    in_force_since: Timestamp,
    refused_at: Option<Timestamp>,
    error: Option<&'a str>,
}

impl<'a> ConfigurationRow<'a> {
    fn new(Reloads { in_force_since, refused }: &'a Reloads, file: Option<&'a Path>) -> Self {
        Self {
            file: file.map(Path::to_string_lossy),
            in_force_since: time(*in_force_since),
            refused_at: refused.as_ref().map(|(at, _)| time(*at)),
            error: refused.as_ref().map(|(_, error)| &**error),
        }
    }
}

impl<'a> StatusRow<'a> {
    pub(super) fn new(index: &'a Index, activity: &'a Activity) -> Self {
        let judge = index.judge();
        let accounts = judge.snapshot().accounts().iter();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            time: time(judge.now()),
            verdict: index.verdict().label(),
            thresholds: judge.thresholds().into(),
            hostnames: index.hostnames().counts(),
            certificates: index.certificates().counts(),
            zones: index.zones().counts(),
            accounts: accounts.map(|account| AccountRow::new(index, activity, account)).collect(),
            last_poll: activity.last_poll.map(time),
            next_poll: activity.next_poll.map(time),
            configuration: activity
                .reloads
                .as_ref()
                .map(|reloads| ConfigurationRow::new(reloads, activity.config_file.as_deref())),
        }
    }
}

impl<'a> AccountRow<'a> {
    fn new(index: &Index, activity: &Activity, account: &'a AccountState) -> Self {
        let (judge, facts, name) = (index.judge(), account.facts(), account.name());
        Self {
            account: name,
            judged: judge.tell_account(account).into(),
            up: judge.is_up(account),
            token_valid: facts.token.valid,
            token_expires_on: facts.token.expires.map(time),
            rate_limited_at: facts.rate_limited_at.map(time),
            quota: activity.quotas.get(name).map(QuotaRow::from),
            zones: index.zones_of(name),
            zone_list: account.zone_list().map(|list| ZoneListRow {
                up: list.part.is_up(),
                failure: list.part.failure().map(Reason::label),
                last_success: list.part.last_success.map(time),
                watched: judge.snapshot().found_zones(name),
                removed: list.removed,
            }),
        }
    }
}
