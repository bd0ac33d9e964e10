//! A circuit breaker for the GETs of a zone's hostnames, so that an outage costs few requests.

use crate::cloudflare::Error;
use crate::domain::Reason;

/// The number of outages or refusals in a row that end the GETs of a zone.
const MOST_IN_A_ROW: u32 = 3;
/// The number of refusals of any kind that end them if no request was answered.
const MOST_REFUSED: u32 = 10;

/// Decides from the results so far how many GETs may run concurrently, and when to skip the rest.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    answered: bool,
    /// True if a suspect was answered.
    suspect_answered: bool,
    /// Timeouts, broken connections and 5xx since the last other response.
    outages: u32,
    /// Refusals of the whole zone before any answer.
    refusals: u32,
    /// Refusals of any kind.
    refused: u32,
    /// True if there was no time or quota left to send a request.
    out_of_time: bool,
    tripped: Option<Reason>,
}

impl Breaker {
    /// Creates a breaker for a zone whose lists failed with `error`. That counts as the first outage, and a
    /// refused zone needs only one more refusal.
    pub(super) fn after(error: &Error) -> Self {
        let mut breaker = Self::default();
        breaker.failed(error);
        if breaker.refusals > 0 {
            breaker.refusals = MOST_IN_A_ROW - 1;
        }
        breaker
    }

    /// Records an answer about a suspect, or about another hostname.
    pub(super) fn answered(&mut self, suspect: bool) {
        self.answered = true;
        self.suspect_answered |= suspect;
        (self.outages, self.refusals) = (0, 0);
    }

    /// Records a failure.
    pub(super) fn failed(&mut self, error: &Error) {
        let reason = error.reason();
        self.refused += u32::from(matches!(error, Error::Api { .. } | Error::Page { .. }));
        match reason {
            Reason::ServerError | Reason::Timeout | Reason::Connect | Reason::Tls => self.outages += 1,
            _ if !self.answered && refuses_zone(error) => self.refusals += 1,
            _ => self.outages = 0,
        }
        self.out_of_time |= !error.was_sent();
        let concerns_all = reason == Reason::Auth || !error.was_sent();
        let unanswered = !self.answered && self.refused >= MOST_REFUSED;
        if concerns_all || unanswered || self.outages >= MOST_IN_A_ROW || self.refusals >= MOST_IN_A_ROW {
            self.tripped.get_or_insert(reason);
        }
    }

    /// Returns why the rest is skipped, or none while GETs continue.
    pub(super) fn tripped(&self) -> Option<Reason> {
        self.tripped
    }

    /// Returns true if there was no time or quota left to send a request.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.out_of_time
    }

    /// Returns true if any request was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Returns how many GETs may run concurrently, at most `most`. It is one after a failure and for
    /// suspects, which is enough to learn more and leaves slots to other zones.
    pub(super) fn width(&self, suspect: bool, most: usize) -> usize {
        let cautious = self.outages > 0 || self.refusals > 0 || suspect && !self.suspect_answered;
        if cautious { 1 } else { most }
    }
}

/// Returns true if the failure of one hostname shows that the API refuses the whole zone.
fn refuses_zone(error: &Error) -> bool {
    error.reason() == Reason::Forbidden || error.is_of_path() || matches!(error, Error::Page { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16) -> Error {
        Error::Api { status, errors: Vec::new(), ray: None, retry_after: None }
    }

    fn unreadable() -> Error {
        Error::Invalid { status: 200, what: "it is odd".into(), ray: None }
    }

    /// Returns the number of these failures after which the rest is skipped.
    fn tripped_after(mut breaker: Breaker, error: &Error) -> Option<usize> {
        (1..=20).find(|_| {
            breaker.failed(error);
            breaker.tripped().is_some()
        })
    }

    #[test]
    fn the_breaker_trips_after_a_number_of_failures_that_depends_on_their_kind() {
        let after = |error: &Error| tripped_after(Breaker::default(), error);
        assert_eq!(
            [401, 500, 503, 408, 403, 404, 400].map(|status| after(&api(status))),
            [Some(1), Some(3), Some(3), Some(3), Some(3), Some(10), Some(10)]
        );
        assert_eq!([Error::Deadline, unreadable()].map(|error| after(&error)), [Some(1), None]);
    }

    #[test]
    fn an_answer_resets_the_failures_and_shows_that_the_zone_is_not_refused() {
        let mut breaker = Breaker::default();
        for status in [500, 500, 403, 403] {
            breaker.failed(&api(status));
        }
        breaker.answered(false);
        assert_eq!(tripped_after(breaker, &api(403)), None);
        let mut breaker = Breaker::default();
        breaker.answered(false);
        assert_eq!(tripped_after(breaker, &api(500)), Some(3));
    }

    #[test]
    fn after_a_refused_list_one_more_refusal_is_enough() {
        assert_eq!(tripped_after(Breaker::after(&api(403)), &api(403)), Some(1));
        assert_eq!(tripped_after(Breaker::after(&api(500)), &api(500)), Some(2));
        assert_eq!(tripped_after(Breaker::after(&api(404)), &api(404)), Some(9));
    }

    #[test]
    fn gets_run_one_at_a_time_after_a_failure_and_for_suspects() {
        let mut breaker = Breaker::default();
        assert_eq!((breaker.width(false, 8), breaker.width(true, 8)), (8, 1));
        breaker.failed(&api(500));
        assert_eq!(breaker.width(false, 8), 1);
        breaker.answered(true);
        assert_eq!((breaker.width(false, 8), breaker.width(true, 8)), (8, 8));
    }
}
