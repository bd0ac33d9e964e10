//! The poll of one zone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::Account;
use super::api::Api;
use super::deadline::Deadline;
use super::lookup::{self, Lookup, is_about_names};
use super::memory::Memory;
use crate::clock::Clock;
use crate::cloudflare::{Error, Purpose};
use crate::domain::{Date, Outcome, Reason, ZoneId, ZoneState};
use crate::keeper;
use crate::telemetry::Telemetry;

/// The poll of one zone. What it finds out goes to the keeper as soon as it is known.
pub(super) struct ZonePoll<A> {
    pub(super) account: Account<A>,
    pub(super) lookup: Arc<Lookup<A>>,
    /// The zone as it was known when the poll began.
    pub(super) zone: Arc<ZoneState>,
    pub(super) memory: Arc<Memory>,
    pub(super) deadline: Arc<Deadline>,
    /// How often the zone is polled.
    pub(super) interval: Duration,
    pub(super) keeper: keeper::Handle,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Clock,
}

impl<A: Api> ZonePoll<A> {
    /// Polls the zone. If that panics, the zone has failed, and no other.
    pub(super) async fn run(self) {
        self.report(Outcome::Planned { interval: self.interval, at: self.now() }).await;
        if let Err(error) = unless_it_panics(self.poll()).await {
            self.fail("zone could not be polled", &error, Purpose::Read).await;
        }
    }

    async fn poll(&self) {
        match self.id().await {
            Ok(id) => {
                tokio::join!(self.zone(id), self.look_up_again(id));
            }
            Err(error) => self.fail("zone could not be looked up", &error, Purpose::FindZone).await,
        }
    }

    /// The zone's id: as configured, else as last looked up. A known id is used as long as the API takes it.
    async fn id(&self) -> Result<ZoneId, Error> {
        let known = self.zone.id();
        match (known, lookup::name(&self.zone)) {
            (Some(id), Some(_)) if !self.memory.is_id_refused() => Ok(id),
            (_, Some(name)) => match self.lookup.find(name, self.look_up_until(known)).await {
                Ok(id) => {
                    self.memory.looked_up();
                    self.identify(id).await;
                    Ok(id)
                }
                Err(error) if !is_about_names(&error) => {
                    let Some(id) = known else { return Err(error) };
                    tracing::warn!(zone = %name, %error, "zone could not be looked up: its known id is used");
                    self.telemetry.poll_error(self.zone.key(), error.reason());
                    Ok(id)
                }
                Err(error) => Err(error),
            },
            // a target has at least one of the two
            (known, None) => known.ok_or(Error::Deadline),
        }
    }

    /// A known id is used after a look-up that hangs, which needs time too.
    fn look_up_until(&self, known: Option<ZoneId>) -> Instant {
        if known.is_some() { self.deadline.halfway() } else { self.deadline.at() }
    }

    /// Looks the zone up again where that was last done an hour ago. What comes of it counts from the next poll on.
    async fn look_up_again(&self, id: ZoneId) {
        let due = self.memory.is_look_up_due(Instant::now());
        let Some(name) = lookup::name(&self.zone).filter(|_| due) else { return };
        self.memory.looked_up();
        match unless_it_panics(self.lookup.find(name, self.deadline.at())).await.flatten() {
            Ok(found) if found != id => {
                tracing::warn!(zone = %name, %id, %found, "the zone has another id now");
                self.identify(found).await;
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(zone = %name, %error, "the zone could not be looked up again"),
        }
    }

    async fn identify(&self, id: ZoneId) {
        if self.zone.id() != Some(id) {
            self.report(Outcome::Identified(id)).await;
        }
    }

    async fn zone(&self, id: ZoneId) {
        if self.zone.target().extent().zone_level {
            self.zone_level(id).await;
        }
        self.associations(id).await;
        if self.account.api.take_odd_fields(id) {
            self.telemetry.poll_error(self.zone.key(), Reason::InvalidResponse);
        }
    }

    /// Reads the switch and the certificates of the zone as a whole.
    async fn zone_level(&self, id: ZoneId) {
        let (api, deadline) = (&self.account.api, self.deadline.at());
        let (enabled, certificates) = tokio::join!(
            unless_it_panics(api.zone_level_enabled(id, deadline)),
            unless_it_panics(api.zone_certificates(id, deadline)),
        );
        let enabled = self.counted("the zone-level switch could not be read", enabled.flatten());
        let certificates =
            self.counted("the zone-level certificates could not be read", certificates.flatten());
        let certificates = certificates.map(|listed| self.zone_level_rows(&listed));
        self.report(Outcome::ZoneLevel { enabled, certificates, at: self.now() }).await;
    }

    /// Ends the zone's poll with a failure of the whole zone.
    pub(super) async fn fail(&self, what: &str, error: &Error, purpose: Purpose) {
        let (reason, advice) = (error.reason(), error.advice(purpose));
        tracing::warn!(zone = %self.zone.key(), %error, advice, "{what}");
        self.telemetry.poll_error(self.zone.key(), reason);
        self.report(Outcome::Failed(reason)).await;
        self.end(Err(reason)).await;
    }

    /// Ends the zone's poll.
    pub(super) async fn end(&self, result: Result<(), Reason>) {
        match result {
            Ok(()) => self.memory.set_id_refused(false),
            Err(Reason::Forbidden | Reason::NotFound) => self.memory.set_id_refused(true),
            Err(_) => {}
        }
        self.report(Outcome::Ended { result, at: self.now() }).await;
    }

    /// The value, or the reason why there is none, which is logged and counted.
    fn counted<T>(&self, what: &str, result: Result<T, Error>) -> Result<T, Reason> {
        result.map_err(|error| {
            let advice = error.advice(Purpose::Read);
            tracing::warn!(zone = %self.zone.key(), %error, advice, "{what}");
            self.telemetry.poll_error(self.zone.key(), error.reason());
            error.reason()
        })
    }

    pub(super) async fn report(&self, outcome: Outcome) {
        self.keeper.report(self.zone.key().clone(), outcome).await;
    }

    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }
}

/// Whether other requests for the same zone may succeed after this failure: not where the token, the quota or the network
/// is to blame.
pub(super) fn leaves_others_a_chance(error: &Error) -> bool {
    error.was_sent()
        && !matches!(error.reason(), Reason::Auth | Reason::RateLimited | Reason::Connect | Reason::Tls)
}

/// The result of `work`, or an error if it panics: one answer that the program cannot handle is not worth all others.
/// Whatever it shares is locked for single writes only, or made anew with the next poll.
pub(super) async fn unless_it_panics<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Error::Panicked)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_panic_fails_and_harms_nothing_else() {
        let answers = stream::iter([1, 0, 2]).map(|by| unless_it_panics(async move { 4 / by }));
        let results: Vec<_> =
            answers.buffered(3).map(|answer| answer.map_err(|error| error.reason())).collect().await;
        assert_eq!(results, [Ok(4), Err(Reason::InvalidResponse), Ok(2)]);
    }
}
