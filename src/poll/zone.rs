//! The poll of one zone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Account;
use super::api::Api;
use super::deadline::Deadline;
use super::lookup::{self, Lookup, is_about_names};
use super::memory::{Hourly, Memory};
use super::seen::{Seen, Thing, Trouble};
use super::unless_it_panics;
use crate::clock::Clock;
use crate::cloudflare::{Error, Purpose};
use crate::domain::{Date, Outcome, PartKind, Reason, ZoneId, ZoneState};
use crate::keeper;
use crate::telemetry::Telemetry;

/// The poll of one zone. Results go to the keeper as soon as they are known.
pub(super) struct ZonePoll<A> {
    pub(super) account: Account<A>,
    pub(super) lookup: Arc<Lookup<A>>,
    /// The zone as it was known when the poll began.
    pub(super) zone: Arc<ZoneState>,
    pub(super) memory: Arc<Memory>,
    pub(super) cloudflare: Arc<Hourly>,
    pub(super) deadline: Arc<Deadline>,
    /// The parts to read.
    pub(super) parts: Vec<PartKind>,
    pub(super) keeper: keeper::Handle,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Clock,
    pub(super) seen: Mutex<Seen>,
}

impl<A: Api> ZonePoll<A> {
    /// Polls the zone, and returns the results. If that panics, only this zone has failed.
    pub(super) async fn run(self) -> Seen {
        if let Err(error) = unless_it_panics(self.poll()).await {
            self.fail("zone could not be polled", &error, Purpose::Read).await;
        }
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(&self) {
        match self.id().await {
            Ok(id) => {
                tokio::join!(self.zone(id), self.look_up_again(id));
            }
            Err(error) => self.fail("zone could not be looked up", &error, Purpose::FindZone).await,
        }
    }

    /// Returns the zone's id: the configured one, or the last one looked up. A known id is used as long as
    /// the API accepts it.
    async fn id(&self) -> Result<ZoneId, Error> {
        let known = self.zone.id();
        match (known, lookup::name(&self.zone)) {
            (Some(id), Some(_)) if !self.memory.is_id_refused() => Ok(id),
            (_, Some(name)) => match self.lookup.find(name, self.look_up_until(known)).await {
                Ok(id) => {
                    self.memory.looked_up();
                    self.met(Thing::Id, Ok(()));
                    self.identify(id).await;
                    Ok(id)
                }
                Err(error) if !is_about_names(&error) => {
                    let Some(id) = known else { return Err(error) };
                    tracing::debug!(zone = %name, %error, "zone could not be looked up: its known id is used");
                    self.met(Thing::Id, Err(Trouble::new(&error, Purpose::FindZone)));
                    self.telemetry.poll_error(self.zone.key(), error.reason());
                    Ok(id)
                }
                Err(error) => Err(error),
            },
            // a target has a name, an id, or both
            (known, None) => known.ok_or(Error::Deadline),
        }
    }

    /// Returns the deadline of a look-up. A look-up that hangs leaves time to use the known id.
    fn look_up_until(&self, known: Option<ZoneId>) -> Instant {
        if known.is_some() { self.deadline.halfway() } else { self.deadline.at() }
    }

    /// Looks the zone up again if that was last done an hour ago. The result applies from the next poll on.
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
        for part in &self.parts {
            match part {
                PartKind::Associations => self.associations(id).await,
                PartKind::ZoneLevel => self.zone_level(id).await,
                PartKind::Settings => self.settings(id).await,
                PartKind::DnsRecords => self.dns_records(id).await,
            }
        }
        if self.account.api.take_odd_fields(id) {
            self.telemetry.poll_error(self.zone.key(), Reason::InvalidResponse);
        }
    }

    /// Reads the zone-level switch and certificates.
    async fn zone_level(&self, id: ZoneId) {
        let (api, deadline) = (&self.account.api, self.deadline.at());
        let (enabled, certificates) = tokio::join!(
            unless_it_panics(api.zone_level_enabled(id, deadline)),
            unless_it_panics(api.zone_certificates(id, deadline)),
        );
        let enabled = self.counted(&Thing::Switch, Purpose::Read, enabled.flatten());
        let certificates = self.counted(&Thing::Certificates, Purpose::Read, certificates.flatten());
        let certificates = certificates.map(|listed| self.zone_level_rows(&listed));
        self.report(Outcome::ZoneLevel { enabled, certificates, at: self.now() }).await;
    }

