//! The poll of one zone.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Message, plan};
use crate::clock::Clock;
use crate::cloudflare::{Client, Error};
use crate::domain::{Hostname, Outcome, Reading, Reason, Targets, ZoneId, ZoneState, ZoneTarget};
use crate::telemetry::Telemetry;

/// Within a long poll, what is known is published this often.
const PUBLISH_EVERY: Duration = Duration::from_secs(10);

pub(super) struct ZonePoll<'a> {
    pub(super) client: &'a Client,
    pub(super) targets: &'a Targets,
    pub(super) target: &'a Arc<ZoneTarget>,
    pub(super) known: &'a ZoneState,
    pub(super) telemetry: &'a Telemetry,
    pub(super) clock: &'a Clock,
    pub(super) deadline: Instant,
    pub(super) messages: mpsc::Sender<Message>,
}

impl ZonePoll<'_> {
    pub(super) async fn run(self) {
        let id = match self.id().await {
            Ok(id) => id,
            Err(error) => {
                let reason = error.reason();
                tracing::warn!(zone = %self.target.key(), %error, "zone could not be looked up");
                self.telemetry.poll_error(self.target.key(), reason);
                return self.send(None, Vec::new(), Some(Err(reason))).await;
            }
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
        self.hostnames(id).await;
    }

    /// The zone's id: as configured, else as last looked up, unless the latest poll says that it may be another now.
    async fn id(&self) -> Result<ZoneId, Error> {
        let known = self.known.id().filter(|_| self.known.is_up());
        match (self.target.id().or(known), self.target.name()) {
            (Some(id), _) => Ok(id),
            (None, Some(name)) => self.client.zone_id(name, self.deadline).await,
            // a target has at least one of the two
            (None, None) => Err(Error::Deadline),
        }
    }

    async fn hostnames(&self, id: ZoneId) {
        let hostnames = plan::hostnames(self.known);
        let (all, mut failed, mut answered) = (hostnames.len(), 0_usize, false);
        let mut first_failure = None;
        // where the token is refused, asking on would only spend the budget of others
        let refused = OnceLock::new();
        let ask = |hostname: Hostname| {
            let refused = &refused;
            async move {
                if let Some(reason) = refused.get() {
                    return (hostname, Err((*reason, None)));
                }
                let answer = self.client.hostname(id, &hostname, self.deadline).await;
                let answer = answer.map_err(|error| {
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
        let mut answers = stream::iter(hostnames).map(ask).buffer_unordered(concurrent);
        let (mut batch, mut published) = (Vec::new(), Instant::now());
        while let Some((hostname, answer)) = answers.next().await {
            let result = match answer {
                Ok(reading) => Ok(reading),
                Err((reason, error)) => {
                    failed += 1;
                    self.telemetry.poll_error(self.target.key(), reason);
                    first_failure = first_failure.or(error.map(|error| (hostname.clone(), reason, error)));
                    Err(reason)
                }
            };
            answered |= result.is_ok();
            batch.push((hostname, result));
            if published.elapsed() >= PUBLISH_EVERY {
                self.send(Some(id), std::mem::take(&mut batch), None).await;
                published = Instant::now();
            }
        }
        drop(answers);
        let mut end = Ok(());
        if let Some((hostname, reason, error)) = first_failure {
            tracing::warn!(zone = %self.target.key(), failed, of = all, %hostname, %error, "hostnames could not be read");
            if !answered {
                end = Err(reason);
            }
        }
        self.send(Some(id), batch, Some(end)).await;
    }

    async fn send(
        &self,
        id: Option<ZoneId>,
        hostnames: Vec<(Hostname, Result<Reading, Reason>)>,
        end: Option<Result<(), Reason>>,
    ) {
        let end = end.map(|result| (result, self.clock.now().into()));
        let outcome = Outcome { id, hostnames, end, ..Outcome::of(self.target.key().clone()) };
        // it fails when the poll was dropped meanwhile
        let _ = self.messages.send(Message::Outcome(outcome)).await;
    }
}
