//! Folds the results of rounds into origins that have become inconclusive or conclusive again. A failure is
//! logged when it starts and when it ends, not in every round. Pure: time is an argument.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::time::Instant;

use super::rounds::Watched;
use crate::domain::{Demand, DemandReason, Span, listed};

/// The result of a probe.
pub(super) struct Found {
    pub(super) watched: Watched,
    pub(super) demand: Demand,
    pub(super) reason: DemandReason,
}

/// The origins whose probes are inconclusive, with the reason and the time since when.
#[derive(Default)]
pub(super) struct Story {
    failing: HashMap<Watched, (DemandReason, Instant)>,
}

/// A log line. Origins with the same news share one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Probes of these origins have become inconclusive.
    Began { origins: String, error: String },
    /// Probes are conclusive again, after at most this many seconds.
    Ended { origins: String, after: i64 },
}

impl Story {
    /// Takes in the results of a round, and returns what to log. Origins that are no longer `known` are
    /// forgotten.
    pub(super) fn fold(&mut self, found: &[Found], known: &HashSet<Watched>, now: Instant) -> Vec<Line> {
        self.failing.retain(|watched, _| known.contains(watched));
        let (mut began, mut ended, mut longest) = (BTreeMap::<_, Vec<_>>::new(), Vec::new(), 0);
        for Found { watched, demand, reason } in found {
            if *demand != Demand::Unknown {
                if let Some((_, since)) = self.failing.remove(watched) {
                    longest = longest.max(now.duration_since(since).as_secs());
                    ended.push(name(watched));
                }
                continue;
            }
            let (before, _) = self.failing.entry(watched.clone()).or_insert((DemandReason::Resumed, now));
            if std::mem::replace(before, *reason).label() != reason.label() {
                began.entry(reason.to_string()).or_default().push(name(watched));
            }
        }
        let mut lines = Vec::new();
        if !ended.is_empty() {
            let after = i64::try_from(longest).unwrap_or(i64::MAX);
            lines.push(Line::Ended { origins: sorted(ended), after });
        }
        let began = began.into_iter();
        lines.extend(began.map(|(error, origins)| Line::Began { origins: sorted(origins), error }));
        lines
    }
}

impl Line {
    pub(super) fn log(&self) {
        match self {
            Self::Began { origins, error } => {
                tracing::warn!(%origins, error, "probes cannot determine if the origin demands a client certificate");
            }
            Self::Ended { origins, after } => {
                tracing::info!(%origins, after = %Span(*after), "probes can determine again if the origin demands a client certificate");
            }
        }
    }
}

/// Returns the hostname and the label of an origin. Its address may be a secret.
fn name((_, origin): &Watched) -> String {
    format!("{} ({})", origin.hostname, origin.label)
}

fn sorted(mut origins: Vec<String>) -> String {
    origins.sort_unstable();
    listed(&origins)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{OriginTarget, ProbeFailure, ZoneName};

    fn watched(hostname: &str) -> Watched {
        let zone: ZoneName = "example.com".parse().unwrap();
        let origin = OriginTarget {
            hostname: hostname.parse().unwrap(),
            label: "blue".into(),
            address: "203.0.113.7".parse().unwrap(),
            server_name: hostname.parse().unwrap(),
            path: "/".into(),
            from_dns: false,
        };
        ((&zone).into(), origin)
    }

    fn found(hostname: &str, failure: Option<ProbeFailure>) -> Found {
        let (demand, reason) = match failure {
            Some(failure) => (Demand::Unknown, DemandReason::Failed(failure)),
            None => (Demand::Required, DemandReason::Refused(116)),
        };
        Found { watched: watched(hostname), demand, reason }
    }

    #[tokio::test]
    async fn a_failure_is_logged_when_it_starts_and_when_it_ends() {
        let (mut story, known) = (Story::default(), [watched("a.example.com")].into());
        let now = Instant::now();
        let mut fold = |failure, minutes| {
            story.fold(&[found("a.example.com", failure)], &known, now + Duration::from_mins(minutes))
        };
        let origins = || "a.example.com (blue)".to_owned();
        assert_eq!(fold(None, 0), []);
        let began = |error: &str| [Line::Began { origins: origins(), error: error.to_owned() }];
        assert_eq!(fold(Some(ProbeFailure::NotReachable), 1), began("cannot connect"));
        assert_eq!(fold(Some(ProbeFailure::NotReachable), 2), []);
        assert_eq!(fold(Some(ProbeFailure::TimedOut), 3), began("no answer in time"));
        assert_eq!(fold(None, 4), [Line::Ended { origins: origins(), after: 180 }]);
        assert_eq!(fold(None, 5), []);
    }

    #[tokio::test]
    async fn origins_with_the_same_failure_share_a_line_and_removed_ones_are_forgotten() {
        let mut story = Story::default();
        let names: Vec<_> = (0..7).map(|number| format!("{number}.example.com")).collect();
        let known: HashSet<_> = names.iter().map(|name| watched(name)).collect();
        let all = |failure| names.iter().map(|name| found(name, failure)).collect::<Vec<_>>();
        let lines = story.fold(&all(Some(ProbeFailure::Closed)), &known, Instant::now());
        let [Line::Began { origins, .. }] = &*lines else { panic!("{lines:?}") };
        assert!(origins.starts_with("0.example.com (blue), 1.example.com (blue), "), "{origins}");
        assert!(origins.ends_with("4.example.com (blue) and 2 more"), "{origins}");
        assert_eq!(story.fold(&[], &HashSet::new(), Instant::now()), []);
        assert_eq!(story.fold(&all(None), &known, Instant::now()), [], "no failure is remembered");
    }
}