    /// Reads the global switch and the SSL mode. The token's permission for them is optional.
    async fn settings(&self, id: ZoneId) {
        let (api, deadline) = (&self.account.api, self.deadline.at());
        let (global, ssl_mode) = tokio::join!(
            unless_it_panics(api.global_switch(id, deadline)),
            unless_it_panics(api.ssl_mode(id, deadline)),
        );
        let global = self.counted(&Thing::GlobalSwitch, Purpose::Settings, global.flatten());
        let ssl_mode = self.counted(&Thing::SslMode, Purpose::Settings, ssl_mode.flatten());
        self.report(Outcome::Settings { global, ssl_mode, at: self.now() }).await;
    }

    /// Reads the DNS records. The token's permission for them is optional.
    async fn dns_records(&self, id: ZoneId) {
        let (api, deadline) = (&self.account.api, self.deadline.at());
        let (listed, ()) = tokio::join!(unless_it_panics(api.dns_records(id, deadline)), self.cloudflare());
        let listed = self.counted(&Thing::DnsRecords, Purpose::DnsRecords, listed.flatten());
        if let Ok(listed) = &listed {
            self.met_rows("DNS records", listed.complete);
        }
        let records = listed.map(|listed| listed.records.into());
        self.report(Outcome::DnsRecords { records, at: self.now() }).await;
    }

    /// Reads Cloudflare's own address ranges if that is due. They are the same for all zones. The known ones
    /// are kept if that fails.
    async fn cloudflare(&self) {
        if !self.cloudflare.is_due(Instant::now()) {
            return;
        }
        self.deadline.allow_for(1);
        match unless_it_panics(self.account.api.ip_ranges(self.deadline.at())).await.flatten() {
            Ok(ranges) => self.keeper.report_cloudflare(ranges.into()).await,
            Err(error) => tracing::debug!(%error, "Cloudflare's own address ranges could not be read"),
        }
    }

    /// Ends the zone's poll with a failure of the whole zone.
    pub(super) async fn fail(&self, what: &str, error: &Error, purpose: Purpose) {
        let (reason, advice) = (error.reason(), error.advice(purpose));
        tracing::debug!(zone = %self.zone.key(), %error, advice, "{what}");
        self.met(Thing::Zone, Err(Trouble::new(error, purpose)));
        self.telemetry.poll_error(self.zone.key(), reason);
        self.report(Outcome::Failed(reason)).await;
        self.end(Err(reason)).await;
    }

    /// Ends the zone's poll.
    pub(super) async fn end(&self, result: Result<(), Reason>) {
        match result {
            Ok(()) => {
                self.memory.set_id_refused(false);
                self.met(Thing::Zone, Ok(()));
            }
            Err(Reason::Forbidden | Reason::NotFound) => self.memory.set_id_refused(true),
            Err(_) => {}
        }
        self.report(Outcome::Ended { result, at: self.now() }).await;
    }

    /// Returns the value, or the reason for its absence, which is recorded and counted. A missing optional
    /// permission is not an error.
    fn counted<T>(&self, thing: &Thing, purpose: Purpose, result: Result<T, Error>) -> Result<T, Reason> {
        let trouble = |error: &Error| Trouble::new(error, purpose);
        self.met(thing.clone(), result.as_ref().map(|_| ()).map_err(trouble));
        result.map_err(|error| {
            let reason = error.reason();
            tracing::debug!(zone = %self.zone.key(), %error, ?thing, "a request of the poll failed");
            if !purpose.is_optional() || reason != Reason::Forbidden {
                self.telemetry.poll_error(self.zone.key(), reason);
            }
            reason
        })
    }

    /// Records the result of a thing of the zone.
    pub(super) fn met(&self, thing: Thing, result: Result<(), Trouble>) {
        self.seen().things.insert(thing, result);
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn report(&self, outcome: Outcome) {
        self.keeper.report(self.zone.key().clone(), outcome).await;
    }

    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }
}

/// Returns true if other requests for the same zone may succeed after this failure: unless the token, the
/// quota or the network is to blame.
pub(super) fn leaves_others_a_chance(error: &Error) -> bool {
    error.was_sent()
        && !matches!(error.reason(), Reason::Auth | Reason::RateLimited | Reason::Connect | Reason::Tls)
}
