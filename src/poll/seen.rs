//! The results of polling one zone, or the list of an account's zones: what could be read, and what prevented
//! the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cloudflare::{Error, Purpose};
use crate::domain::{Hostname, PartKind, Reason, ZoneKey};

/// A part of a zone that is read, and can fail, separately.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// The whole zone.
    Zone,
    /// Its id, if a known id is looked up again.
    Id,
    /// Its lists of associations and certificates, if its hostnames can be read without them.
    Lists,
    /// The rows of one of its lists.
    Rows(&'static str),
    /// The zone-level switch.
    Switch,
    /// The zone-level certificates.
    Certificates,
    /// The global switch.
    GlobalSwitch,
    /// The SSL mode.
    SslMode,
    /// The DNS records.
    DnsRecords,
    /// One of its hostnames.
    Hostname(Hostname),
}

impl Thing {
    /// Returns the part that it belongs to, if that part is optional.
    pub(super) const fn optional_part(&self) -> Option<PartKind> {
        match self {
            Self::GlobalSwitch | Self::SslMode => Some(PartKind::Settings),
            Self::DnsRecords => Some(PartKind::DnsRecords),
            _ => None,
        }
    }
}

/// Kinds of failures. An ongoing failure is reported again only if its kind changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The API could not be reached, did not answer in time, or failed.
    Away,
    /// Too many requests were sent.
    RateLimited,
    /// No time was left to send the request.
    Unsent,
    /// The API answered, but the request failed for this reason.
    Answered(Reason),
}

/// The reason why something could not be read.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) class: Class,
    /// True if no connection could be made or secured, which is never the fault of a single zone.
    pub(super) is_of_network: bool,
    pub(super) error: Arc<str>,
    pub(super) advice: Option<Arc<str>>,
}

impl Trouble {
    pub(super) fn new(error: &Error, purpose: Purpose) -> Self {
        let reason = error.reason();
        let class = match reason {
            Reason::RateLimited => Class::RateLimited,
            Reason::NotSent => Class::Unsent,
            Reason::Connect | Reason::Tls | Reason::Timeout | Reason::ServerError => Class::Away,
            reason => Class::Answered(reason),
        };
        Self {
            class,
            is_of_network: matches!(reason, Reason::Connect | Reason::Tls),
            error: error.to_string().into(),
            advice: error.advice(purpose).map(Into::into),
        }
    }

    /// Returns true if the token lacks a permission.
    pub(super) fn is_of_permission(&self) -> bool {
        self.class == Class::Answered(Reason::Forbidden)
    }

    /// Creates the trouble of a response that was read only in part.
    pub(super) fn odd(what: &str) -> Self {
        let class = Class::Answered(Reason::InvalidResponse);
        Self { class, is_of_network: false, error: what.into(), advice: None }
    }
}

/// The results of polling one zone, or the list of an account's zones.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) account: Arc<str>,
    /// The host of the API.
    pub(super) host: Arc<str>,
    /// The zone; none for the list of the account's zones.
    pub(super) zone: Option<ZoneKey>,
    /// The result of each thing that the poll tried. Of hostnames, only failures are kept.
    pub(super) things: BTreeMap<Thing, Result<(), Trouble>>,
    /// True if the zone was found to have no association.
    pub(super) is_empty: bool,
}

impl Seen {
    pub(super) fn new(account: Arc<str>, host: Arc<str>, zone: Option<ZoneKey>) -> Self {
        Self { account, host, zone, things: BTreeMap::new(), is_empty: false }
    }

    /// Adds the results of a later poll of the same zone.
    pub(super) fn absorb(&mut self, later: Self) {
        self.things.extend(later.things);
        self.is_empty |= later.is_empty;
    }

    /// Returns why the whole zone could not be read.
    pub(super) fn failure(&self) -> Option<&Trouble> {
        self.things.get(&Thing::Zone)?.as_ref().err()
    }

    /// Returns all failures.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.things.values().filter_map(|result| result.as_ref().err())
    }

    /// Returns true if the API answered any request about the zone.
    pub(super) fn is_answered(&self) -> bool {
        self.failure().is_none_or(|trouble| matches!(trouble.class, Class::Answered(_)))
    }
}
