//! The keeper: the only writer of the snapshot. Producers report their results, and the keeper publishes
//! them.

pub mod state_file;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::domain::{
    AccountFacts, Date, FoundZone, IpRange, Outcome, Reason, Snapshot, Targets, ZoneKey, ZoneState,
};

/// The maximum delay for publishing readings of single hostnames and origins, so that they are published
/// together.
const PUBLISH_AFTER: Duration = Duration::from_secs(1);

/// The maximum number of queued reports. A faster producer waits for the keeper.
const QUEUE: usize = 1024;

/// The only writer of the snapshot. It lives as long as the daemon, through all configurations.
pub struct Keeper {
    snapshot: watch::Sender<Arc<Snapshot>>,
    reports: mpsc::Receiver<Report>,
    unpublished: Vec<(ZoneKey, Outcome)>,
    /// The duplicate zones that were already logged.
    logged: BTreeSet<ZoneKey>,
}

enum Report {
    Outcome(ZoneKey, Outcome),
    Account(Arc<str>, AccountFacts),
    /// The zones of an account are about to be listed.
    ListWanted(Arc<str>, Date),
    /// The result of listing an account's zones.
    Zones(Arc<str>, Option<Vec<FoundZone>>, Result<(), Reason>, Date),
    /// Cloudflare's own address ranges.
    Cloudflare(Arc<[IpRange]>),
    Retarget(Targets, oneshot::Sender<()>),
    /// Asks the keeper to publish everything reported so far, and to confirm it.
    Publish(oneshot::Sender<()>),
}

/// A handle for producers and readers.
#[derive(Clone)]
pub struct Handle {
    reports: mpsc::Sender<Report>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

impl Handle {
    /// Returns the latest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Subscribes to the published snapshots.
    pub fn follow(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Reports a result about a zone. It is lost only if the keeper has stopped.
    pub async fn report(&self, zone: ZoneKey, outcome: Outcome) {
        let _ = self.reports.send(Report::Outcome(zone, outcome)).await;
    }

    /// Reports facts about an account.
    pub async fn report_account(&self, account: Arc<str>, facts: AccountFacts) {
        let _ = self.reports.send(Report::Account(account, facts)).await;
    }

    /// Reports that the zones of an account are about to be listed.
    pub async fn want_zones(&self, account: Arc<str>, at: Date) {
        let _ = self.reports.send(Report::ListWanted(account, at)).await;
    }

    /// Reports the result of listing the zones of an account: the zones `found`, if any, and why the list is
    /// missing or incomplete.
    pub async fn report_zones(
        &self,
        account: Arc<str>,
        found: Option<Vec<FoundZone>>,
        result: Result<(), Reason>,
        at: Date,
    ) {
        let _ = self.reports.send(Report::Zones(account, found, result, at)).await;
    }

    /// Reports Cloudflare's own address ranges.
    pub async fn report_cloudflare(&self, ranges: Arc<[IpRange]>) {
        let _ = self.reports.send(Report::Cloudflare(ranges)).await;
    }

    /// Watches `targets` from now on. Returns once that is published.
    pub async fn retarget(&self, targets: Targets) {
        self.acknowledged(|done| Report::Retarget(targets, done)).await;
    }

    /// Returns once everything reported before this call is published.
    pub async fn published(&self) {
        self.acknowledged(Report::Publish).await;
    }

    async fn acknowledged(&self, report: impl FnOnce(oneshot::Sender<()>) -> Report) {
        let (done, acknowledged) = oneshot::channel();
        if self.reports.send(report(done)).await.is_ok() {
            // an error means that the keeper has stopped, after publishing everything
            let _ = acknowledged.await;
        }
    }
}

impl Keeper {
    /// Creates a keeper that starts with `known`, and its handle.
    pub fn new(known: Snapshot) -> (Self, Handle) {
        let (sender, reports) = mpsc::channel(QUEUE);
        let snapshot = watch::Sender::new(Arc::new(known));
        let handle = Handle { reports: sender, snapshot: snapshot.subscribe() };
        let mut keeper = Self { snapshot, reports, unpublished: Vec::new(), logged: BTreeSet::new() };
        keeper.log_twins();
        (keeper, handle)
    }

