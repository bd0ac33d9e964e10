//! A poller that polls when it is told to, and the pages that come of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::Client;
use cloudflare_aop_exporter::domain::{Reason, Snapshot, Targets};
use cloudflare_aop_exporter::keeper::Handle;
use cloudflare_aop_exporter::metrics::{Format, Source, View};
use cloudflare_aop_exporter::poll::{Account, Poller, Setup};
use cloudflare_aop_exporter::telemetry::Telemetry;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::harness::{Asking, account, keeper};

/// A poller that polls when it is told to.
pub struct Polling {
    telemetry: Arc<Telemetry>,
    clock: Clock,
    targets: Targets,
    keeper: Handle,
    setup: watch::Sender<Arc<Setup>>,
    poller: Poller,
    polls: u64,
}

impl Polling {
    pub fn new(asking: &Asking, targets: Targets) -> Self {
        let (telemetry, clock) = (Arc::clone(&asking.telemetry), asking.clock.clone());
        let setup = Setup { accounts: BTreeMap::new(), gap: Duration::ZERO };
        let (setup, keeper) =
            (watch::Sender::new(Arc::new(setup)), keeper(Snapshot::default().retarget(&targets)));
        let poller = Poller::new(setup.subscribe(), keeper.clone(), Arc::clone(&telemetry), clock.clone());
        Self { telemetry, clock, targets, keeper, setup, poller, polls: 0 }
    }

    /// Whether this is what it watches.
    pub fn reads(&self, targets: &Targets) -> bool {
        self.targets == *targets
    }

    pub async fn poll(&mut self, client: &Arc<Client>) -> Page {
        self.polls += 1;
        // with another token zones are listed in each poll
        let account = Account { token: self.polls, ..account(client) };
        let accounts = [("default".into(), account)].into();
        self.setup.send_replace(Arc::new(Setup { accounts, gap: Duration::ZERO }));
        self.poller.poll_once(Instant::now() + Duration::from_secs(60)).await;
        self.page()
    }

    fn page(&self) -> Page {
        let (telemetry, clock) = (Arc::clone(&self.telemetry), self.clock.clone());
        let source = Source { snapshot: self.keeper.follow(), telemetry, clock };
        let (mut page, mut text) = (source.page(Format::Text, View::default()), Vec::new());
        while page.fill(&mut text, usize::MAX) {}
        let text = String::from_utf8(text).unwrap();
        let samples = text.lines().filter(|line| line.starts_with("cloudflare_aop_"));
        let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
        let samples = samples.map(|(series, value)| (series.to_owned(), value.parse().unwrap()));
        Page { samples: samples.collect(), at: self.clock.now().as_second() as f64 }
    }
}

/// What was counted, reason by reason.
pub type Errors = [f64; Reason::ALL.len()];

/// The samples of a page, and when it was made.
pub struct Page {
    samples: BTreeMap<String, f64>,
    at: f64,
}

impl Page {
    pub fn errors(&self) -> Errors {
        Reason::ALL.map(|reason| {
            let labels = format!("{{reason=\"{}\",zone=\"example.com\"}}", reason.label());
            self.samples[&format!("cloudflare_aop_exporter_poll_errors_total{labels}")]
        })
    }

    /// Whether the account could be read, its list of zones above all.
    pub fn is_account_up(&self) -> bool {
        self.samples["cloudflare_aop_account_up{account=\"default\"}"] > 0.0
    }

    /// What it would say without that zone.
    pub fn without(&self, zone: &str) -> Self {
        let others = self.samples.iter().filter(|(series, _)| !series.contains(&format!("zone=\"{zone}\"")));
        Self { samples: others.map(|(series, value)| (series.clone(), *value)).collect(), at: self.at }
    }

    /// What was counted since then.
    pub fn errors_since(&self, before: &Errors) -> Vec<(Reason, f64)> {
        let new = self.errors().into_iter().zip(before).map(|(now, before)| now - before);
        Reason::ALL.into_iter().zip(new).filter(|(_, new)| *new > 0.0).collect()
    }

    /// What it says of hostnames, zones and certificates, but for findings, which follow from the rest, the parts of
    /// zones, which may be read one without the other, and how often they are to be read.
    fn known(&self) -> impl Iterator<Item = (&String, f64)> {
        let known = |series: &&String| {
            let name = series.strip_prefix("cloudflare_aop_").unwrap();
            let follows = name.contains("_finding{") || name.starts_with("zone_part_");
            let is_planned = name.starts_with("zone_poll_interval_");
            !follows
                && !is_planned
                && ["hostname_", "zone_", "certificate_"].iter().any(|thing| name.starts_with(thing))
        };
        self.samples.iter().map(|(series, value)| (series, *value)).filter(move |(series, _)| known(series))
    }

    /// Compares it with the latest good one.
    pub fn compare(&self, good: &Self, reads: Reads, when: &str, wrong: &mut Vec<String>) {
        for (series, value) in good.known() {
            let name = series.split('{').next().unwrap();
            let is = |part: &str| name.ends_with(part);
            let expected = match reads {
                _ if is("_expires_in_seconds") => value - (self.at - good.at),
                Reads::Hostnames if is("zone_up") => 0.0,
                // the part that was read last counts for nothing
                Reads::Hostnames | Reads::None if is("zone_last_success_timestamp_seconds") => {
                    value.min(self.samples[series])
                }
                Reads::None if is("_up") => 0.0,
                Reads::All | Reads::Hostnames if is("_last_success_timestamp_seconds") => self.at,
                Reads::Some if is("_up") || is("_last_success_timestamp_seconds") => self.samples[series],
                _ => value,
            };
            if self.samples.get(series) != Some(&expected) {
                wrong.push(format!(
                    "{when}: {series} is {:?} instead of {expected}",
                    self.samples.get(series)
                ));
            }
        }
        // a GET tells of a date that no list carries
        let new = self.known().filter(|(series, _)| !good.samples.contains_key(*series));
        let new =
            new.filter(|(series, _)| !series.starts_with("cloudflare_aop_hostname_certificate_updated_"));
        wrong.extend(new.map(|(series, _)| format!("{when}: {series} is new")));
    }
}

/// What of a zone was read by the latest poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    All,
    /// All but the zone level, without which the zone is not up.
    Hostnames,
    None,
    /// Whether anything was depends on what came first.
    Some,
}
