//! A part of a zone that is read by requests of its own.

use crate::domain::{Date, Reason};

/// What is known about reading one part of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How the latest attempt to read it ended; none while there was none.
    pub latest: Option<Result<(), Reason>>,
    /// When it was last read.
    pub last_success: Option<Date>,
    /// Since when polls have wanted it.
    pub since: Option<Date>,
}

impl Part {
    /// A part as a state file knew it.
    pub fn restored(last_success: Option<Date>, failure: Option<Reason>, since: Option<Date>) -> Self {
        let latest = failure.map(Err).or(last_success.map(|_| Ok(())));
        Self { latest, last_success, since }
    }

    /// Takes in that a poll wants it.
    pub(super) fn wanted(&mut self, at: Date) {
        self.since.get_or_insert(at);
    }

    /// Takes what is known about the same part of a zone that turned out to be this one, if that is newer.
    pub(super) fn absorb(&mut self, other: Self) {
        if other.last_success > self.last_success || self.latest.is_none() {
            *self = other;
        }
    }

    /// Takes in how an attempt ended.
    pub(super) fn tried(&mut self, result: Result<(), Reason>, at: Date) {
        self.latest = Some(result);
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

    /// Whether the latest attempt succeeded.
    pub fn is_up(self) -> bool {
        self.latest == Some(Ok(()))
    }
}
