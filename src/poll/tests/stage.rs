//! A poller against the fake, in paused time.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, advance};
use tokio_util::sync::CancellationToken;

use super::fake::{Fake, World};
use crate::clock::Clock;
use crate::cloudflare::{Budget, RateLimit};
use crate::domain::{Date, Hostname, PartKind, Snapshot, Targets, ZoneKey, ZoneTarget};
use crate::keeper::{self, Keeper};
use crate::poll::{Account, Poller, Setup};
use crate::telemetry::Telemetry;

/// A poller against the fake.
pub(super) struct Stage {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) keeper: keeper::Handle,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) setup: watch::Sender<Arc<Setup<Fake>>>,
    pub(super) shutdown: CancellationToken,
    clock: Clock,
    ticks: mpsc::Sender<()>,
    gap: Duration,
}

pub(super) const NOW: &str = "2026-01-01T00:00:00Z";

impl Stage {
    /// Polls these zones of one account on ticks `gap` apart, with a quota of `requests` per gap.
    pub(super) async fn start(zones: Vec<ZoneTarget>, world: World, gap: Duration, requests: u32) -> Self {
        Self::watching(Targets::new(zones), world, gap, requests).await
    }

    /// Polls the zones that these targets name or match.
    pub(super) async fn watching(targets: Targets, world: World, gap: Duration, requests: u32) -> Self {
        let (stage, poller, receiver) = Self::new(&targets, world, gap, requests);
        tokio::spawn(poller.run(receiver, stage.shutdown.clone()));
        stage
    }

    /// Polls the zones that these targets name or match once, for 55 seconds. Also returns the unsent parts.
    pub(super) async fn once(
        targets: Targets,
        world: World,
        gap: Duration,
        requests: u32,
    ) -> (Self, Vec<(ZoneKey, PartKind)>) {
        let (stage, mut poller, _) = Self::new(&targets, world, gap, requests);
        let unsent = poller.poll_once(Instant::now() + Duration::from_secs(55)).await;
        (stage, unsent)
    }

    fn new(
        targets: &Targets,
        world: World,
        gap: Duration,
        requests: u32,
    ) -> (Self, Poller<Fake>, mpsc::Receiver<()>) {
        let (keeper, handle) = Keeper::new(Snapshot::default().retarget(targets));
        let shutdown = CancellationToken::new();
        tokio::spawn(keeper.run(shutdown.clone()));
        let limit = RateLimit { requests: NonZeroU32::new(requests).unwrap(), per: gap };
        let (budget, clock) = (Arc::new(Budget::new(limit)), Clock::fixed(NOW.parse().unwrap()));
        let world = Arc::new(Mutex::new(world));
        let fake = Fake { world: Arc::clone(&world), budget: Arc::clone(&budget), clock: clock.clone() };
        let account = Account { api: Arc::new(fake), budget, max_concurrent: 8, token: 0 };
        let setup = watch::Sender::new(Arc::new(Setup { accounts: [("a".into(), account)].into(), gap }));
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let poller = Poller::new(setup.subscribe(), handle.clone(), Arc::clone(&telemetry), clock.clone());
        let (ticks, receiver) = mpsc::channel(1);
        let stage = Self { world, keeper: handle, telemetry, setup, shutdown, clock, ticks, gap };
        (stage, poller, receiver)
    }

    /// Advances time to the next tick, which is skipped if a poll is still running, and returns the snapshot.
    pub(super) async fn tick(&self) -> Arc<Snapshot> {
        self.pass(self.gap).await;
        let known = self.keeper.snapshot();
        self.ticks.send(()).await.unwrap();
        known
    }

    /// Advances both clocks in small steps.
    pub(super) async fn pass(&self, time: Duration) {
        let (step, end) = (Duration::from_millis(10), Instant::now() + time);
        while Instant::now() < end {
            advance(step).await;
            let passed = self.clock.now() + jiff::SignedDuration::try_from(step).unwrap();
            self.clock.set(passed);
        }
    }

    /// Advances both clocks in steps of some seconds, for tests that need no finer time.
    pub(super) async fn pass_quickly(&self, time: Duration) {
        let (step, end) = (Duration::from_secs(3), Instant::now() + time);
        while Instant::now() < end {
            // lets ready tasks run before the next step
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            advance(step).await;
            self.clock.set(self.clock.now() + jiff::SignedDuration::try_from(step).unwrap());
        }
    }

    /// Advances time from timer to timer, and the wall clock in steps of some seconds.
    pub(super) async fn sleep(&self, time: Duration) {
        let (step, end) = (Duration::from_secs(5), Instant::now() + time);
        while Instant::now() < end {
            tokio::time::sleep(step).await;
            self.clock.set(self.clock.now() + jiff::SignedDuration::try_from(step).unwrap());
        }
    }

    pub(super) async fn send_tick(&self) {
        self.ticks.send(()).await.unwrap();
    }

    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }

    pub(super) fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    /// Returns the number of calls of a kind since the last call of this function.
    pub(super) fn calls(&self, kind: &str) -> usize {
        self.world(|world| world.calls.remove(kind).unwrap_or_default())
    }

    /// Returns the hostnames of all GETs since the last call of this function.
    pub(super) fn asked(&self) -> Vec<Hostname> {
        self.world(|world| std::mem::take(&mut world.asked))
    }

    /// Returns the number of errors counted for a reason.
    pub(super) fn errors(&self, reason: &str) -> f64 {
        self.counted("cloudflare_aop_exporter_poll_errors_total", reason)
    }

    pub(super) fn counted(&self, family: &str, label: &str) -> f64 {
        let families = self.telemetry.gather(Instant::now());
        let samples =
            families.iter().filter(|known| known.name() == family).flat_map(|family| family.get_metric());
        let samples = samples
            .filter(|sample| label.is_empty() || sample.get_label().iter().any(|has| has.value() == label));
        samples.map(|sample| sample.get_counter().get_value()).sum()
    }

    pub(super) fn interval(&self) -> f64 {
        let families = self.telemetry.gather(Instant::now());
        let family =
            families.iter().find(|known| known.name() == "cloudflare_aop_exporter_poll_interval_seconds");
        family.unwrap().get_metric()[0].get_gauge().get_value()
    }
}
