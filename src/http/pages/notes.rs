//! Banners about findings of accounts, zones and zone-level certificates.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::advice::{advice, advice_on_list};
use super::words::{Found, distance, found, href, minute};
use crate::domain::{AccountState, Date, Finding, Level, Reason, Verdict, ZoneState};
use crate::http::activity::Activity;
use crate::http::index::Index;
use crate::http::query::{Sort, encode};

/// The maximum number of banners on a page.
const MOST: usize = 20;

/// A banner.
pub(super) struct Note {
    severity: Verdict,
    pub(super) what: String,
    pub(super) href: String,
    pub(super) findings: Vec<Found>,
    /// Why the subject is not read, and when it was last read.
    pub(super) since: String,
    pub(super) advice: &'static str,
}

impl Note {
    pub(super) fn verdict(&self) -> &'static str {
        self.severity.label()
    }
}

/// Returns the worst banners, and the number of banners left out.
pub(super) fn notes(index: &Index, activity: &Activity) -> (Vec<Note>, usize) {
    let judge = index.judge();
    let accounts = judge.snapshot().accounts();
    let mut notes: Vec<_> = refused(activity).into_iter().collect();
    notes.extend(accounts.iter().filter_map(|account| of_account(index, account)));
    // the failure of a whole account is not repeated for each of its zones
    let is_unread = |account: &&AccountState| judge.account(account).contains(Finding::NotRead);
    let unread: BTreeSet<&str> = accounts.iter().filter(is_unread).map(|account| &**account.name()).collect();
    let zones = index.zones().rows(judge, Sort::Verdict).take_while(|row| row.verdict > Verdict::Ok);
    let told = zones.filter(|row| !unread.contains(row.zone.account()) || row.verdict > Verdict::Unknown);
    notes.sort_by_key(|note| Reverse(note.severity));
    let mut more = notes.len().saturating_sub(MOST);
    notes.truncate(MOST);
    for row in told {
        if notes.len() < MOST { notes.push(of_zone(index, row.thing)) } else { more += 1 }
    }
    let known = index.certificates().rows(judge, Sort::Verdict).take_while(|row| row.verdict > Verdict::Ok);
    for row in known.filter(|row| row.thing.level == Level::Zone) {
        if notes.len() >= MOST {
            more += 1;
            continue;
        }
        let zone = row.zone.key();
        notes.push(Note {
            severity: row.verdict,
            what: format!("Zone-level certificate of {zone}"),
            href: href("certificates", zone.as_str(), row.thing.id.as_str()),
            findings: found(judge.tell_certificate(row.zone, row.thing)),
            since: String::new(),
            advice: "",
        });
    }
    notes.sort_by_key(|note| Reverse(note.severity));
    (notes, more)
}

/// Returns a banner if the latest configuration was refused.
fn refused(activity: &Activity) -> Option<Note> {
    let (at, error) = activity.reloads.as_ref()?.refused.as_ref()?;
    Some(Note {
        severity: Verdict::Warning,
        what: "The latest configuration was refused".to_owned(),
        href: "/#exporter".to_owned(),
        findings: vec![Found {
            verdict: Verdict::Warning.label(),
            ignored: false,
            message: error.clone(),
            href: "/runbooks#cloudflareaopconfigreloadfailed".to_owned(),
        }],
        since: format!("at {}; the one before is still in force", minute(*at)),
        advice: "",
    })
}

fn of_account(index: &Index, account: &AccountState) -> Option<Note> {
    let judge = index.judge();
    let told = judge.tell_account(account);
    let severity = told.first()?.severity;
    let is_unread = told.iter().any(|told| told.finding == Finding::NotRead);
    let list = account.zone_list().map(|list| list.part).filter(|part| !part.is_up());
    let zones = judge.snapshot().zones().iter().filter(|zone| zone.account() == &**account.name());
    let (failure, last_success) = match list {
        Some(part) => (part.failure(), part.last_success),
        None => zones.fold((None, None), |(failure, last), zone| {
            (failure.or(zone.failure()), last.max(zone.last_success()))
        }),
    };
    Some(Note {
        severity,
        what: format!("Account {}", account.name()),
        href: format!("/zones?account={}", encode(account.name())),
        findings: found(told),
        since: if is_unread { since(index, failure, last_success) } else { String::new() },
        advice: match (is_unread, list) {
            (true, Some(_)) => advice_on_list(failure),
            (true, None) => advice(failure),
            (false, _) => "",
        },
    })
}

fn of_zone(index: &Index, zone: &ZoneState) -> Note {
    let told = index.judge().tell_zone(zone);
    let is_unread = !zone.is_up();
    Note {
        severity: told.first().map(|told| told.severity).unwrap_or_default(),
        what: format!("Zone {}", zone.key()),
        href: format!("/zones?zone={}", encode(zone.key().as_str())),
        findings: found(told),
        since: if is_unread { since(index, None, zone.last_success()) } else { String::new() },
        advice: if is_unread { advice(zone.failure()) } else { "" },
    }
}

/// Describes why something is not read, and when it was last read.
fn since(index: &Index, failure: Option<Reason>, last_success: Option<Date>) -> String {
    let why = failure.map_or_else(String::new, |reason| format!("not read: {}; ", reason.words()));
    match last_success {
        Some(at) => format!("{why}last read {}", distance(at, index.judge().now())),
        None => format!("{why}never read yet"),
    }
}
