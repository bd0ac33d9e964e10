//! Construction of registered metrics.

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, Opts, Registry};

/// Makes metrics and registers them.
pub(super) struct Maker<'a>(pub(super) &'a Registry);

impl Maker<'_> {
    fn register<T: Collector + Clone + 'static>(
        &self,
        metric: prometheus::Result<T>,
    ) -> prometheus::Result<T> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn int_counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help))
    }

    pub(super) fn vec<T: Collector + Clone + 'static>(
        &self,
        new: fn(Opts, &[&str]) -> prometheus::Result<T>,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<T> {
        self.register(new(Opts::new(name, help), labels))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels))
    }
}
