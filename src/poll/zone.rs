//! The poll of one zone.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::hostnames::Before;
use super::listing::{self, Gap, Listing};
use super::lookup::Lookup;
use super::memory::Memory;
use super::plan::Way;
use super::{Message, plan};
use crate::clock::Clock;
use crate::cloudflare::{Client, Error, Purpose};
use crate::domain::{
    Association, CertId, Certificates, Level, Outcome, Reading, Reason, Strategy, Targets, ZoneCertificate,
    ZoneId, ZoneState, ZoneTarget,
};
use crate::telemetry::Telemetry;

pub(super) struct ZonePoll<'a> {
    pub(super) client: &'a Client,
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) targets: &'a Targets,
    pub(super) target: &'a Arc<ZoneTarget>,
    pub(super) known: &'a ZoneState,
    pub(super) memory: &'a Memory,
    pub(super) telemetry: &'a Telemetry,
    pub(super) clock: &'a Clock,
    pub(super) deadline: Instant,
    pub(super) messages: mpsc::Sender<Message>,
}

impl ZonePoll<'_> {
    /// Polls the zone; where that panics, it has failed and harms no other.
    pub(super) async fn run(self) {
        if let Err(error) = unless_it_panics(self.read()).await {
            self.fail("zone could not be polled", &error, Purpose::Read).await;
        }
    }

    async fn read(&self) {
        let id = match self.lookup.id(self.target, self.known, self.deadline).await {
            Ok(id) => id,
            Err(error) => return self.fail("zone could not be looked up", &error, Purpose::FindZone).await,
        };
        let twin = self
            .targets
            .zones()
            .iter()
            .find(|other| other.id() == Some(id) && other.key() != self.target.key());
        if let Some(twin) = twin {
            let (name, id) = (self.target.key().clone(), twin.key().clone());
            // it fails when the poll was dropped meanwhile
            let _ = self.messages.send(Message::SameZone { name, id }).await;
            return;
        }
        if self.target.extent().zone_level {
            self.zone_level(id).await;
        }
        self.associations(id).await;
        if self.client.take_odd_fields(id) {
            self.telemetry.poll_error(self.target.key(), Reason::InvalidResponse);
        }
    }

    /// Reads the switch and the certificates of the zone as a whole.
    async fn zone_level(&self, id: ZoneId) {
        let (enabled, certificates) = tokio::join!(
            self.client.zone_level_enabled(id, self.deadline),
            self.client.zone_certificates(id, self.deadline),
        );
        let failure = enabled.as_ref().err().or(certificates.as_ref().err()).map(Error::reason);
        let enabled = self.counted("the zone-level switch could not be read", enabled);
        let certificates = self.counted("the zone-level certificates could not be read", certificates);
        let certificates = certificates.map(|listed| {
            let rows = listed.rows.iter().map(|row| listing::zone_certificate(row, Level::Zone));
            self.with_unread(rows.collect(), listed.complete, Level::Zone)
        });
        self.send(Outcome {
            zone_level: Some(failure.map_or(Ok(()), Err)),
            zone_level_enabled: enabled,
            zone_certificates: certificates,
            ..self.outcome(Some(id))
        })
        .await;
    }

    async fn associations(&self, id: ZoneId) {
        let (mut certificates, mut before) = (Certificates::OfReadings, Before::Nothing);
        if self.reads_lists() {
            match self.lists(id).await {
                Ok(Some(listing)) => {
                    self.memory.set_way(Way::Lists { pages: listing.pages });
                    return self.listed(id, listing).await;
                }
                Ok(None) => self.memory.set_way(Way::OneByOne),
                // with nothing to ask about one by one, nothing of the zone would be read
                Err(error) if is_missing(&error) && !self.known.entries().is_empty() => {
                    (certificates, before) = (self.do_without_lists(&error), Before::Refusal);
                }
                Err(error) => return self.fail("zone could not be listed", &error, Purpose::List).await,
            }
        }
        self.ask(id, plan::hostnames(self.known), certificates, before).await;
    }

    /// Whether lists are read, or the first page of one to decide about the others.
    fn reads_lists(&self) -> bool {
        let way = self.memory.way();
        let decides = || {
            way == Way::Open && self.target.extent().strategy == Strategy::Auto && plan::may_list(self.known)
        };
        self.needs_lists() || way.asks_for_lists() || decides()
    }

    fn needs_lists(&self) -> bool {
        let extent = self.target.extent();
        extent.discovered.is_some() || extent.strategy == Strategy::List
    }

    /// Reads both lists; none where their first page shows that a GET each costs less.
    async fn lists(&self, id: ZoneId) -> Result<Option<Listing>, Error> {
        let decided = self.needs_lists() || self.memory.way().asks_for_lists();
        let proceed = |pages| decided || plan::lists_cost_less(self.known, pages);
        let Some(associations) = self.client.associations(id, self.deadline, proceed).await? else {
            return Ok(None);
        };
        let certificates = self.client.hostname_certificates(id, self.deadline).await?;
        let mut listing = listing::join(associations, &certificates.rows, self.clock.now().into());
        listing.certificates = self.with_unread(listing.certificates, certificates.complete, Level::Hostname);
        if !listing.complete {
            tracing::warn!(zone = %self.target.key(), "the list of associations is not whole, or changed while it was read");
            self.telemetry.poll_error(self.target.key(), Reason::InvalidResponse);
            self.keep_counts(&mut listing.certificates);
        }
        Ok(Some(listing))
    }

    /// The certificates of a list, and where some of its rows could not be read, those that may be in these.
    fn with_unread(
        &self,
        mut rows: Vec<ZoneCertificate>,
        complete: bool,
        level: Level,
    ) -> Vec<ZoneCertificate> {
        if !complete {
            tracing::warn!(zone = %self.target.key(), level = level.label(), "some listed certificates cannot be read");
            self.telemetry.poll_error(self.target.key(), Reason::InvalidResponse);
            let read: HashSet<CertId> = rows.iter().map(|row| row.id.clone()).collect();
            let known = self.known.certificates().iter().filter(|known| known.level == level);
            rows.extend(known.filter(|known| !read.contains(&known.id)).cloned());
        }
        rows
    }

    /// Takes back how many associations these have by a list that is not whole: what a whole one said stays.
    fn keep_counts(&self, certificates: &mut [ZoneCertificate]) {
        let known = self.known.certificates().iter().filter(|known| known.level == Level::Hostname);
        let known: HashMap<&CertId, Option<u32>> = known.map(|known| (&known.id, known.hostnames)).collect();
        for row in certificates {
            row.hostnames = known.get(&row.id).copied().flatten();
        }
    }

    /// Goes on with a GET each: for this poll where lists are asked for or were there before, else until the
    /// configuration changes. Tells what is known of the certificates then.
    fn do_without_lists(&self, error: &Error) -> Certificates {
        tracing::warn!(zone = %self.target.key(), %error, "there are no lists: hostnames are read one by one");
        if self.needs_lists() || self.memory.way().asks_for_lists() {
            self.telemetry.poll_error(self.target.key(), error.reason());
            self.memory.set_way(Way::WithoutLists);
            return Certificates::AsBefore;
        }
        self.memory.set_way(Way::OneByOne);
        Certificates::OfReadings
    }

    /// Takes from the lists what they tell, and asks about the rest.
    async fn listed(&self, id: ZoneId, listing: Listing) {
        let mut outcome = self.outcome(Some(id));
        let mut unsure = Vec::new();
        let discovers = self.target.extent().discovered.is_some();
        if discovers
            && listing.complete
            && listing.hostnames.is_empty()
            && self.memory.is_news_that_it_is_empty()
        {
            tracing::info!(zone = %self.target.key(), "the zone has no association");
        }
        self.memory.retain(|hostname| self.known.entry(hostname).is_some());
        for entry in
            self.known.entries().iter().filter(|entry| !listing.hostnames.contains_key(entry.hostname()))
        {
            let hostname = entry.hostname();
            let was_none = entry.reading().is_some_and(|reading| reading.association == Association::None);
            if listing.complete && was_none && self.memory.is_confirmed(hostname) {
                let reading = Reading::bare(Association::None, self.clock.now().into());
                outcome.hostnames.push((hostname.clone(), Ok(reading)));
            } else if entry.is_configured() || !listing.complete || listing.pages > 1 {
                unsure.push(hostname.clone());
            }
        }
        outcome.present =
            listing.complete.then(|| listing.hostnames.keys().chain(&unsure).cloned().collect());
        let wanted = listing.hostnames.into_iter();
        let wanted = wanted.filter(|(hostname, _)| discovers || self.known.entry(hostname).is_some());
        for (hostname, reading) in wanted {
            match reading {
                Ok(reading) => outcome.hostnames.push((hostname, Ok(reading))),
                Err(gap) => {
                    if gap == Gap::Untrusted {
                        self.telemetry.poll_error(self.target.key(), Reason::InvalidResponse);
                    }
                    unsure.push(hostname);
                }
            }
        }
        outcome.certificates = Certificates::Listed(listing.certificates);
        self.send(outcome).await;
        plan::stalest_first(&mut unsure, self.known);
        self.ask(id, unsure, Certificates::AsBefore, Before::Lists).await;
    }

    /// Ends the zone's poll with a failure of the whole zone.
    async fn fail(&self, what: &str, error: &Error, purpose: Purpose) {
        let (reason, advice) = (error.reason(), error.advice(purpose));
        tracing::warn!(zone = %self.target.key(), %error, advice, "{what}");
        self.telemetry.poll_error(self.target.key(), reason);
        let end = Some((Err(reason), self.clock.now().into()));
        self.send(Outcome { end, ..self.outcome(None) }).await;
    }

    /// The value, or none where it failed, which is said and counted.
    fn counted<T>(&self, what: &str, result: Result<T, Error>) -> Option<T> {
        let failed = |error: &Error| {
            let advice = error.advice(Purpose::Read);
            tracing::warn!(zone = %self.target.key(), %error, advice, "{what}");
            self.telemetry.poll_error(self.target.key(), error.reason());
        };
        result.inspect_err(failed).ok()
    }

    pub(super) fn outcome(&self, id: Option<ZoneId>) -> Outcome {
        Outcome { id, ..Outcome::of(self.target.key().clone()) }
    }

    pub(super) async fn send(&self, outcome: Outcome) {
        // it fails when the poll was dropped meanwhile
        let _ = self.messages.send(Message::Outcome(outcome)).await;
    }
}

/// What this brings about; one answer over which it panics is not worth all the others. All that it shares is locked
/// for single writes, or made anew with the next poll.
pub(super) async fn unless_it_panics<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Error::Panicked)
}

/// Whether the API does not have that list, or not for this token.
fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api { status: 403..=405, .. }) || error.is_of_path()
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn what_panics_has_failed_and_harms_no_other() {
        let answers = stream::iter([1, 0, 2]).map(|by| unless_it_panics(async move { 4 / by }));
        let results: Vec<_> =
            answers.buffered(3).map(|answer| answer.map_err(|error| error.reason())).collect().await;
        assert_eq!(results, [Ok(4), Err(Reason::InvalidResponse), Ok(2)]);
    }
}
