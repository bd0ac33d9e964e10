//! A poller that polls on demand, and its pages.

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

/// A poller that polls on demand.
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

    /// Returns true if these are its targets.
    pub fn reads(&self, targets: &Targets) -> bool {
        self.targets == *targets
    }

    pub async fn poll(&mut self, client: &Arc<Client>) -> Page {
        self.polls += 1;
        // a new token makes each poll list the zones
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

/// The number of errors by reason.
pub type Errors = [f64; Reason::ALL.len()];

/// The samples of a page and its time.
pub struct Page {
    samples: BTreeMap<String, f64>,
    at: f64,
}

impl Page {
    pub fn errors(&self) -> Errors {
        Reason::ALL.map(|reason| {
            let labels = format!("{{reason=\"{}\",zone=\"example.com\"}}", reason.label());
            // the series of a found zone exists only after its first error
            let name = format!("cloudflare_aop_exporter_poll_errors_total{labels}");
            self.samples.get(&name).copied().unwrap_or_default()
        })
    }

    /// Returns true if the account, including its list of zones, could be read.
    pub fn is_account_up(&self) -> bool {
        self.samples["cloudflare_aop_account_up{account=\"default\"}"] > 0.0
    }

    /// Returns the page without this zone.
    pub fn without(&self, zone: &str) -> Self {
        let others = self.samples.iter().filter(|(series, _)| !series.contains(&format!("zone=\"{zone}\"")));
        Self { samples: others.map(|(series, value)| (series.clone(), *value)).collect(), at: self.at }
    }

    /// Returns the errors counted since then.
    pub fn errors_since(&self, before: &Errors) -> Vec<(Reason, f64)> {
        let new = self.errors().into_iter().zip(before).map(|(now, before)| now - before);
        Reason::ALL.into_iter().zip(new).filter(|(_, new)| *new > 0.0).collect()
    }

    /// Returns the samples of hostnames, zones and certificates. Findings are omitted since they follow from the rest, and so
    /// are the parts of zones, which may be read separately, and their poll intervals.
    fn readings(&self) -> impl Iterator<Item = (&String, f64)> {
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

    /// Compares the page with the latest one without errors.
    pub fn compare(&self, good: &Self, reads: Reads, when: &str, wrong: &mut Vec<String>) {
        for (series, value) in good.readings() {
            let name = series.split('{').next().unwrap();
            let is = |part: &str| name.ends_with(part);
            let expected = match reads {
                _ if is("_expires_in_seconds") => value - (self.at - good.at),
                Reads::Hostnames if is("zone_up") => 0.0,
                // the time of the last part read is ignored
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
        // a GET has a date that lists lack
        let new = self.readings().filter(|(series, _)| !good.samples.contains_key(*series));
        let new =
            new.filter(|(series, _)| !series.starts_with("cloudflare_aop_hostname_certificate_updated_"));
        wrong.extend(new.map(|(series, _)| format!("{when}: {series} is new")));
    }
}

/// The parts of a zone read by the latest poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    All,
    /// Everything except the zone level. The zone counts as down.
    Hostnames,
    None,
    /// Any number of parts, depending on the order of requests.
    Some,
}
