//! Metrics about the exporter itself, in their own registry.

mod endpoint;
mod maker;
mod metrics;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Registry};
use tokio::time::Instant;

use crate::domain::{Date, Reason, ZoneKey};
use metrics::Metrics;

pub use endpoint::Endpoint;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision that this program was built from.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler that built this program.
pub const RUSTC: &str = env!("BUILD_RUSTC");

/// The exporter's metrics about itself.
pub struct Telemetry {
    registry: Registry,
    metrics: Metrics,
    /// The end of each account's rate-limit window.
    rate_limit_windows: Mutex<BTreeMap<String, Instant>>,
    last_poll: Mutex<Option<Date>>,
}

impl Telemetry {
    /// Creates and registers the metrics, including those of the process.
    ///
    /// # Errors
    /// Fails if two metrics have the same name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry)?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self { registry, metrics, rate_limit_windows: Mutex::default(), last_poll: Mutex::default() })
    }

    /// Starts the counters of these accounts at zero and removes the samples of all other accounts and zones.
    pub fn watch(&self, accounts: &BTreeSet<&str>, zones: &BTreeSet<&str>) {
        retain(&self.metrics.api_requests, "account", accounts);
        retain(&self.metrics.api_retries, "account", accounts);
        retain(&self.metrics.api_rate_limit_remaining, "account", accounts);
        self.windows().retain(|account, _| accounts.contains(account.as_str()));
        retain(&self.metrics.api_throttled, "account", accounts);
        retain(&self.metrics.api_token_valid, "account", accounts);
        retain(&self.metrics.api_token_expires, "account", accounts);
        retain(&self.metrics.poll_errors, "zone", zones);
        for account in accounts {
            for endpoint in Endpoint::ALL {
                self.metrics.api_retries.with_label_values(&[account, endpoint.label()]);
            }
            self.metrics.api_throttled.with_label_values(&[account]);
        }
    }

    /// Starts the errors of a zone at zero.
    pub fn start_errors(&self, zone: &ZoneKey) {
        for reason in Reason::ALL {
            self.metrics.poll_errors.with_label_values(&[zone.as_str(), reason.label()]);
        }
    }

    /// Counts one request by its response's status, or `none` without a response.
    pub fn request(&self, account: &str, endpoint: Endpoint, status: Option<u16>, took: Duration) {
        let mut digits = itoa::Buffer::new();
        let code = status.map_or("none", |status| digits.format(status));
        self.metrics.api_requests.with_label_values(&[account, endpoint.label(), code]).inc();
        self.metrics.api_request_duration.with_label_values(&[endpoint.label()]).observe(took.as_secs_f64());
    }

    /// Counts one retry.
    pub fn retry(&self, account: &str, endpoint: Endpoint) {
        self.metrics.api_retries.with_label_values(&[account, endpoint.label()]).inc();
    }

    /// Sets the number of requests that remain in Cloudflare's rate-limit window, until the window ends.
    pub fn rate_limit(&self, account: &str, remaining: f64, window_ends: Instant) {
        self.metrics.api_rate_limit_remaining.with_label_values(&[account]).set(remaining);
        self.windows().insert(account.to_owned(), window_ends);
    }

    /// Adds a time during which Cloudflare blocked requests.
    pub fn throttled(&self, account: &str, time: Duration) {
        self.metrics.api_throttled.with_label_values(&[account]).inc_by(time.as_secs_f64());
    }

    /// Records whether a token is active and when it expires; none if unknown.
    pub fn token(&self, account: &str, valid: Option<bool>, expires: Option<Date>) {
        set_or_remove(&self.metrics.api_token_valid, account, valid.map(i64::from));
        set_or_remove(&self.metrics.api_token_expires, account, expires.map(Date::as_second));
    }

    /// Counts one failure in a poll.
    pub fn poll_error(&self, zone: &ZoneKey, reason: Reason) {
        self.metrics.poll_errors.with_label_values(&[zone.as_str(), reason.label()]).inc();
    }

    /// Counts a tick skipped because a poll was running.
    pub fn poll_skipped(&self) {
        self.metrics.polls_skipped.inc();
    }

    /// Counts a poll that has ended.
    pub fn poll_ended(&self, took: Duration, at: Date) {
        self.metrics.polls.inc();
        self.metrics.poll_duration.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
        self.metrics.last_poll.with_label_values::<&str>(&[]).set(at.as_second());
        *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Returns the time when the latest poll ended.
    pub fn last_poll(&self) -> Option<Date> {
        *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the interval between two polls.
    pub fn poll_interval(&self, interval: Duration) {
        self.metrics.poll_interval.with_label_values::<&str>(&[]).set(interval.as_secs_f64());
    }

    /// Records whether the configuration read at `at` is valid.
    pub fn reloaded(&self, valid: bool, at: Date) {
        self.metrics.reload_successful.with_label_values::<&str>(&[]).set(valid.into());
        if valid {
            self.metrics.last_reload.with_label_values::<&str>(&[]).set(at.as_second());
        }
    }

    /// Counts a response to a client.
    pub fn http_request(&self, route: &str, status: u16) {
        let mut digits = itoa::Buffer::new();
        self.metrics.http_requests.with_label_values(&[route, digits.format(status)]).inc();
    }

    /// Sets the number of open connections.
    pub fn http_connections(&self, open: usize) {
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.metrics.http_connections.with_label_values::<&str>(&[]).set(open);
    }

    /// Counts a page that was evicted because its client read too slowly.
    pub fn http_page_evicted(&self) {
        self.metrics.http_pages_evicted.inc();
    }

    /// Returns all families that have a sample at `now`, sorted by name.
    pub fn gather(&self, now: Instant) -> Vec<MetricFamily> {
        self.windows().retain(|account, ends| {
            let open = now < *ends;
            if !open {
                // cannot fail, since the sample was set together with the window
                let _ = self.metrics.api_rate_limit_remaining.remove_label_values(&[account]);
            }
            open
        });
        self.registry.gather()
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.rate_limit_windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_or_remove(gauge: &IntGaugeVec, account: &str, value: Option<i64>) {
    match value {
        Some(value) => gauge.with_label_values(&[account]).set(value),
        // fails if there is no sample
        None => drop(gauge.remove_label_values(&[account])),
    }
}

/// Keeps only the samples whose `label` has a value in `kept`.
fn retain<T: MetricVecBuilder>(metric: &MetricVec<T>, label: &str, kept: &BTreeSet<&str>) {
    for family in metric.collect() {
        for sample in family.get_metric() {
            let labels: HashMap<_, _> =
                sample.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get(label).is_some_and(|value| !kept.contains(value)) {
                // fails if it is already removed
                drop(metric.remove(&labels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ZoneName;

    fn key(zone: &str) -> ZoneKey {
        ZoneKey::from(&zone.parse::<ZoneName>().unwrap())
    }

    fn names(telemetry: &Telemetry, now: Instant) -> Vec<String> {
        let families = telemetry.gather(now);
        families.iter().map(|family| family.name().to_owned()).collect()
    }

    #[test]
    fn the_remaining_quota_has_no_sample_once_its_window_has_ended() {
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
    fn an_unknown_value_has_no_sample() {
        let telemetry = Telemetry::new().unwrap();
        let has = |name: &str| names(&telemetry, Instant::now()).iter().any(|found| found == name);
        assert!(!has("cloudflare_aop_exporter_last_poll_timestamp_seconds"));
        assert!(!has("cloudflare_aop_exporter_poll_interval_seconds"));
        telemetry.token("default", Some(true), None);
        assert!(has("cloudflare_aop_api_token_valid"));
        assert!(!has("cloudflare_aop_api_token_expires_timestamp_seconds"));
        telemetry.token("default", None, None);
        assert!(!has("cloudflare_aop_api_token_valid"));
    }

    #[test]
    fn the_errors_of_a_zone_start_at_zero() {
        let telemetry = Telemetry::new().unwrap();
        telemetry.start_errors(&key("example.com"));
        let families = telemetry.gather(Instant::now());
        let errors = families.iter().find(|family| family.name().ends_with("poll_errors_total")).unwrap();
        assert_eq!(errors.get_metric().len(), Reason::ALL.len());
    }

    #[test]
    fn a_removed_account_or_zone_has_no_sample() {
        let telemetry = Telemetry::new().unwrap();
        let both = ["kept", "removed"];
        telemetry.watch(&both.into(), &both.into());
        both.iter().for_each(|zone| telemetry.start_errors(&key(zone)));
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
        assert!(!values.contains(&"removed"), "{values:?}");
        // requests, remaining, valid, expires, throttled; each endpoint's retries; each reason's errors
        let kept = values.iter().filter(|value| **value == "kept").count();
        assert_eq!(kept, 5 + Endpoint::ALL.len() + Reason::ALL.len());
    }
}
