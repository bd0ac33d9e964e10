//! Measures the number of requests of a poll, as counted by the simulated API, the time until a poll by lists reports a
//! change, and hours of polls of a whole account. Run it with `cargo bench --bench requests`. It takes some minutes.
//! The exit code is 1 if a limit is exceeded.
#![expect(clippy::print_stdout, reason = "the program prints its results")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

#[path = "../tests/it/support"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod support {
    pub mod harness;
    pub mod program;
}
#[path = "requests/fake.rs"]
mod fake;
#[path = "requests/hours.rs"]
mod hours;
#[path = "requests/process.rs"]
mod process;
#[path = "requests/whole.rs"]
mod whole;

use std::process::ExitCode;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{
    Association, Expectation, Extent, HostnameTarget, Snapshot, Strategy, ZoneTarget,
};
use cloudflare_aop_exporter::poll::Poller;
use cloudflare_aop_exporter::simulator::AssociationChange;
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::harness::{Api, Running, hostname, now, setup, watching, world};

/// Associations in one page of a list.
const PAGE: usize = 1000;
/// Hostnames that share a certificate, the maximum that Cloudflare allows.
const SHARED: usize = 100;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // does nothing in `cargo test`, which does not pass --bench
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let all = std::env::args().all(|argument| argument.parse::<usize>().is_err());
    let held = [!all || named_zones(), whole::accounts()];
    if held == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[tokio::main(flavor = "current_thread")]
async fn named_zones() -> bool {
    println!("requests a poll by strategy, and how many they may be:\n");
    println!("zones  hostnames each      get  at most     list  at most     auto  at most");
    let mut held = true;
    for (zones, hostnames) in [(1, 1), (1, 10), (1, 100), (1, 1000), (100, 1000)] {
        held &= costs(zones, hostnames).await;
    }
    held &= soon_enough().await;
    held
}

/// Prints the cost of a poll by each strategy, and returns true if it is within the limits.
async fn costs(zones: usize, hostnames: usize) -> bool {
    let account = Account::start(zones, hostnames).await;
    // one page per thousand associations, and the certificates once
    let (gets, lists) = (zones * hostnames, zones * (hostnames.div_ceil(PAGE) + 1));
    let limits = [(Strategy::Get, gets), (Strategy::List, lists), (Strategy::Auto, gets.min(lists))];
    let mut held = true;
    print!("{zones:>5}{hostnames:>16}");
    for (strategy, limit) in limits {
        let requests = account.requests(strategy).await;
        held &= requests <= limit as u64;
        print!("{requests:>9}{limit:>9}");
    }
    println!("{}", verdict(held));
    held
}

/// Prints the time from a tick to the snapshot that shows every hostname's change before the tick, and returns true if
/// it is within the limit. The simulated API shares the only thread.
async fn soon_enough() -> bool {
    let account = Account::start(10, 1000).await;
    let mut running = Running::start(account.api.client(), account.by(Strategy::List));
    let mut times = [Duration::ZERO; ROUNDS];
    for (round, time) in times.iter_mut().enumerate() {
        // a tick during a poll would be skipped
        running.polled((round + 1) as f64).await;
        let wanted = if round % 2 == 0 { Association::Disabled } else { Association::Enabled };
        account.change(wanted);
        let ticked = Instant::now();
        running.ticks.send(()).await.unwrap();
        running.until(|snapshot| shows(snapshot, wanted)).await;
        *time = ticked.elapsed();
    }
    times.sort();
    let [fastest, .., slowest] = times.map(|time| time.as_secs_f64() * 1e3);
    let held = times[ROUNDS / 2] <= LIMIT;
    println!(
        "\n10 zones of 1,000 hostnames by list, from the tick to all of them published: {:.1} ms \
         ({fastest:.1} to {slowest:.1}), at most {} ms{}",
        times[ROUNDS / 2].as_secs_f64() * 1e3,
        LIMIT.as_millis(),
        verdict(held)
    );
    held
}

const fn verdict(held: bool) -> &'static str {
    if held { "" } else { "  MISSED" }
}

/// Returns true if every hostname was read by the latest poll, and has this association.
fn shows(snapshot: &Snapshot, wanted: Association) -> bool {
    let mut entries = snapshot.zones().iter().flat_map(|zone| zone.entries());
    entries.all(|entry| entry.is_up() && entry.reading().is_some_and(|read| read.association == wanted))
}

/// A simulated account, with its zones configured by id, so that no id must be looked up.
struct Account {
    api: Api,
    zones: Vec<ZoneTarget>,
}

impl Account {
    async fn start(zones: usize, hostnames: usize) -> Self {
        let mut world = world(&[]);
        let zones = (0..zones).map(|number| {
            let name = format!("zone-{number}.example");
            let zone = world.add_zone(&name.parse().unwrap());
            let names = (0..hostnames).map(|place| hostname(&format!("app-{place}.{name}")));
            let names: Vec<_> = names.collect();
            for shared in names.chunks(SHARED) {
                let id = zone.add_certificate(now() + SignedDuration::from_hours(90 * 24)).unwrap();
                for hostname in shared {
                    zone.associate(hostname, &id, Some(true)).unwrap();
                }
            }
            let target = |hostname| HostnameTarget { hostname, expectation: Expectation::default() };
            ZoneTarget::identified("default".into(), zone.id())
                .with_hostnames(names.into_iter().map(target).collect())
        });
        let zones = zones.collect();
        Self { api: Api::start(world).await, zones }
    }

    fn by(&self, strategy: Strategy) -> impl Iterator<Item = ZoneTarget> {
        let extent = Extent { strategy, ..Extent::default() };
        self.zones.iter().map(move |zone| zone.clone().with_extent(extent))
    }

    /// Returns the number of requests needed to read everything.
    async fn requests(&self, strategy: Strategy) -> u64 {
        self.api.simulator.forget_requests();
        let asking = self.api.client();
        let (setup, keeper) = (watch::channel(setup(&asking)).1, watching(self.by(strategy)));
        let mut poller = Poller::new(setup, keeper.clone(), asking.telemetry, asking.clock);
        poller.poll_once(Instant::now() + Duration::from_secs(600)).await;
        assert!(shows(&keeper.snapshot(), Association::Enabled), "some hostnames were not read");
        self.api.simulator.requests().total()
    }

    /// Enables or disables all hostnames.
    fn change(&self, wanted: Association) {
        self.api.simulator.with_world(|world| {
            for target in &self.zones {
                let zone = world.zone(target.key().as_str()).unwrap();
                for HostnameTarget { hostname, .. } in target.hostnames() {
                    let enabled = Some(Some(wanted == Association::Enabled));
                    let change = AssociationChange { enabled, ..AssociationChange::default() };
                    zone.change_association(hostname, change, now()).unwrap();
                }
            }
        });
    }
}
