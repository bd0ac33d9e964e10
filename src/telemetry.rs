//! Counters and histograms about the exporter itself, in a registry of their own.

mod endpoint;
mod maker;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};
use tokio::time::Instant;

use crate::domain::{Date, Reason, ZoneKey};
use maker::Maker;

pub use endpoint::Endpoint;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision that it was built from.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler that built it.
pub const RUSTC: &str = env!("BUILD_RUSTC");

/// What the exporter counts and measures about itself.
pub struct Telemetry {
    registry: Registry,
    api_requests: IntCounterVec,
    api_request_duration: HistogramVec,
    api_retries: IntCounterVec,
    api_rate_limit_remaining: GaugeVec,
    rate_limit_windows: Mutex<BTreeMap<String, Instant>>,
    api_throttled: CounterVec,
    api_token_valid: IntGaugeVec,
    api_token_expires: IntGaugeVec,
    polls: IntCounter,
    poll_errors: IntCounterVec,
    polls_skipped: IntCounter,
    poll_duration: HistogramVec,
    last_poll: IntGaugeVec,
    poll_interval: GaugeVec,
    reload_successful: IntGaugeVec,
    last_reload: IntGaugeVec,
}

const API_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const POLL_BUCKETS: &[f64] = &[0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0];

impl Telemetry {
    /// A fresh set of metrics, among them those of this process.
    ///
    /// # Errors
    /// Where two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let build = make.vec(
            IntGaugeVec::new,
            "cloudflare_aop_exporter_build_info",
            "Always 1; the labels tell what this exporter was built from.",
            &["version", "revision", "rustc"],
        )?;
        build.with_label_values(&[VERSION, REVISION, RUSTC]).set(1);
        let telemetry = Self {
            api_requests: make.vec(IntCounterVec::new,
                "cloudflare_aop_api_requests_total",
                "Requests sent to Cloudflare's API, by HTTP status, or none where no response came.",
                &["account", "endpoint", "code"],
            )?,
            api_request_duration: make.histograms(
                "cloudflare_aop_api_request_duration_seconds",
                "Time from sending a request to Cloudflare's API to the end of its response.",
                API_BUCKETS,
                &["endpoint"],
            )?,
            api_retries: make.vec(IntCounterVec::new,
                "cloudflare_aop_api_retries_total",
                "Requests that were sent again after a failure.",
                &["account", "endpoint"],
            )?,
            api_rate_limit_remaining: make.vec(GaugeVec::new,
                "cloudflare_aop_api_rate_limit_remaining",
                "Requests that Cloudflare last said are left in the current window; absent once that has passed.",
                &["account"],
            )?,
            rate_limit_windows: Mutex::default(),
            api_throttled: make.vec(CounterVec::new,
                "cloudflare_aop_api_throttled_seconds_total",
                "Time for which Cloudflare forbade requests by answering 429.",
                &["account"],
            )?,
            api_token_valid: make.vec(IntGaugeVec::new,
                "cloudflare_aop_api_token_valid",
                "Whether Cloudflare calls the token active; absent where it cannot be verified.",
                &["account"],
            )?,
            api_token_expires: make.vec(IntGaugeVec::new,
                "cloudflare_aop_api_token_expires_timestamp_seconds",
                "When the token expires; absent where it does not or that is not known.",
                &["account"],
            )?,
            polls: make.int_counter("cloudflare_aop_exporter_polls_total", "Polls that have ended.")?,
            poll_errors: make.vec(IntCounterVec::new,
                "cloudflare_aop_exporter_poll_errors_total",
                "Hostnames, lists and look-ups that failed in a poll.",
                &["zone", "reason"],
            )?,
            polls_skipped: make.int_counter(
                "cloudflare_aop_exporter_polls_skipped_total",
                "Ticks of the schedule that came while a poll was still running.",
            )?,
            poll_duration: make.histograms(
                "cloudflare_aop_exporter_poll_duration_seconds",
                "Time that a poll of everything took.",
                POLL_BUCKETS,
                &[],
            )?,
            last_poll: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_last_poll_timestamp_seconds",
                "When the latest poll ended.",
                &[],
            )?,
            poll_interval: make.vec(GaugeVec::new,
                "cloudflare_aop_exporter_poll_interval_seconds",
                "Time between two polls: the schedule's longest gap, or what the budget of requests allows.",
                &[],
            )?,
            reload_successful: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_config_last_reload_successful",
                "Whether the configuration was good when it was last read.",
                &[],
            )?,
            last_reload: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
                &[],
            )?,
            registry: registry.clone(),
        };
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(telemetry)
    }

    /// Starts the counters of these accounts and zones at zero, and forgets all others.
    pub fn watch(&self, accounts: &BTreeSet<&str>, zones: &BTreeSet<&str>) {
        forget(&self.api_requests, "account", accounts);
        forget(&self.api_retries, "account", accounts);
        forget(&self.api_rate_limit_remaining, "account", accounts);
        self.windows().retain(|account, _| accounts.contains(account.as_str()));
        forget(&self.api_throttled, "account", accounts);
        forget(&self.api_token_valid, "account", accounts);
        forget(&self.api_token_expires, "account", accounts);
        forget(&self.poll_errors, "zone", zones);
        for account in accounts {
            for endpoint in Endpoint::ALL {
                self.api_retries.with_label_values(&[account, endpoint.label()]);
            }
            self.api_throttled.with_label_values(&[account]);
        }
        for zone in zones {
            for reason in Reason::ALL {
                self.poll_errors.with_label_values(&[zone, reason.label()]);
            }
        }
    }

    /// Counts one request, by the status of its response where one came.
    pub fn request(&self, account: &str, endpoint: Endpoint, status: Option<u16>, took: Duration) {
        let mut digits = itoa::Buffer::new();
        let code = status.map_or("none", |status| digits.format(status));
        self.api_requests.with_label_values(&[account, endpoint.label(), code]).inc();
        self.api_request_duration.with_label_values(&[endpoint.label()]).observe(took.as_secs_f64());
    }

    /// Counts one request that is sent again.
    pub fn retry(&self, account: &str, endpoint: Endpoint) {
        self.api_retries.with_label_values(&[account, endpoint.label()]).inc();
    }

    /// Keeps what Cloudflare said is left of its window, until that ends.
    pub fn rate_limit(&self, account: &str, remaining: f64, window_ends: Instant) {
        self.api_rate_limit_remaining.with_label_values(&[account]).set(remaining);
        self.windows().insert(account.to_owned(), window_ends);
    }

    /// Adds time for which Cloudflare forbade requests.
    pub fn throttled(&self, account: &str, time: Duration) {
        self.api_throttled.with_label_values(&[account]).inc_by(time.as_secs_f64());
    }

    /// Keeps what is known of a token: whether it is active, where that could be found out, and until when.
    pub fn token(&self, account: &str, valid: Option<bool>, expires: Option<Date>) {
        set_or_remove(&self.api_token_valid, account, valid.map(i64::from));
        set_or_remove(&self.api_token_expires, account, expires.map(Date::as_second));
    }

    /// Counts one failure of a poll.
    pub fn poll_error(&self, zone: &ZoneKey, reason: Reason) {
        self.poll_errors.with_label_values(&[zone.as_str(), reason.label()]).inc();
    }

    /// Counts a tick that came while a poll was running.
    pub fn poll_skipped(&self) {
        self.polls_skipped.inc();
    }

    /// Counts a poll that has ended.
    pub fn poll_ended(&self, took: Duration, at: Date) {
        self.polls.inc();
        self.poll_duration.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
        self.last_poll.with_label_values::<&str>(&[]).set(at.as_second());
    }

    /// Keeps the time between two polls.
    pub fn poll_interval(&self, interval: Duration) {
        self.poll_interval.with_label_values::<&str>(&[]).set(interval.as_secs_f64());
    }

    /// Keeps whether the configuration was good when it was read, at that time.
    pub fn reloaded(&self, good: bool, at: Date) {
        self.reload_successful.with_label_values::<&str>(&[]).set(good.into());
        if good {
            self.last_reload.with_label_values::<&str>(&[]).set(at.as_second());
        }
    }

    /// Every family that has a sample at `now`, sorted by name.
    pub fn gather(&self, now: Instant) -> Vec<MetricFamily> {
        self.windows().retain(|account, ends| {
            let open = now < *ends;
            if !open {
                // it is there: the two are written together
                let _ = self.api_rate_limit_remaining.remove_label_values(&[account]);
            }
            open
        });
        self.registry.gather()
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        self.rate_limit_windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_or_remove(gauge: &IntGaugeVec, account: &str, value: Option<i64>) {
    match value {
        Some(value) => gauge.with_label_values(&[account]).set(value),
        // an error says that there was none
        None => drop(gauge.remove_label_values(&[account])),
    }
}

/// Removes the samples whose `label` has none of the values in `kept`.
fn forget<T: MetricVecBuilder>(metric: &MetricVec<T>, label: &str, kept: &BTreeSet<&str>) {
    for family in metric.collect() {
        for sample in family.get_metric() {
            let labels: HashMap<_, _> =
                sample.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get(label).is_some_and(|value| !kept.contains(value)) {
                // an error says that it is gone already
                drop(metric.remove(&labels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn names(telemetry: &Telemetry, now: Instant) -> Vec<String> {
        let families = telemetry.gather(now);
        families.iter().map(|family| family.name().to_owned()).collect()
    }

    #[test]
    fn the_remaining_quota_is_absent_once_its_window_has_passed() {
        let telemetry = Telemetry::new().unwrap();
        let now = Instant::now();
        let name = "cloudflare_aop_api_rate_limit_remaining".to_owned();
        telemetry.rate_limit("default", 50.0, now + Duration::from_secs(30));
        assert!(names(&telemetry, now + Duration::from_secs(29)).contains(&name));
        assert!(!names(&telemetry, now + Duration::from_secs(30)).contains(&name));
        telemetry.rate_limit("default", 49.0, now + Duration::from_secs(60));
        assert!(names(&telemetry, now + Duration::from_secs(30)).contains(&name));
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let telemetry = Telemetry::new().unwrap();
        let known = |name: &str| names(&telemetry, Instant::now()).iter().any(|known| known == name);
        assert!(!known("cloudflare_aop_exporter_last_poll_timestamp_seconds"));
        assert!(!known("cloudflare_aop_exporter_poll_interval_seconds"));
        telemetry.token("default", Some(true), None);
        assert!(known("cloudflare_aop_api_token_valid"));
        assert!(!known("cloudflare_aop_api_token_expires_timestamp_seconds"));
        telemetry.token("default", None, None);
        assert!(!known("cloudflare_aop_api_token_valid"));
    }

    #[test]
    fn errors_of_a_zone_are_zero_from_the_start() {
        let telemetry = Telemetry::new().unwrap();
        telemetry.watch(&BTreeSet::new(), &["example.com"].into());
        let families = telemetry.gather(Instant::now());
        let errors = families.iter().find(|family| family.name().ends_with("poll_errors_total")).unwrap();
        assert_eq!(errors.get_metric().len(), Reason::ALL.len());
    }

    #[test]
    fn what_is_no_longer_watched_leaves_every_family() {
        let telemetry = Telemetry::new().unwrap();
        let both = ["kept", "left"];
        telemetry.watch(&both.into(), &both.into());
        let now = Instant::now();
        for account in both {
            telemetry.request(account, Endpoint::HostnameGet, Some(200), Duration::ZERO);
            telemetry.rate_limit(account, 50.0, now + Duration::from_secs(30));
            telemetry.token(account, Some(true), Some(Timestamp::UNIX_EPOCH.into()));
        }
        telemetry.watch(&["kept"].into(), &["kept"].into());
        let families = telemetry.gather(now);
        let labels = families.iter().flat_map(|family| family.get_metric()).flat_map(|one| one.get_label());
        let values: Vec<_> = labels.map(|label| label.value()).collect();
        assert!(!values.contains(&"left"), "{values:?}");
        // requests, remaining, valid, expires, throttled; each endpoint's retries; each reason's errors
        let kept = values.iter().filter(|value| **value == "kept").count();
        assert_eq!(kept, 5 + Endpoint::ALL.len() + Reason::ALL.len());
    }
}
