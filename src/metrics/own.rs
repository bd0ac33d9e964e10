//! The metric families about the exporter itself, from its registry.

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use crate::exposition::{self, Format, Kind, Series};

/// The order of the exporter's families on a page. Those of the process follow.
const ORDER: &[&str] = &[
    "cloudflare_aop_api_requests_total",
    "cloudflare_aop_api_request_duration_seconds",
    "cloudflare_aop_api_retries_total",
    "cloudflare_aop_api_rate_limit_remaining",
    "cloudflare_aop_api_throttled_seconds_total",
    "cloudflare_aop_api_token_valid",
    "cloudflare_aop_api_token_expires_timestamp_seconds",
    "cloudflare_aop_exporter_polls_total",
    "cloudflare_aop_exporter_poll_errors_total",
    "cloudflare_aop_exporter_polls_skipped_total",
    "cloudflare_aop_exporter_poll_duration_seconds",
    "cloudflare_aop_exporter_last_poll_timestamp_seconds",
    "cloudflare_aop_exporter_poll_interval_seconds",
    "cloudflare_aop_exporter_config_last_reload_successful",
    "cloudflare_aop_exporter_config_last_reload_success_timestamp_seconds",
    "cloudflare_aop_exporter_http_requests_total",
    "cloudflare_aop_exporter_http_connections",
    "cloudflare_aop_exporter_http_pages_evicted_total",
    "cloudflare_aop_exporter_build_info",
];

/// Keeps the families for a page written to a file: the time of the last poll and, if `scheduled`, the poll interval.
pub(super) fn for_file(families: Vec<MetricFamily>, scheduled: bool) -> Vec<MetricFamily> {
    let is_kept = |family: &MetricFamily| match family.name() {
        "cloudflare_aop_exporter_last_poll_timestamp_seconds" => true,
        "cloudflare_aop_exporter_poll_interval_seconds" => scheduled,
        _ => false,
    };
    in_order(families).into_iter().filter(is_kept).collect()
}

/// Sorts the families as in [`ORDER`]. Other families follow in their given order.
pub(super) fn in_order(mut families: Vec<MetricFamily>) -> Vec<MetricFamily> {
    families
        .sort_by_key(|family| ORDER.iter().position(|name| *name == family.name()).unwrap_or(ORDER.len()));
    families
}

/// Writes the header of a family.
pub(super) fn header(out: &mut Vec<u8>, format: Format, family: &MetricFamily) {
    exposition::header(out, format, family.name(), family.help(), kind(family));
}

/// Writes the series of a family for one set of labels.
pub(super) fn row(out: &mut Vec<u8>, family: &MetricFamily, metric: &Metric) {
    let name = family.name();
    match kind(family) {
        Kind::Counter => start(out, name, "", metric.get_label()).float(metric.get_counter().get_value()),
        Kind::Gauge | Kind::Info => {
            start(out, name, "", metric.get_label()).float(metric.get_gauge().get_value());
        }
        Kind::Histogram => histogram(out, name, metric),
    }
}

fn histogram(out: &mut Vec<u8>, name: &str, metric: &Metric) {
    let (labels, histogram) = (metric.get_label(), metric.get_histogram());
    for bucket in histogram.get_bucket() {
        let series = start(out, name, "_bucket", labels).bound(bucket.upper_bound());
        series.integer(bucket.cumulative_count());
    }
    // the registry omits the bucket +Inf
    let count = histogram.get_sample_count();
    start(out, name, "_bucket", labels).bound(f64::INFINITY).integer(count);
    start(out, name, "_sum", labels).float(histogram.get_sample_sum());
    start(out, name, "_count", labels).integer(count);
}

fn start<'a>(out: &'a mut Vec<u8>, name: &str, suffix: &str, labels: &[LabelPair]) -> Series<'a> {
    let series = Series::start(out, name, suffix);
    labels.iter().fold(series, |series, label| series.label(label.name(), label.value()))
}

/// Returns the kind of a family. The registry has neither summaries nor untyped values.
fn kind(family: &MetricFamily) -> Kind {
    match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        _ if family.name().ends_with("_info") => Kind::Info,
        _ => Kind::Gauge,
    }
}
