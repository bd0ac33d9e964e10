//! Names, help texts, labels and buckets of the metrics.

use prometheus::{CounterVec, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::maker::Maker;
use super::{REVISION, RUSTC, VERSION};

/// The registered metrics.
pub(super) struct Metrics {
    pub(super) api_requests: IntCounterVec,
    pub(super) api_request_duration: HistogramVec,
    pub(super) api_retries: IntCounterVec,
    pub(super) api_rate_limit_remaining: GaugeVec,
    pub(super) api_throttled: CounterVec,
    pub(super) api_token_valid: IntGaugeVec,
    pub(super) api_token_expires: IntGaugeVec,
    pub(super) polls: IntCounter,
    pub(super) poll_errors: IntCounterVec,
    pub(super) polls_skipped: IntCounter,
    pub(super) poll_duration: HistogramVec,
    pub(super) last_poll: IntGaugeVec,
    pub(super) poll_interval: GaugeVec,
    pub(super) reload_successful: IntGaugeVec,
    pub(super) last_reload: IntGaugeVec,
    pub(super) http_requests: IntCounterVec,
    pub(super) http_connections: IntGaugeVec,
    pub(super) http_pages_evicted: IntCounter,
}

const API_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const POLL_BUCKETS: &[f64] = &[0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0];

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Fails if two metrics have the same name.
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let make = Maker(registry);
        let build = make.vec(
            IntGaugeVec::new,
            "cloudflare_aop_exporter_build_info",
            "Always 1; the labels describe the build of this exporter.",
            &["version", "revision", "rustc"],
        )?;
        build.with_label_values(&[VERSION, REVISION, RUSTC]).set(1);
        Ok(Self {
            api_requests: make.vec(IntCounterVec::new,
                "cloudflare_aop_api_requests_total",
                "Requests sent to Cloudflare's API, by HTTP status; none means no response.",
                &["account", "call", "code"],
            )?,
            api_request_duration: make.histograms(
                "cloudflare_aop_api_request_duration_seconds",
                "Time from sending a request to Cloudflare's API to the end of its response.",
                API_BUCKETS,
                &["call"],
            )?,
            api_retries: make.vec(IntCounterVec::new,
                "cloudflare_aop_api_retries_total",
                "Retries of requests to Cloudflare's API.",
                &["account", "call"],
            )?,
            api_rate_limit_remaining: make.vec(GaugeVec::new,
                "cloudflare_aop_api_rate_limit_remaining",
                "Requests that remain in Cloudflare's current rate-limit window; absent once it has ended.",
                &["account"],
            )?,
            api_throttled: make.vec(CounterVec::new,
                "cloudflare_aop_api_throttled_seconds_total",
                "Time during which Cloudflare blocked requests with status 429.",
                &["account"],
            )?,
            api_token_valid: make.vec(IntGaugeVec::new,
                "cloudflare_aop_api_token_valid",
                "1 if Cloudflare reports the token as active; absent if it cannot be verified.",
                &["account"],
            )?,
            api_token_expires: make.vec(IntGaugeVec::new,
                "cloudflare_aop_api_token_expires_timestamp_seconds",
                "When the token expires; absent if it does not, or if unknown.",
                &["account"],
            )?,
            polls: make.int_counter("cloudflare_aop_exporter_polls_total", "Polls that have ended.")?,
            poll_errors: make.vec(IntCounterVec::new,
                "cloudflare_aop_exporter_poll_errors_total",
                "Hostnames, lists and lookups that failed in polls.",
                &["zone", "reason"],
            )?,
            polls_skipped: make.int_counter(
                "cloudflare_aop_exporter_polls_skipped_total",
                "Ticks of the schedule that were skipped because a poll was running.",
            )?,
            poll_duration: make.histograms(
                "cloudflare_aop_exporter_poll_duration_seconds",
                "Duration of polls.",
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
                "Interval between two polls: the schedule's longest gap, or longer if the request budget requires it.",
                &[],
            )?,
            reload_successful: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_config_last_reload_successful",
                "1 if the configuration was valid when it was last read.",
                &[],
            )?,
            last_reload: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
                &[],
            )?,
            http_requests: make.vec(IntCounterVec::new,
                "cloudflare_aop_exporter_http_requests_total",
                "Requests that this exporter has answered, by route and HTTP status.",
                &["route", "code"],
            )?,
            http_connections: make.vec(IntGaugeVec::new,
                "cloudflare_aop_exporter_http_connections",
                "Connections to this exporter that are open.",
                &[],
            )?,
            http_pages_evicted: make.int_counter(
                "cloudflare_aop_exporter_http_pages_evicted_total",
                "Pages that were cut off because their clients read too slowly and others waited.",
            )?,
        })
    }
}
