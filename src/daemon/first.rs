//! The log summary of the first poll.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::fmt::Write;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::domain::Judge;
use crate::http;
use crate::metrics::Source;

/// Logs a summary after the first poll. `ended` receives its duration.
pub(super) async fn report(
    ended: oneshot::Receiver<Duration>,
    source: Source,
    serving: watch::Receiver<Arc<http::Options>>,
) -> anyhow::Result<Infallible> {
    if let Ok(took) = ended.await {
        let thresholds = serving.borrow().view.thresholds;
        let judge = source.judge(thresholds);
        let seconds = (took.as_secs_f64() * 10.0).ceil() / 10.0;
        tracing::info!(verdict = %judge.verdict().label(), seconds, "first poll: {}", summary(&judge));
    }
    pending().await
}

/// Returns the numbers of zones and hostnames that are up, and of hostnames by verdict, worst first.
fn summary(judge: &Judge) -> String {
    let zones = judge.snapshot().zones();
    let entries = || zones.iter().flat_map(|zone| zone.entries());
    let zones_up = zones.iter().filter(|zone| zone.is_up()).count();
    let (up, all) = (entries().filter(|entry| entry.is_up()).count(), entries().count());
    let mut text = format!("read {up} of {all} hostnames in {zones_up} of {} zones", zones.len());
    for (index, (Reverse(verdict), count)) in judge.hostnames_by_verdict().into_iter().enumerate() {
        let separator = if index == 0 { ": " } else { ", " };
        // writing to a string never fails
        let _ = write!(text, "{separator}{count} {}", verdict.label());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Association, Expectation, HostnameTarget, Outcome, Reading, Reason, Snapshot, Targets, Thresholds,
        ZoneTarget,
    };

    #[test]
    fn the_summary_counts_zones_hostnames_and_verdicts() {
        let now = jiff::Timestamp::UNIX_EPOCH.into();
        let zone = |name: &str| {
            let hostname = |label: &str| HostnameTarget {
                hostname: format!("{label}.{name}").parse().unwrap(),
                expectation: Expectation::default(),
            };
            ZoneTarget::named("default".into(), name.parse().unwrap(), None)
                .with_hostnames(vec![hostname("a"), hostname("b")])
        };
        let (read, failed) = (zone("read.example"), zone("failed.example"));
        let answer = |label: &str, association| {
            Outcome::Read(
                format!("{label}.read.example").parse().unwrap(),
                Ok(Reading::bare(association, now)),
            )
        };
        let of_read = [
            answer("a", Association::Enabled),
            answer("b", Association::Void),
            Outcome::Ended { result: Ok(()), at: now },
        ];
        let of_failed =
            [Outcome::Failed(Reason::Auth), Outcome::Ended { result: Err(Reason::Auth), at: now }];
        let outcomes = of_read.into_iter().map(|outcome| (read.key().clone(), outcome));
        let outcomes = outcomes.chain(of_failed.into_iter().map(|outcome| (failed.key().clone(), outcome)));
        let outcomes: Vec<_> = outcomes.collect();
        let known =
            Snapshot::default().retarget(&Targets::new([read.clone(), failed.clone()])).fold(outcomes);
        let judge = Judge::new(Arc::new(known), Thresholds::default(), now);
        assert_eq!(
            summary(&judge),
            "read 2 of 4 hostnames in 1 of 2 zones: 1 critical, 1 warning, 2 unknown"
        );
    }
}
