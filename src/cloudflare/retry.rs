//! The retry policy of failed requests, as a pure function.

use std::time::Duration;

use super::Error;

/// The maximum number of retries of one request.
const MOST: u32 = 2;
const FIRST: Duration = Duration::from_millis(500);
/// The longest `Retry-After` that is respected. The budget handles that of a 429.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the delay before the next retry of a request that was retried `attempt` times. None means to give
/// up.
///
/// Doubles from half a second. `random`, from 0 to 1, takes up to a quarter off, so that clients do not retry in step.
pub(super) fn delay(attempt: u32, error: &Error, random: f64) -> Option<Duration> {
    if attempt >= MOST || !error.is_transient() {
        return None;
    }
    let backoff = FIRST.saturating_mul(1 << attempt).mul_f64(1.0 - 0.25 * random);
    let asked = error.retry_after().unwrap_or_default().min(LONGEST);
    Some(backoff.max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> Error {
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Api { status, errors: Vec::new(), ray: None, retry_after }
    }

    #[test]
    fn delays_double_and_are_shortened_at_random() {
        let error = status(500, None);
        let delays = |random| [0, 1, 2].map(|attempt| delay(attempt, &error, random));
        let ms = |time| Some(Duration::from_millis(time));
        assert_eq!(delays(0.0), [ms(500), ms(1000), None]);
        assert_eq!(delays(1.0), [ms(375), ms(750), None]);
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let tried = |code| delay(0, &status(code, None), 0.0).is_some();
        for code in [408, 409, 429, 500, 502, 503, 504, 520, 530] {
            assert!(tried(code), "{code}");
        }
        for code in [200, 301, 400, 401, 403, 404, 405, 422] {
            assert!(!tried(code), "{code}");
        }
        assert_eq!(delay(0, &Error::Deadline, 0.0), None);
        assert_eq!(delay(0, &Error::Oversized(0), 0.0), None);
    }

    #[test]
    fn a_server_that_is_down_may_ask_for_a_limited_delay() {
        let asked = |seconds| delay(0, &status(503, Some(seconds)), 0.0).map(|delay| delay.as_secs_f64());
        assert_eq!([0, 7, 60, 3600].map(asked), [Some(0.5), Some(7.0), Some(60.0), Some(60.0)]);
    }

    #[test]
    fn the_budget_handles_the_delay_after_a_429() {
        assert_eq!(delay(0, &status(429, Some(7)), 0.0), Some(FIRST));
    }
}
