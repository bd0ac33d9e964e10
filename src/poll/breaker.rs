//! When to stop asking about the hostnames of a zone one by one: an outage should cost few requests.

use crate::cloudflare::Error;
use crate::domain::Reason;

/// So many outages or refusals in a row end the GETs of a zone.
const MOST_IN_A_ROW: u32 = 3;
/// So many failures of any kind end them where nothing was answered at all.
const MOST_UNANSWERED: u32 = 10;

/// Decides from the answers so far how many GETs may run side by side, and when to skip the rest.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    answered: bool,
    /// Whether a hostname whose GET had failed in an earlier poll was answered.
    suspect_answered: bool,
    /// Time-outs, broken connections and 5xx since the last other answer.
    outages: u32,
    /// Refusals of the whole zone before anything was answered.
    refusals: u32,
    failures: u32,
    tripped: Option<Reason>,
}

impl Breaker {
    /// A breaker for a zone whose lists failed with `error`: of a zone that is refused one more refusal is enough, and
    /// an outage has begun.
    pub(super) fn after(error: &Error) -> Self {
        let mut breaker = Self::default();
        breaker.failed(error);
        if breaker.refusals > 0 {
            breaker.refusals = MOST_IN_A_ROW - 1;
        }
        breaker
    }

    /// Takes in an answer; `suspect` if the latest GET for that hostname had failed.
    pub(super) fn answered(&mut self, suspect: bool) {
        self.answered = true;
        self.suspect_answered |= suspect;
        (self.outages, self.refusals) = (0, 0);
    }

    /// Takes in a failure.
    pub(super) fn failed(&mut self, error: &Error) {
        let reason = error.reason();
        self.failures += 1;
        match reason {
            Reason::ServerError | Reason::Timeout | Reason::Connect | Reason::Tls => self.outages += 1,
            _ if !self.answered && refuses_zone(error) => self.refusals += 1,
            _ => self.outages = 0,
        }
        let concerns_all = reason == Reason::Auth || !error.was_sent();
        let unanswered = !self.answered && self.failures >= MOST_UNANSWERED;
        if concerns_all || unanswered || self.outages >= MOST_IN_A_ROW || self.refusals >= MOST_IN_A_ROW {
            self.tripped.get_or_insert(reason);
        }
    }

    /// Why the rest is skipped; none while asking goes on.
    pub(super) fn tripped(&self) -> Option<Reason> {
        self.tripped
    }

    /// Whether anything was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// The number of GETs that may run side by side, of at most `most`. After a failure, and for hostnames whose GET
    /// failed in an earlier poll, one at a time tells enough and takes no slots from other zones.
    pub(super) fn width(&self, suspect: bool, most: usize) -> usize {
        let cautious = self.outages > 0 || self.refusals > 0 || suspect && !self.suspect_answered;
        if cautious { 1 } else { most }
    }
}

/// Whether a failure about one hostname tells that the whole zone is refused.
fn refuses_zone(error: &Error) -> bool {
    error.reason() == Reason::Forbidden || error.is_of_path()
}
