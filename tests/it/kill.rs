//! Kills a poller again and again, at any moment, while its readings change constantly.
//!
//! `LIVES=200` sets the number of lives, as `just kill` does.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    Association, CertId, Date, Expectation, Extent, HostnameTarget, Reading, Snapshot, Strategy, Targets,
    ZoneTarget,
};
use cloudflare_aop_exporter::keeper::state_file;
use cloudflare_aop_exporter::poll::Poller;
use cloudflare_aop_exporter::simulator::AssociationChange;
use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::harness::{Api, Asking, hostname, keeper, now, setup, soon, world};

/// Enough hostnames that a write of the state file takes a while.
const HOSTNAMES: usize = 600;
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const REPORT_INTERVAL: Duration = Duration::from_millis(50);
/// The number of reported lines in a second.
const SECOND: usize = 20;
const CHANGE_INTERVAL: Duration = Duration::from_millis(70);
/// The maximum length of a life measured by time, in milliseconds.
const MAX_LIFE_MS: u64 = 2000;

/// The environment variables with the child's directory and the API to poll.
const FOLDER: &str = "AOP_KILL_FOLDER";
const API: &str = "AOP_KILL_API";

fn zone() -> ZoneTarget {
    let hostnames =
        names().map(|name| HostnameTarget { hostname: hostname(&name), expectation: Expectation::default() });
    let zone = ZoneTarget::named("default".into(), "example.com".parse().unwrap(), None);
    let extent = Extent { strategy: Strategy::List, ..Extent::default() };
    zone.with_hostnames(hostnames.collect()).with_extent(extent)
}

fn names() -> impl Iterator<Item = String> {
    (0..HOSTNAMES).map(|index| format!("h{index:03}.example.com"))
}

/// The generation of each hostname's reading, or none without a reading.
type Generations = Vec<Option<i64>>;

fn generation(reading: &Reading) -> i64 {
    reading.updated_at.unwrap().as_second() - now().as_second()
}

fn generations(snapshot: &Snapshot) -> Generations {
    snapshot.zones()[0].entries().iter().map(|entry| entry.reading().map(generation)).collect()
}

/// A simulated world that changes as a whole. A hostname's reading is determined by the generation and its index.
struct World {
    api: Api,
    certificates: Vec<CertId>,
    /// The start time of each generation.
    began: Vec<Date>,
}

impl World {
    async fn start() -> Self {
        let names: Vec<_> = names().collect();
        let api = Api::start(world(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
        let certificates = api.simulator.with_world(|world| {
            let zone = world.zone("example.com").unwrap();
            let mut add = |hours| zone.add_certificate(now() + SignedDuration::from_hours(hours)).unwrap();
            vec![add(1000), add(2000), add(3000)]
        });
        Self { api, certificates, began: Vec::new() }
    }

    fn enabled(&self, generation: usize, index: usize) -> bool {
        (generation + index).is_multiple_of(2)
    }

    fn certificate(&self, generation: usize, index: usize) -> &CertId {
        &self.certificates[(generation + index) % self.certificates.len()]
    }

    fn change(&mut self) {
        let generation = self.began.len();
        self.began.push(Clock::system().now().into());
        self.api.simulator.with_world(|world| {
            let zone = world.zone("example.com").unwrap();
            for (index, name) in names().enumerate() {
                let change = AssociationChange {
                    enabled: Some(Some(self.enabled(generation, index))),
                    cert_id: Some(self.certificate(generation, index).to_string()),
                    ..AssociationChange::default()
                };
                let at = now() + SignedDuration::from_secs(generation.try_into().unwrap());
                zone.change_association(&hostname(&name), change, at).unwrap();
            }
        });
    }

    /// Asserts that every reading in a snapshot was true in its generation and not read before that.
    fn judge(&self, known: &Snapshot, now: Date) {
        for (index, entry) in known.zones()[0].entries().iter().enumerate() {
            let Some(reading) = entry.reading() else { continue };
            let generation = usize::try_from(generation(reading)).unwrap();
            let enabled =
                if self.enabled(generation, index) { Association::Enabled } else { Association::Disabled };
            assert_eq!(reading.association, enabled);
            let id = reading.certificate.as_ref().unwrap().id();
            assert_eq!(id, Some(self.certificate(generation, index)));
            assert!((self.began[generation]..=now).contains(&reading.read_at));
        }
    }
}

/// The child process to be killed. It polls, keeps a state file and reports the published readings.
#[tokio::test]
async fn a_poller_that_keeps_a_state_file() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut asking = Asking::new(&env::var(API).unwrap());
    asking.clock = Clock::system();
    let (path, targets) = (folder.join("state.json"), Targets::new([zone()]));
    let known = state_file::load(&path, &targets);
    let keeper = keeper(known.unwrap_or_else(|| Snapshot::default().retarget(&targets)));
    let setup = watch::Sender::new(setup(&asking));
    let poller = Poller::new(setup.subscribe(), keeper.clone(), asking.telemetry, asking.clock);
    let snapshot = keeper.follow();
    let mut told = File::create(folder.join("told")).unwrap();
    let mut tell = || {
        let line: Vec<_> =
            generations(&snapshot.borrow()).iter().map(|known| known.unwrap_or(-1).to_string()).collect();
        told.write_all((line.join(" ") + "\n").as_bytes()).unwrap();
    };
    tell();
    let (ticks, receiver) = mpsc::channel(1);
    tokio::spawn(state_file::keep(path, keeper.follow(), CancellationToken::new()));
    tokio::spawn(poller.run(receiver, CancellationToken::new()));
    let (mut polls, mut tells) = (interval(POLL_INTERVAL), interval(REPORT_INTERVAL));
    tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // ends by itself if the parent process is gone
    let end = soon();
    while Instant::now() < end {
        tokio::select! {
            // fails if a poll is still running
            _ = polls.tick() => drop(ticks.try_send(())),
            _ = tells.tick() => tell(),
        }
    }
}

/// The child process, killed on drop.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The moment at which a poller is killed.
#[derive(Clone, Copy)]
enum Life {
    /// After this time, possibly before it has started.
    For(Duration),
    /// Once it has reported this many lines, however slow the machine is.
    Lines(usize),
}

/// Runs and kills the poller and returns the generations it reported.
async fn live_and_be_killed(folder: &Path, base_url: &str, life: Life) -> Vec<Generations> {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "kill::a_poller_that_keeps_a_state_file"])
        .env(FOLDER, folder)
        .env(API, base_url);
    let child = Killed(command.stdout(Stdio::null()).spawn().unwrap());
    match life {
        Life::For(time) => sleep(time).await,
        Life::Lines(lines) => {
            let end = soon();
            while told(folder).len() < lines {
                assert!(Instant::now() < end, "the poller reports too little");
                sleep(REPORT_INTERVAL / 2).await;
            }
        }
    }
    drop(child);
    let told = told(folder);
    // a poller killed early has not written a file
    let _ = fs::remove_file(folder.join("told"));
    told
}

