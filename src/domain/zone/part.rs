//! A part of a zone that is read by requests of its own.

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

    /// True if a token need not be allowed to read it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Settings | Self::DnsRecords)
    }

    /// The value of the label `part`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Associations => "associations",
            Self::ZoneLevel => "zone_level",
            Self::Settings => "settings",
            Self::DnsRecords => "dns_records",
        }
    }
}

/// The state of reading one part of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How the latest attempt to read it ended; none while there was none.
    pub latest: Option<Result<(), Reason>>,
    /// When it was last read.
    pub last_success: Option<Date>,
    /// Since when polls have wanted it.
    pub since: Option<Date>,
    /// When the latest attempt ended.
    pub tried_at: Option<Date>,
    /// The interval at which it is read, once that is planned.
    pub interval: Option<Duration>,
}

impl Part {
    /// A part as a state file knew it.
    pub fn restored(last_success: Option<Date>, failure: Option<Reason>, since: Option<Date>) -> Self {
        let latest = failure.map(Err).or(last_success.map(|_| Ok(())));
        // when a failed attempt was is not kept: it counts as just due
        Self { latest, last_success, since, tried_at: last_success, interval: None }
    }

    /// Sets the interval at which polls read it.
    pub(in crate::domain) fn planned(&mut self, interval: Duration, at: Date) {
        self.interval = Some(interval);
        self.since.get_or_insert(at);
    }

    /// Takes over the state of the same part of a zone that turned out to be this one, if that is newer.
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

    /// When it was last read, or since when polls have wanted it.
    pub fn seen(self) -> Option<Date> {
        self.last_success.or(self.since)
    }

    /// Why the latest attempt failed.
    pub fn failure(self) -> Option<Reason> {
        self.latest.and_then(Result::err)
    }

    /// Returns true if the latest attempt succeeded.
    pub fn is_up(self) -> bool {
        self.latest == Some(Ok(()))
    }
}
