//! Writes the same series with other crates, each used as intended, into a reused buffer.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge as GaugeValue, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// A function that writes a page into a buffer and returns its length.
pub(crate) type Write = Box<dyn FnMut(&mut String) -> usize>;

/// A function that fills a crate's registry with the series of a page.
pub(crate) type Peer = fn(&str) -> Write;

/// The other crates by name.
pub(crate) const PEERS: [(&str, Peer); 3] = [
    ("prometheus-client", client),
    ("prometheus Collector and TextEncoder", collector),
    ("prometheus GaugeVec and TextEncoder", vectors),
];

/// The crate prometheus-client, which writes OpenMetrics.
fn client(text: &str) -> Write {
    let mut registry = prometheus_client::registry::Registry::default();
    for (name, series) in families(text) {
        let family = Family::<Vec<(String, String)>, Gauge<f64, AtomicU64>>::default();
        for Series { labels, value } in series {
            family.get_or_create(&labels).set(value);
        }
        registry.register(name, "Help.", family);
    }
    Box::new(move |buffer| {
        prometheus_client::encoding::text::encode(buffer, &registry).unwrap();
        black_box(&*buffer).len()
    })
}

/// The crate prometheus with a `Collector` that creates its families for each page, as it would from a snapshot.
fn collector(text: &str) -> Write {
    let families = Families(families(text));
    let registry = Registry::new();
    registry.register(Box::new(families)).unwrap();
    gathered(registry)
}

/// The crate prometheus with one `GaugeVec` for each family.
fn vectors(text: &str) -> Write {
    let registry = Registry::new();
    for (name, series) in families(text) {
        let keys: Vec<_> = series[0].labels.iter().map(|(key, _)| key.as_str()).collect();
        let family = GaugeVec::new(Opts::new(name, "Help."), &keys).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        for Series { labels, value } in &series {
            let values: Vec<_> = labels.iter().map(|(_, value)| value).collect();
            family.with_label_values(&values).set(*value);
        }
    }
    gathered(registry)
}

fn gathered(registry: Registry) -> Write {
    Box::new(move |buffer| {
        TextEncoder::new().encode_utf8(&registry.gather(), buffer).unwrap();
        black_box(&*buffer).len()
    })
}

struct Series {
    labels: Vec<(String, String)>,
    value: f64,
}

/// Parses the series of a page by name. The labels must not contain escapes.
fn families(text: &str) -> BTreeMap<String, Vec<Series>> {
    let mut families: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.strip_suffix("\"}").unwrap_or_default();
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        families.entry(name.to_owned()).or_default().push(Series { labels, value: value.parse().unwrap() });
    }
    families
}

struct Families(BTreeMap<String, Vec<Series>>);

impl Collector for Families {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.iter().map(|(name, series)| collected(name, series)).collect()
    }
}

fn collected(name: &str, series: &[Series]) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("Help.".to_owned());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(series.iter().map(metric).collect());
    family
}

fn metric(series: &Series) -> Metric {
    let pairs = series.labels.iter().map(|(key, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(key.clone());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    let mut gauge = GaugeValue::default();
    gauge.set_value(series.value);
    metric.set_gauge(gauge);
    metric
}
