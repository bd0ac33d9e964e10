//! Polls in a row: on each tick, and when a new setup changes something.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Poller;
use super::api::Api;
use super::quotas::Chosen;
use super::seen::Seen;
use super::story::{Line, Polled};

impl<A: Api> Poller<A> {
    /// Polls at once and then on every tick, until `shutdown` or until the ticks end.
    ///
    /// A tick during a poll is counted and skipped. A new setup starts polls of the changed zones at once;
    /// the polls of all other zones continue.
    pub async fn run(mut self, ticks: mpsc::Receiver<()>, shutdown: CancellationToken) {
        tokio::select! {
            () = self.follow(ticks) => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn follow(&mut self, mut ticks: mpsc::Receiver<()>) {
        let mut everything = true;
        loop {
            self.poll(everything, &mut ticks).await;
            // the poll may have changed what the next one takes
            let (known, gap) = (self.keeper.snapshot(), self.setup.borrow().gap);
            let outlooks = self.plan(&known);
            self.log_quotas(&outlooks, gap);
            self.announce(&known, &outlooks, &Chosen::new(), gap).await;
            everything = tokio::select! {
                tick = ticks.recv() => match tick {
                    Some(()) => true,
                    None => return,
                },
                Ok(()) = self.setup.changed() => false,
            };
        }
    }

    /// Polls all zones concurrently, or only the changed ones.
    async fn poll(&mut self, everything: bool, ticks: &mut mpsc::Receiver<()>) {
        let (started, mut polls) = (Instant::now(), JoinSet::new());
        self.setup.mark_unchanged();
        if !everything {
            // another configuration or token may see other zones
            self.listed.clear();
        }
        if !self.start(everything, &mut polls).await {
            self.telemetry.poll_skipped();
            tracing::debug!("the quota makes a poll take several ticks: this one is skipped");
            return;
        }
        if !everything {
            self.start_lists(&mut polls, None);
        }
        if polls.is_empty() && !everything {
            return;
        }
        // the quota may become sufficient during the poll
        let is_planned = !self.excess.is_empty();
        let (mut seen, mut skipped) = (Vec::new(), 0);
        loop {
            tokio::select! {
                ended = polls.join_next() => match ended {
                    // an aborted poll has no results
                    Some(Err(_)) => {}
                    Some(Ok(ended)) => {
                        if ended.zone.is_none() {
                            self.take_pages(&ended.account);
                            self.start(false, &mut polls).await;
                            self.log_patterns();
                        }
                        seen.push(ended);
                    }
                    None if self.start_more(started, &mut polls).await => {}
                    None => break,
                },
                Some(()) = ticks.recv() => {
                    self.telemetry.poll_skipped();
                    skipped += 1;
                    tracing::debug!("a poll is still running: this tick is skipped");
                }
                Ok(()) = self.setup.changed() => {
                    self.listed.clear();
                    self.start(false, &mut polls).await;
                    self.start_lists(&mut polls, None);
                }
            }
        }
        if let Some(line) = self.story.ticks(skipped, is_planned, Instant::now()) {
            line.log();
        }
        self.ended(started, &seen).await;
    }

    /// Logs and counts the results of a poll.
    pub(super) async fn ended(&mut self, started: Instant, seen: &[Seen]) {
        // a reader that sees the poll counted must also see its results
        self.keeper.published().await;
        self.log_changes(started, seen);
        if let Some(first) = self.first.take() {
            // the receiver may have been dropped
            let _ = first.send(started.elapsed());
        }
        self.telemetry.poll_ended(started.elapsed(), self.clock.now().into());
        tracing::debug!(seconds = started.elapsed().as_secs_f64(), "poll ended");
    }

    /// Logs what has started to fail or works again.
    fn log_changes(&mut self, started: Instant, seen: &[Seen]) {
        let setup = Arc::clone(&self.setup.borrow());
        let accounts = setup.accounts.iter();
        let limited =
            accounts.filter_map(|(name, account)| Some((Arc::clone(name), account.api.take_rate_limited()?)));
        let (limited, known, ended) = (limited.collect(), self.keeper.snapshot(), Instant::now());
        let polled = Polled { seen, limited: &limited, known: &known, started, ended };
        self.story.fold(&polled).iter().for_each(Line::log);
    }
}
