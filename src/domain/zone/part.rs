//! The parts of a zone, each of which is read by its own requests.

use std::time::Duration;

use crate::domain::{Date, Reason};

/// The parts of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKind {
    /// The associations, and the certificates for single hostnames.
    Associations,
    /// The zone-level switch and certificates.
    ZoneLevel,
    /// The global switch and the SSL mode.
    Settings,
    /// The DNS records.
    DnsRecords,
}

impl PartKind {
    /// Every part, in the order in which they are read for the first time.
    pub const ALL: [Self; 4] = [Self::Associations, Self::ZoneLevel, Self::Settings, Self::DnsRecords];

    /// Returns true if the token need not be allowed to read the part.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Settings | Self::DnsRecords)
    }

    /// Returns the value of the label `part`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Associations => "associations",
            Self::ZoneLevel => "zone_level",
            Self::Settings => "settings",
            Self::DnsRecords => "dns_records",
        }
    }
}

/// The read status of one part of a zone: the latest result, the last success, and the interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The result of the latest attempt to read the part; `None` before the first one.
    pub latest: Option<Result<(), Reason>>,
    /// The time when the part was last read.
    pub last_success: Option<Date>,
    /// The time when a poll first planned to read the part.
    pub since: Option<Date>,
    /// The time when the latest attempt ended.
    pub tried_at: Option<Date>,
    /// The interval at which the part is read, once it is planned.
    pub interval: Option<Duration>,
}

impl Part {
    /// Restores a part from a state file.
    pub fn restored(last_success: Option<Date>, failure: Option<Reason>, since: Option<Date>) -> Self {
        let latest = failure.map(Err).or(last_success.map(|_| Ok(())));
        // the time of a failed attempt is not stored, so the part is due at once
        Self { latest, last_success, since, tried_at: last_success, interval: None }
    }

    /// Sets the interval at which polls read the part.
    pub(in crate::domain) fn planned(&mut self, interval: Duration, at: Date) {
        self.interval = Some(interval);
        self.since.get_or_insert(at);
    }

    /// Takes over the state of the same part of a zone that is merged into this one, if it is newer.
    pub(super) fn absorb(&mut self, other: Self) {
        if other.last_success > self.last_success || self.latest.is_none() {
            *self = other;
        }
    }

    /// Applies the result of an attempt.
    pub(in crate::domain) fn tried(&mut self, result: Result<(), Reason>, at: Date) {
        self.latest = Some(result);
        self.tried_at = Some(at);
        if result.is_ok() {
            self.last_success = Some(at);
        }
    }

    /// Returns the time when the part was last read, or else when a poll first planned to read it.
    pub fn seen(self) -> Option<Date> {
        self.last_success.or(self.since)
    }

    /// Returns the reason why the latest attempt failed, if it did.
    pub fn failure(self) -> Option<Reason> {
        self.latest.and_then(Result::err)
    }

    /// Returns true if the latest attempt succeeded.
    pub fn is_up(self) -> bool {
        self.latest == Some(Ok(()))
    }
}
