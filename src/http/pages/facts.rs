//! Facts: names and values about one subject.

use std::borrow::Cow;

use super::words::{distance, minute, moment, plural};
use crate::domain::{AccountState, Certificate, Date, Span};
use crate::http::activity::Activity;
use crate::http::index::Index;

/// The maximum number of accounts on the overview. The page of zones lists all.
const MOST_ACCOUNTS: usize = 20;

/// A name with its value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// The link target of the value; empty if it has none.
    pub(super) href: String,
}

impl Fact {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), href: String::new() }
    }

    pub(super) fn linked(name: &'static str, value: impl Into<String>, href: String) -> Self {
        Self { name, value: value.into(), href }
    }
}

/// Some facts under a heading.
pub(super) struct Section {
    pub(super) name: Cow<'static, str>,
    pub(super) facts: Vec<Fact>,
}

/// Returns what the PEM and the API say about a certificate.
pub(super) fn of_certificate(certificate: &Certificate, now: Date) -> Vec<Fact> {
    let (details, pem) = (certificate.details(), certificate.pem());
    let text = |text: Option<&str>| text.unwrap_or("–").to_owned();
    vec![
        Fact::new("Ends (API, expires_on)", moment(details.expires_on, now)),
        Fact::new("Ends (PEM)", moment(pem.map(|pem| pem.not_after), now)),
        Fact::new("Begins (PEM)", moment(pem.map(|pem| pem.not_before), now)),
        Fact::new("Issuer", text(details.issuer.as_deref())),
        Fact::new("Subject (PEM)", text(pem.map(|pem| &*pem.subject))),
        Fact::new("Serial number", text(details.serial_number.as_deref())),
        Fact::new("Signature", text(details.signature.as_deref())),
    ]
}

/// Returns the facts about the exporter.
pub(super) fn of_exporter(index: &Index, activity: &Activity) -> Vec<Fact> {
    let judge = index.judge();
    let now = judge.now();
    let mut facts = vec![
        Fact::new("Last poll", moment(activity.last_poll, now)),
        Fact::new("Next poll", moment(activity.next_poll, now)),
    ];
    for account in judge.snapshot().accounts().iter().take(MOST_ACCOUNTS) {
        let words = format!("{}: {}", account.name(), of_account(index, activity, account));
        facts.push(Fact::new("Account", words));
    }
    if let Some(reloads) = &activity.reloads {
        let refused = reloads.refused.as_ref().map_or_else(String::new, |(at, error)| {
            format!("; a newer one was refused at {}: {error}", minute(*at))
        });
        let since = moment(Some(reloads.in_force_since), now);
        let file = activity.config_file.as_ref();
        let file = file.map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
        facts.push(Fact::new("Configuration", format!("{file}, in force since {since}{refused}")));
    }
    facts.push(Fact::new("Version", env!("CARGO_PKG_VERSION")));
    facts
}

/// Describes the zones, the token and the quota of an account.
pub(super) fn of_account(index: &Index, activity: &Activity, account: &AccountState) -> String {
    let (now, token) = (index.judge().now(), account.facts().token);
    let name = account.name();
    let token = match (token.valid, token.expires) {
        (Some(false), _) => "its token is not valid".to_owned(),
        (_, Some(end)) => format!("its token expires {} ({})", distance(end, now), minute(end)),
        (Some(true), None) => "its token is valid and never expires".to_owned(),
        (None, None) => "its token has not been verified yet".to_owned(),
    };
    let quota = activity.quotas.get(name).filter(|quota| quota.requests < u32::MAX).map_or_else(
        String::new,
        |quota| {
            let per = i64::try_from(quota.per.as_secs()).unwrap_or(i64::MAX);
            format!("; {} of {} requests per {} are left", quota.left, quota.requests, Span(per))
        },
    );
    format!("{}; {token}{quota}", plural(index.zones_of(name).all(), "zone"))
}
