//! Measures the requests of polls of a whole account over hours, and how often each part is read, in paused time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::RateLimit;
use cloudflare_aop_exporter::domain::{Expected, Extent, PatternTarget, Snapshot, Targets};
use cloudflare_aop_exporter::keeper::Handle;
use cloudflare_aop_exporter::poll::{Account, Poller, Setup};
use cloudflare_aop_exporter::telemetry::Telemetry;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fake::Fake;
use crate::support::harness::{keeper, now};

/// The defaults of the configuration.
pub(crate) const GAP: Duration = Duration::from_secs(300);
pub(crate) const JITTER: Duration = Duration::from_secs(20);
pub(crate) const QUOTA: u32 = 600;
/// The interval of the lines that report progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// An account and the number of polls after the first complete reading.
pub(crate) struct Case {
    pub(crate) zones: usize,
    pub(crate) holding: usize,
    pub(crate) zone_level: bool,
    pub(crate) polls: usize,
}

/// The results of a case.
pub(crate) struct Measured {
    /// The requests of a poll that reads everything.
    pub(crate) everything: usize,
    /// The polls until everything was read once.
    pub(crate) first_pass: usize,
    /// The requests of each poll after the first pass.
    pub(crate) requests: Vec<usize>,
    /// The requests that would have been answered with 429.
    pub(crate) refused: usize,
    /// The longest time between two readings, and the longest reported interval, for parts that contain something
    /// (true) and for the others.
    pub(crate) longest: BTreeMap<bool, (Duration, Duration)>,
    /// The processor time from a tick to the first request of its poll, sorted.
    pub(crate) planning: Vec<Duration>,
}

impl Case {
    /// Watches the account in a separate runtime with paused time.
    pub(crate) fn run(&self) -> Measured {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(self.watched())
    }

    async fn watched(&self) -> Measured {
        let limit = RateLimit { requests: NonZeroU32::new(QUOTA).unwrap(), per: GAP };
        let clock = Clock::fixed(now());
        let fake = Arc::new(Fake::new(self.zones, self.holding, limit, clock.clone()));
        let keeper = keeper(Snapshot::default().retarget(&self.targets()));
        let account = Account { api: Arc::clone(&fake), budget: fake.budget(), max_concurrent: 8, token: 0 };
        let setup = Arc::new(Setup { accounts: [("default".into(), account)].into(), gap: GAP });
        let setup = watch::Sender::new(setup);
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let poller = Poller::new(setup.subscribe(), keeper.clone(), telemetry, clock);
        let (ticks, receiver) = mpsc::channel(1);
        let (start, mut random) = (Instant::now(), fastrand::Rng::with_seed(1));
        tokio::spawn(poller.run(receiver, CancellationToken::new()));
        let (mut poll, mut shown) = (0, wall());
        let mut next = async || {
            poll += 1;
            if shown.elapsed() >= PROGRESS {
                shown = wall();
                println!("    … poll {poll}");
            }
            let late = JITTER.mul_f64(random.f64());
            sleep_until(start + GAP * poll + late).await;
            fake.set_clock();
            let (requests, first) = {
                let mut state = fake.state();
                (std::mem::take(&mut state.requests), state.first.take())
            };
            let ticked = processor();
            // a tick during a poll is skipped
            let _ = ticks.try_send(());
            (requests, first, ticked)
        };
        let mut first_pass = 0;
        while first_pass == 0 || !is_read(&keeper) {
            first_pass += 1;
            next().await;
        }
        fake.state().read.values_mut().for_each(|(_, longest)| *longest = Duration::ZERO);
        let (mut requests, mut planning, mut ticked) = (Vec::new(), Vec::new(), None);
        for _ in 0..self.polls {
            let (sent, first, this) = next().await;
            requests.push(sent);
            planning.extend(first.zip(ticked).map(|(first, ticked): (Duration, _)| first - ticked));
            ticked = Some(this);
        }
        planning.sort();
        let everything = fake.everything(self.zone_level);
        let longest = longest(&fake, &keeper.snapshot());
        let refused = fake.state().refused;
        Measured { everything, first_pass, requests, refused, longest, planning }
    }

    fn targets(&self) -> Targets {
        let discovered = Some(Expected::Any);
        let pattern = PatternTarget {
            account: "default".into(),
            pattern: "*".parse().unwrap(),
            only: None,
            exclude: Vec::new(),
            extent: Extent { zone_level: self.zone_level, discovered, ..Extent::default() },
        };
        Targets::default().with_patterns(vec![pattern])
    }
}

/// Returns true if every part of every zone was read.
fn is_read(keeper: &Handle) -> bool {
    let known = keeper.snapshot();
    let mut parts = known.zones().iter().flat_map(|zone| zone.parts());
    !known.zones().is_empty() && parts.all(|(_, part)| part.last_success.is_some())
}

fn longest(fake: &Fake, known: &Snapshot) -> BTreeMap<bool, (Duration, Duration)> {
    let (mut longest, state, now) =
        (BTreeMap::<_, (Duration, Duration)>::new(), fake.state(), Instant::now());
    for zone in known.zones() {
        for (kind, part) in zone.parts() {
            let (last, gap) = state.read[&(zone.id().unwrap(), kind)];
            let (most, told) = longest.entry(zone.holds(kind)).or_default();
            *most = (*most).max(gap).max(now - last);
            *told = (*told).max(part.interval.unwrap());
        }
    }
    longest
}

/// Returns the processor time of this thread, which does not depend on other load of the machine.
pub(crate) fn processor() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "tokio's clock stands still while the program computes")]
pub(crate) fn wall() -> std::time::Instant {
    std::time::Instant::now()
}