    /// Publishes reports until `shutdown` or until all handles are dropped. Finally it publishes the
    /// remaining reports.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut publish_at = None;
        let mut stopping = false;
        let mut received = Vec::new();
        loop {
            let publish = async {
                match publish_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = self.reports.recv_many(&mut received, QUEUE) => {
                    if count == 0 {
                        return self.publish();
                    }
                    let mut urgent = false;
                    for report in received.drain(..) {
                        urgent |= self.take(report);
                    }
                    if urgent {
                        self.publish();
                    }
                }
                () = publish => self.publish(),
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    // reports in the channel are still received
                    self.reports.close();
                }
            }
            let waiting = !self.unpublished.is_empty();
            publish_at = waiting.then(|| publish_at.unwrap_or_else(|| Instant::now() + PUBLISH_AFTER));
        }
    }

    /// Takes in a report. Returns true if it must be published at once.
    fn take(&mut self, report: Report) -> bool {
        match report {
            Report::Outcome(zone, outcome) => {
                let urgent =
                    !matches!(outcome, Outcome::Read(..) | Outcome::Probed(..) | Outcome::Planned { .. });
                self.unpublished.push((zone, outcome));
                return urgent;
            }
            Report::Account(account, facts) => {
                let learn = |known: &mut Arc<Snapshot>| {
                    let news = known.accounts().iter().any(|is| *is.name() == account && is.facts() != facts);
                    if news {
                        *known = Arc::new(known.with_facts(&account, facts));
                    }
                    news
                };
                self.snapshot.send_if_modified(learn);
            }
            Report::ListWanted(account, at) => {
                self.snapshot.send_modify(|known| *known = Arc::new(known.with_list_wanted(&account, at)));
            }
            Report::Zones(account, found, result, at) => {
                self.publish();
                self.snapshot.send_modify(|known| {
                    *known = Arc::new(known.with_zones(&account, found, result, at));
                });
                self.log_twins();
            }
            Report::Cloudflare(ranges) => {
                self.snapshot.send_if_modified(|known| {
                    let news = known.cloudflare() != Some(&ranges);
                    if news {
                        *known = Arc::new(known.with_cloudflare(ranges));
                    }
                    news
                });
            }
            Report::Retarget(targets, done) => {
                self.publish();
                self.snapshot.send_modify(|known| *known = Arc::new(known.retarget(&targets)));
                self.log_twins();
                // the receiver may have been dropped
                let _ = done.send(());
            }
            Report::Publish(done) => {
                self.publish();
                let _ = done.send(());
            }
        }
        false
    }

    fn publish(&mut self) {
        if self.unpublished.is_empty() {
            return;
        }
        let outcomes = std::mem::take(&mut self.unpublished);
        // nothing else changes an id
        let identified = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Identified(_)));
        // copies only if a reader still holds the latest snapshot
        self.snapshot.send_modify(|known| Arc::make_mut(known).take_in(outcomes));
        if identified {
            self.log_twins();
        }
    }

    /// Logs each zone that is configured twice, once.
    fn log_twins(&mut self) {
        let known = Arc::clone(&self.snapshot.borrow());
        let before = std::mem::take(&mut self.logged);
        for zone in known.zones() {
            for twin in zone.twins().iter().filter(|twin| self.logged.insert(ZoneKey::clone(twin))) {
                if !before.contains(twin) {
                    tracing::warn!("{}", read_once(zone, twin));
                }
            }
        }
    }
}

fn read_once(zone: &ZoneState, twin: &ZoneKey) -> String {
    format!(
        "zone {twin} is the same zone as {}: it is read once, as {} through account {}",
        zone.key(),
        zone.key(),
        zone.account()
    )
}

#[cfg(test)]
mod tests;