/// Returns the complete lines that the poller has reported so far.
fn told(folder: &Path) -> Vec<Generations> {
    let text = fs::read_to_string(folder.join("told")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let numbers =
        |line: &str| line.split(' ').map(|known| known.parse().ok().filter(|known| *known >= 0)).collect();
    whole.lines().map(numbers).collect()
}

/// Returns the content of the state file without changing the file.
fn kept(folder: &Path) -> Option<Snapshot> {
    let copied = tempfile::tempdir().unwrap();
    let copy = copied.path().join("state.json");
    // the poller was killed before it wrote anything
    fs::copy(folder.join("state.json"), &copy).ok()?;
    let known = state_file::load(&copy, &Targets::new([zone()]));
    assert!(copy.exists(), "the file cannot be used");
    known
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_reading_older_than_a_second_and_corrupts_none() {
    let lives = env::var("LIVES").map_or(8, |lives| lives.parse().unwrap());
    // in memory if possible, since disk speed is not under test
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let folder = folder.path();
    let mut world = World::start().await;
    world.change();
    let base_url = world.api.base_url.clone();
    let mut before: Generations = vec![None; HOSTNAMES];
    let (mut starts, mut unfinished, mut lasting) = (0, 0, 0);
    for number in 0..lives {
        let life = if number % 2 == 0 {
            Life::For(Duration::from_millis(fastrand::u64(..MAX_LIFE_MS)))
        } else {
            Life::Lines(fastrand::usize(2 * SECOND..3 * SECOND))
        };
        let life = live_and_be_killed(folder, &base_url, life);
        tokio::pin!(life);
        let told = loop {
            tokio::select! {
                told = &mut life => break told,
                () = sleep(CHANGE_INTERVAL) => world.change(),
            }
        };
        if let Some(first) = told.first() {
            assert_eq!(*first, before, "a start shows the kept readings before it polls");
            starts += 1;
        }
        let names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let count = |part: &str| names.iter().filter(|name| name.to_str().unwrap().contains(part)).count();
        assert_eq!(count("rejected"), 0);
        unfinished += count(".tmp");

        let after = kept(folder).map_or_else(
            || vec![None; HOSTNAMES],
            |known| {
                world.judge(&known, Clock::system().now().into());
                generations(&known)
            },
        );
        let is_kept = |known: &Generations| known.iter().zip(&after).all(|(known, kept)| known <= kept);
        assert!(is_kept(&before), "a kept reading was replaced with an older one");
        if let Some(known) = told.len().checked_sub(SECOND + 1).map(|index| &told[index]) {
            assert!(is_kept(known), "a reading older than a second was lost");
            // counts lives that have read something that could be lost
            lasting += usize::from(known.iter().zip(&before).all(|(known, before)| known > before));
        }
        before = after;
    }
    println!(
        "{lives} lives, {unfinished} ended during a write; {starts} starts knew all that was kept; \
         after {lasting} lives longer than a second nothing was lost; {} generations of {HOSTNAMES} hostnames",
        world.began.len()
    );
    assert!(lasting * 4 >= lives, "only {lasting} of {lives} lives had readings to lose");
}
