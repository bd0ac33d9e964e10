//! A simulated API on a free port, with clients and pollers for it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::{ApiToken, Budget, Client, Options, RateLimit};
use cloudflare_aop_exporter::domain::{Hostname, Snapshot, Targets, ZoneId, ZoneTarget};
use cloudflare_aop_exporter::keeper::{Handle, Keeper};
use cloudflare_aop_exporter::poll::{Account, Poller, Setup};
use cloudflare_aop_exporter::simulator::{self, Simulator, World};
use cloudflare_aop_exporter::telemetry::Telemetry;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Returns the wall-clock time of the tests.
pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub fn hostname(name: &str) -> Hostname {
    name.parse().unwrap()
}

/// Returns a deadline far enough away for anything that should be fast.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Returns a world whose zone `example.com` has these hostnames, enabled with one certificate of 90 days.
pub fn world(hostnames: &[&str]) -> World {
    let mut world = World::new(7, now()).unwrap();
    world.lift_caps();
    let zone = world.add_zone(&"example.com".parse().unwrap());
    let id = zone.add_certificate(now() + SignedDuration::from_hours(90 * 24)).unwrap();
    for name in hostnames {
        zone.associate(&hostname(name), &id, Some(true)).unwrap();
    }
    world
}

/// A simulated API on its own port.
pub struct Api {
    pub simulator: Simulator,
    pub base_url: String,
    pub zone: ZoneId,
}

impl Api {
    pub async fn start(world: World) -> Self {
        Self::start_with(world, &simulator::Options::default()).await
    }

    pub async fn start_with(mut world: World, options: &simulator::Options) -> Self {
        let zone = world.zone("example.com").unwrap().id();
        let simulator = Simulator::new(world, options, Clock::fixed(now()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        tokio::spawn(simulator.clone().serve(listener, std::future::pending()));
        Self { simulator, base_url, zone }
    }

    pub fn client(&self) -> Asking {
        Asking::new(&self.base_url)
    }
}

/// A builder of a client.
#[derive(Clone)]
pub struct Asking {
    pub options: Options,
    pub token: watch::Sender<ApiToken>,
    pub budget: Arc<Budget>,
    pub telemetry: Arc<Telemetry>,
    pub clock: Clock,
}

impl Asking {
    pub fn new(base_url: &str) -> Self {
        Self {
            options: Options {
                account: "default".into(),
                account_id: None,
                base_url: base_url.parse().unwrap(),
                timeout: Duration::from_secs(10),
                max_concurrent_requests: 8,
                extra_ca: None,
            },
            token: watch::Sender::new(simulator::Options::default().token.parse().unwrap()),
            budget: budget(1_000_000, Duration::from_secs(1)),
            telemetry: Arc::new(Telemetry::new().unwrap()),
            clock: Clock::fixed(now()),
        }
    }

    pub fn build(&self) -> Arc<Client> {
        let (token, budget) = (self.token.subscribe(), Arc::clone(&self.budget));
        let telemetry = Arc::clone(&self.telemetry);
        Arc::new(Client::new(self.options.clone(), token, budget, telemetry, self.clock.clone()).unwrap())
    }

    /// Returns the value of an own gauge without labels.
    pub fn gauge(&self, family: &str) -> f64 {
        let families = self.telemetry.gather(Instant::now());
        let family = families.iter().find(|known| known.name() == family).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }

    /// Returns the sum of the samples of an own counter that have all of these label values.
    pub fn counted(&self, family: &str, labels: &[&str]) -> f64 {
        let families = self.telemetry.gather(Instant::now());
        let family = families.iter().filter(|known| known.name() == family);
        let samples = family.flat_map(|family| family.get_metric()).filter(|sample| {
            labels.iter().all(|wanted| sample.get_label().iter().any(|label| label.value() == *wanted))
        });
        samples.map(|sample| sample.get_counter().get_value()).sum()
    }
}

pub fn budget(requests: u32, per: Duration) -> Arc<Budget> {
    Arc::new(Budget::new(RateLimit { requests: NonZeroU32::new(requests).unwrap(), per }))
}

/// Starts a keeper with this snapshot and returns its handle.
pub fn keeper(known: Snapshot) -> Handle {
    let (keeper, handle) = Keeper::new(known);
    tokio::spawn(keeper.run(CancellationToken::new()));
    handle
}

/// Starts a keeper with these unread zones and returns its handle.
pub fn watching(zones: impl IntoIterator<Item = ZoneTarget>) -> Handle {
    keeper(Snapshot::default().retarget(&Targets::new(zones)))
}

/// Returns the account of this client.
pub fn account(client: &Arc<Client>) -> Account {
    let max_concurrent = client.options().max_concurrent_requests;
    Account { api: Arc::clone(client), budget: Arc::clone(client.budget()), max_concurrent, token: 0 }
}

/// Returns a setup of one account with a new client and ticks a minute apart.
pub fn setup(asking: &Asking) -> Arc<Setup> {
    setup_every(Duration::from_secs(60), asking)
}

fn setup_every(gap: Duration, asking: &Asking) -> Arc<Setup> {
    Arc::new(Setup { accounts: [("default".into(), account(&asking.build()))].into(), gap })
}

/// A running poller with its keeper and their controls.
pub struct Running {
    pub setup: watch::Sender<Arc<Setup>>,
    pub ticks: mpsc::Sender<()>,
    pub keeper: Handle,
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    pub asking: Asking,
    pub shutdown: CancellationToken,
}

impl Running {
    pub fn start(asking: Asking, zones: impl IntoIterator<Item = ZoneTarget>) -> Self {
        Self::start_every(Duration::from_secs(60), asking, zones)
    }

    /// Starts a poller that assumes ticks `gap` apart.
    pub fn start_every(gap: Duration, asking: Asking, zones: impl IntoIterator<Item = ZoneTarget>) -> Self {
        let setup = watch::Sender::new(setup_every(gap, &asking));
        let keeper = watching(zones);
        let (telemetry, clock) = (Arc::clone(&asking.telemetry), asking.clock.clone());
        let poller = Poller::new(setup.subscribe(), keeper.clone(), telemetry, clock);
        let (ticks, receiver) = mpsc::channel(1);
        let (snapshot, shutdown) = (keeper.follow(), CancellationToken::new());
        tokio::spawn(poller.run(receiver, shutdown.clone()));
        Self { setup, ticks, keeper, snapshot, asking, shutdown }
    }

    /// Watches these zones with the same client, as after a reload.
    pub async fn reload(&self, zones: impl IntoIterator<Item = ZoneTarget>) {
        self.keeper.retarget(Targets::new(zones)).await;
        self.setup.send_modify(|_| ());
    }

    pub fn polls(&self) -> f64 {
        self.asking.counted("cloudflare_aop_exporter_polls_total", &[])
    }

    /// Waits until this many polls have ended.
    pub async fn polled(&self, polls: f64) -> Arc<Snapshot> {
        let deadline = soon();
        while self.polls() < polls {
            assert!(Instant::now() < deadline, "{} of {polls} polls", self.polls());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Arc::clone(&self.snapshot.borrow())
    }

    /// Polls once more and waits for the end.
    pub async fn poll(&self) -> Arc<Snapshot> {
        let polls = self.polls();
        self.ticks.send(()).await.unwrap();
        self.polled(polls + 1.0).await
    }

    /// Waits for a snapshot that `wanted` accepts.
    pub async fn until(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = timeout_at(soon(), self.snapshot.wait_for(|snapshot| wanted(snapshot))).await;
        Arc::clone(&found.unwrap().unwrap())
    }
}
