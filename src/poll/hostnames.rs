//! GETs of single hostnames.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::api::Api;
use super::breaker::Breaker;
use super::seen::{Thing, Trouble};
use super::unless_it_panics;
use super::zone::ZonePoll;
use crate::cloudflare::{Error, Purpose};
use crate::domain::{Hostname, Outcome, Reading, Reason, ZoneId, ZoneState};
use crate::poll::memory::Memory;

/// A hostname to read by a GET.
pub(super) struct Question {
    hostname: Hostname,
    /// True if it failed in earlier polls in which other hostnames of the zone were answered. It may hang.
    suspect: bool,
}

/// Orders hostnames so that none is always left out if time or quota is short, and so that hanging ones delay
/// no others. First come those whose latest GET was answered or never sent. Then come those that failed when
/// no hostname of the zone was answered, possibly in an outage: those with a reading first. Last come
/// suspects, by their number of failures. Among equals, the longest waiting comes first.
pub(super) fn order(hostnames: Vec<Hostname>, zone: &ZoneState, memory: &Memory) -> Vec<Question> {
    let key = |hostname: &Hostname| {
        let read_at = zone.entry(hostname).and_then(|entry| Some(entry.reading()?.read_at));
        let failures = memory.failures(hostname);
        let alone = failures.map_or(0, |failures| failures.alone);
        // none sorts first: hostnames without failures
        (alone, failures.is_some() && read_at.is_none(), failures.map(|failures| failures.at), read_at)
    };
    let mut hostnames: Vec<_> = hostnames.into_iter().map(|hostname| (key(&hostname), hostname)).collect();
    hostnames.sort();
    let question = |((alone, ..), hostname): ((u32, _, _, _), _)| Question { hostname, suspect: alone > 0 };
    hostnames.into_iter().map(question).collect()
}

impl<A: Api> ZonePoll<A> {
    /// Reads each of these hostnames and ends the zone's poll. The zone is up if its lists were read
    /// (`listed`), or if any GET was answered.
    pub(super) async fn ask(&self, id: ZoneId, hostnames: Vec<Hostname>, mut breaker: Breaker, listed: bool) {
        let mut waiting = order(hostnames, &self.zone, &self.memory).into_iter().peekable();
        let mut running = FuturesUnordered::new();
        let mut failures = Failures::default();
        loop {
            let may_run = |next: &Question| {
                breaker.tripped().is_none()
                    && running.len() < breaker.width(next.suspect, self.account.max_concurrent)
            };
            if let Some(question) = waiting.next_if(may_run) {
                running.push(self.question(id, question));
                continue;
            }
            let Some((question, answer)) = running.next().await else { break };
            let hostname = question.hostname;
            let result = match answer {
                Ok(reading) => {
                    breaker.answered(question.suspect);
                    self.memory.answered(&hostname, reading.association);
                    Ok(reading)
                }
                Err(error) => {
                    breaker.failed(&error);
                    if error.was_sent() {
                        self.memory.failed(&hostname, breaker.is_answered());
                    } else {
                        self.memory.unsent(&hostname);
                    }
                    let reason = error.reason();
                    tracing::debug!(zone = %self.zone.key(), %hostname, %error, "hostname could not be read");
                    failures.add(&hostname, &error);
                    Err(reason)
                }
            };
            self.read(hostname, result).await;
        }
        if let Some(reason) = breaker.tripped() {
            for question in waiting {
                failures.skip(&question.hostname);
                if breaker.is_out_of_time() {
                    self.memory.unsent(&question.hostname);
                }
                self.read(question.hostname, Err(reason)).await;
            }
        }
        match failures.first.filter(|_| !listed && !breaker.is_answered()) {
            Some((reason, trouble)) => {
                self.met(Thing::Zone, Err(trouble));
                self.end(Err(reason)).await;
            }
            None => {
                for (hostname, trouble) in failures.troubles {
                    self.met(Thing::Hostname(hostname), Err(trouble));
                }
                self.end(Ok(())).await;
            }
        }
    }

    async fn question(&self, id: ZoneId, question: Question) -> (Question, Result<Reading, Error>) {
        let deadline = if question.suspect { self.deadline.halfway() } else { self.deadline.at() };
        let answer = unless_it_panics(self.account.api.hostname(id, &question.hostname, deadline)).await;
        (question, answer.flatten())
    }

    async fn read(&self, hostname: Hostname, result: Result<Reading, Reason>) {
        if let Err(reason) = result {
            self.telemetry.poll_error(self.zone.key(), reason);
        }
        self.report(Outcome::Read(hostname, result)).await;
    }
}

/// The failed hostnames in one poll of a zone.
#[derive(Default)]
struct Failures {
    first: Option<(Reason, Trouble)>,
    latest: Option<Trouble>,
    troubles: Vec<(Hostname, Trouble)>,
}

impl Failures {
    fn add(&mut self, hostname: &Hostname, error: &Error) {
        let trouble = Trouble::new(error, Purpose::Read);
        self.first.get_or_insert_with(|| (error.reason(), trouble.clone()));
        self.latest = Some(trouble.clone());
        self.troubles.push((hostname.clone(), trouble));
    }

    /// Adds a hostname whose GET was not sent, since earlier ones failed.
    fn skip(&mut self, hostname: &Hostname) {
        self.troubles.extend(self.latest.clone().map(|trouble| (hostname.clone(), trouble)));
    }
}
