//! Hostnames that are asked about one by one.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::zone::{ZonePoll, unless_it_panics};
use crate::cloudflare::{Error, Purpose};
use crate::domain::{Certificates, Hostname, Reason, ZoneId};

/// Within a long poll, what is known is published this often.
const PUBLISH_EVERY: Duration = Duration::from_secs(10);

/// What a poll has heard of a zone before it asks about hostnames.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// What its lists tell.
    Lists,
    /// That there are no lists, or not for this token.
    Refusal,
}

impl ZonePoll<'_> {
    /// Asks about each of these hostnames and ends the zone's poll. The zone is up where anything was answered.
    pub(super) async fn ask(
        &self,
        id: ZoneId,
        hostnames: Vec<Hostname>,
        certificates: Certificates,
        before: Before,
    ) {
        let (all, mut failed, mut answered) = (hostnames.len(), 0_usize, before == Before::Lists);
        let mut first_failure = None;
        // where all of the zone is refused, asking on would only spend the budget of others
        let refused = OnceLock::new();
        let ask = |hostname: Hostname| {
            let refused = &refused;
            async move {
                if let Some(reason) = refused.get() {
                    return (hostname, Err((*reason, None)));
                }
                let answer = unless_it_panics(self.client.hostname(id, &hostname, self.deadline)).await;
                let answer = answer.flatten().map_err(|error| {
                    let reason = error.reason();
                    if reason == Reason::Auth {
                        refused.get_or_init(|| reason);
                    }
                    (reason, Some(error))
                });
                (hostname, answer)
            }
        };
        let concurrent = self.client.options().max_concurrent_requests;
        let mut hostnames = hostnames.into_iter();
        // after lists were refused, the first answer tells whether that holds for the zone
        let first: Vec<_> = hostnames.by_ref().take(usize::from(before == Before::Refusal)).collect();
        let first = stream::iter(first).then(&ask);
        let answers = first.chain(stream::iter(hostnames).map(&ask).buffer_unordered(concurrent));
        tokio::pin!(answers);
        let (mut outcome, mut published) = (self.outcome(Some(id)), Instant::now());
        loop {
            let next = tokio::select! {
                next = answers.next() => next,
                () = sleep_until(published + PUBLISH_EVERY), if !outcome.hostnames.is_empty() => {
                    self.send(std::mem::replace(&mut outcome, self.outcome(Some(id)))).await;
                    published = Instant::now();
                    continue;
                }
            };
            let Some((hostname, answer)) = next else { break };
            let result = match answer {
                Ok(reading) => {
                    answered = true;
                    self.memory.answered(&hostname, reading.association);
                    Ok(reading)
                }
                Err((reason, error)) => {
                    failed += 1;
                    self.telemetry.poll_error(self.target.key(), reason);
                    if before == Before::Refusal && !answered && error.as_ref().is_some_and(is_of_zone) {
                        refused.get_or_init(|| reason);
                    }
                    first_failure = first_failure.or(error.map(|error| (hostname.clone(), reason, error)));
                    Err(reason)
                }
            };
            outcome.hostnames.push((hostname, result));
        }
        let mut end = Ok(());
        if let Some((hostname, reason, error)) = first_failure {
            let advice = error.advice(Purpose::Read);
            tracing::warn!(zone = %self.target.key(), failed, of = all, %hostname, %error, advice, "hostnames could not be read");
            if !answered {
                end = Err(reason);
            }
        }
        outcome.certificates = certificates;
        outcome.end = Some((end, self.clock.now().into()));
        self.send(outcome).await;
    }
}

/// Whether a refusal to tell of a hostname is one of the whole zone.
fn is_of_zone(error: &Error) -> bool {
    error.reason() == Reason::Forbidden || error.is_of_path()
}
