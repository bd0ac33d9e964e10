//! Probes the watched origins round after round, and reports the results to the keeper.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{join, pending};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::story::{Found, Line, Story};
use super::{Options, Prober, Target};
use crate::clock::Clock;
use crate::domain::{Origin, OriginTarget, Outcome, Presented, Snapshot, ZoneKey, ZoneState};
use crate::keeper;

/// A watched origin, and the zone of its hostname.
pub(super) type Watched = (ZoneKey, OriginTarget);

/// Probes the watched origins in the keeper's snapshot.
pub struct Rounds {
    options: watch::Receiver<Options>,
    keeper: keeper::Handle,
    clock: Clock,
    prober: Prober,
    story: Story,
}

impl Rounds {
    /// Creates rounds that follow the latest options.
    pub fn new(mut options: watch::Receiver<Options>, keeper: keeper::Handle, clock: Clock) -> Self {
        let prober = Prober::new(options.borrow_and_update().clone());
        Self { options, keeper, clock, prober, story: Story::default() }
    }

    /// Probes all origins at once and then on every tick, until `shutdown` or until the ticks end.
    ///
    /// A tick during a round is skipped. New origins are probed at once, together with the rest of the round. After the
    /// round, so are origins to which Cloudflare now presents something else, since they may have changed with it.
    pub async fn run(mut self, ticks: mpsc::Receiver<()>, shutdown: CancellationToken) {
        tokio::select! {
            () = self.follow(ticks) => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Probes all origins once, until `deadline`. Those that were not probed by then stay unknown.
    pub async fn probe_once(&mut self, deadline: Instant) {
        let known = self.keeper.snapshot();
        // origins with an earlier result are not probed again
        let unread = origins(&known).filter(|(_, origin)| origin.reading().is_none());
        let due: HashSet<Watched> = unread.map(|(zone, origin)| watched(zone, origin)).collect();
        let timeout = self.prober.options().timeout.min(deadline.saturating_duration_since(Instant::now()));
        self.prober = Prober::new(Options { timeout, ..self.prober.options().clone() });
        self.learn(&known);
        let mut found = Vec::new();
        if timeout_at(deadline, self.round(&due, &mut found)).await.is_err() {
            let left = due.len() - found.len();
            tracing::warn!("{left} of {} origins were not probed in time", due.len());
        }
        self.log_changes(&found, &due).await;
    }

    async fn follow(&mut self, mut ticks: mpsc::Receiver<()>) {
        let (mut published, mut options) = (self.keeper.follow(), self.options.clone());
        let mut known = self.learned(&mut published);
        let mut due = known.origins();
        loop {
            let mut found = Vec::new();
            let is_interrupted = {
                // new origins from DNS records are probed after this round
                let mut named = published.clone();
                let mut round = pin!(self.round(&due, &mut found));
                loop {
                    tokio::select! {
                        biased;
                        () = round.as_mut() => break false,
                        () = news(&mut named, |latest| known.has_named_of(latest)) => break true,
                        Ok(()) = options.changed() => break true,
                        Some(()) = ticks.recv() => {
                            tracing::debug!("origins are still being probed: this tick is skipped");
                        }
                    }
                }
            };
            self.log_changes(&found, &known.origins()).await;
            for found in &found {
                due.remove(&found.watched);
            }
            let mut is_tick = false;
            if !is_interrupted {
                tokio::select! {
                    tick = ticks.recv() => match tick {
                        Some(()) => is_tick = true,
                        None => return,
                    },
                    () = news(&mut published, |latest| known.has_all_of(latest)) => {}
                    Ok(()) = options.changed() => {}
                }
            }
            let wanted = options.borrow_and_update().clone();
            if wanted != *self.prober.options() {
                self.prober = Prober::new(wanted);
            }
            let before = std::mem::replace(&mut known, self.learned(&mut published));
            due = if is_tick { known.origins() } else { known.due(&due, &before) };
        }
    }

    /// Returns the origins that are watched now, after taking over Cloudflare's own addresses.
    fn learned(&self, published: &mut watch::Receiver<Arc<Snapshot>>) -> Known {
        let latest = Arc::clone(&published.borrow_and_update());
        self.learn(&latest);
        Known::of(&latest)
    }

    /// Takes over the ranges of Cloudflare's own addresses.
    fn learn(&self, known: &Snapshot) {
        known.cloudflare().cloned().into_iter().for_each(|ranges| self.prober.set_cloudflare(ranges));
    }

    /// Probes each of `due`, and reports the result. Results are also added to `found` as they arrive.
    async fn round(&self, due: &HashSet<Watched>, found: &mut Vec<Found>) {
        let due: Vec<Watched> = due.iter().cloned().collect();
        let targets: Vec<_> = due.iter().map(|(_, origin)| Target::of(origin)).collect();
        let (report, mut reports) = mpsc::unbounded_channel();
        let probing = async {
            // the receiver exists until this round has ended
            let report = move |index, probed| _ = report.send((index, probed));
            self.prober.probe_all(&targets, report).await;
        };
        let reporting = async {
            while let Some((index, probed)) = reports.recv().await {
                let reading = self.prober.reading(&probed, self.clock.now().into());
                let (watched, demand, reason) = (due[index].clone(), reading.demand, reading.reason);
                let (zone, origin) = watched.clone();
                found.push(Found { watched, demand, reason });
                self.keeper.report(zone, Outcome::Probed(origin, reading)).await;
            }
        };
        join(probing, reporting).await;
    }

    /// Logs which origins have started to fail or work again, once that is published.
    async fn log_changes(&mut self, found: &[Found], known: &HashSet<Watched>) {
        if !found.is_empty() {
            self.keeper.published().await;
        }
        self.story.fold(found, known, Instant::now()).iter().for_each(Line::log);
    }
}

/// The watched origins in the order of the snapshot, with what Cloudflare presents to each.
struct Known(Vec<(Watched, Presented)>);

impl Known {
    fn of(latest: &Snapshot) -> Self {
        let known = origins(latest).map(|(zone, origin)| (watched(zone, origin), presented(zone, origin)));
        Self(known.collect())
    }

    fn origins(&self) -> HashSet<Watched> {
        self.0.iter().map(|(watched, _)| watched.clone()).collect()
    }

    /// Returns the origins to probe before the next tick: those of `due` that are still watched, new ones, and those to
    /// which Cloudflare presents something else than before.
    fn due(&self, due: &HashSet<Watched>, before: &Self) -> HashSet<Watched> {
        let before: HashMap<_, _> =
            before.0.iter().map(|(watched, presented)| (watched, presented)).collect();
        let is_due = |(watched, presented): &&(Watched, Presented)| {
            let before = || before.get(watched);
            due.contains(watched) || before().is_none_or(|before| presented.is_change_from(before))
        };
        self.0.iter().filter(is_due).map(|(watched, _)| watched.clone()).collect()
    }

    /// Returns true if the snapshot watches the same origins, apart from those that DNS records give.
    fn has_named_of(&self, latest: &Snapshot) -> bool {
        let known = self.0.iter().map(|((zone, origin), _)| (zone, origin));
        let latest = origins(latest).map(|(zone, origin)| (zone.key(), origin.target()));
        let is_named = |(_, origin): &(&ZoneKey, &OriginTarget)| !origin.from_dns;
        known.filter(is_named).eq(latest.filter(is_named))
    }

    /// Returns true if the snapshot watches the same origins, and Cloudflare presents the same to them.
    fn has_all_of(&self, latest: &Snapshot) -> bool {
        let mut known = self.0.iter();
        let is_known = |(zone, origin): (&ZoneState, &Origin)| {
            known.next().is_some_and(|((key, target), before)| {
                key == zone.key() && target == origin.target() && *before == presented(zone, origin)
            })
        };
        origins(latest).all(is_known) && known.next().is_none()
    }
}

fn origins(known: &Snapshot) -> impl Iterator<Item = (&ZoneState, &Origin)> {
    known.zones().iter().flat_map(|zone| zone.origins().iter().map(|origin| (&**zone, origin)))
}

fn watched(zone: &ZoneState, origin: &Origin) -> Watched {
    (zone.key().clone(), origin.target().clone())
}

fn presented(zone: &ZoneState, origin: &Origin) -> Presented {
    Presented::to(zone, &origin.target().hostname)
}

/// Waits for a snapshot that `is_known` does not accept.
async fn news(published: &mut watch::Receiver<Arc<Snapshot>>, is_known: impl Fn(&Snapshot) -> bool) {
    while published.changed().await.is_ok() {
        let latest = Arc::clone(&published.borrow_and_update());
        if !is_known(&latest) {
            return;
        }
    }
    pending::<()>().await;
}
