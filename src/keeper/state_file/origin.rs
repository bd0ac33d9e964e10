//! The rows of origins. Equal lists of authorities are written once and shared again after reading, since
//! most origins have the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Serialize};

use super::value::{Label, Seconds, Text};
use crate::domain::{
    AcceptedIssuers, Demand, DemandReason, Hostname, IssuerName, Origin, OriginAddress, OriginReading,
    OriginTarget,
};

/// The origins of a zone.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Origins {
    accepted: Vec<AcceptedRow>,
    rows: Vec<OriginRow>,
}

/// A list of authorities that an origin names.
#[derive(Serialize, Deserialize)]
struct AcceptedRow {
    names: Vec<[u64; 2]>,
    is_cut: bool,
}

#[derive(Serialize, Deserialize)]
struct OriginRow {
    hostname: Text<Hostname>,
    label: Box<str>,
    address: Text<OriginAddress>,
    server_name: Text<Hostname>,
    path: Box<str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    from_dns: bool,
    #[serde(flatten)]
    latest: ReadingRow,
    /// The last answer, if the latest probe got none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<ReadingRow>,
}

/// The result of a probe.
#[derive(Serialize, Deserialize)]
struct ReadingRow {
    read_at: Seconds,
    up: bool,
    demand: Label<Demand>,
    reason: Box<str>,
    code: Option<u16>,
    /// The index of its list of authorities.
    accepted: Option<usize>,
    certificate_not_after: Option<Seconds>,
    milliseconds: u64,
}

impl Origins {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Creates the rows of the origins that were probed.
    pub(super) fn new<'a>(origins: &'a [Origin]) -> Self {
        let mut indexes: HashMap<&AcceptedIssuers, usize> = HashMap::new();
        let mut accepted = Vec::new();
        let probed = origins.iter().filter_map(|origin| Some((origin, origin.reading()?)));
        let mut row = |reading: &'a OriginReading| {
            let index = reading.accepted.as_deref().map(|issuers| {
                *indexes.entry(issuers).or_insert_with(|| {
                    let names = issuers.names().iter().map(|name| name.hashes()).collect();
                    accepted.push(AcceptedRow { names, is_cut: issuers.is_cut() });
                    accepted.len() - 1
                })
            });
            ReadingRow::new(reading, index)
        };
        let rows = probed.map(|(origin, latest)| {
            let answered = origin.answered().filter(|_| !latest.is_answer());
            OriginRow::new(origin.target(), row(latest), answered.map(&mut row))
        });
        let rows = rows.collect();
        Self { accepted, rows }
    }

    pub(super) fn stored(self) -> serde_json::Result<Vec<Origin>> {
        let accepted = self.accepted.into_iter().map(|AcceptedRow { names, is_cut }| {
            let names = names.into_iter().map(IssuerName::from_hashes).collect();
            Arc::new(AcceptedIssuers::from_names(names, is_cut))
        });
        let accepted: Vec<_> = accepted.collect();
        self.rows.into_iter().map(|row| row.origin(&accepted)).collect()
    }
}

impl OriginRow {
    fn new(target: &OriginTarget, latest: ReadingRow, answered: Option<ReadingRow>) -> Self {
        Self {
            hostname: Text(target.hostname.clone()),
            label: (&*target.label).into(),
            address: Text(target.address.clone()),
            server_name: Text(target.server_name.clone()),
            path: (&*target.path).into(),
            from_dns: target.from_dns,
            latest,
            answered,
        }
    }

    fn origin(self, accepted: &[Arc<AcceptedIssuers>]) -> serde_json::Result<Origin> {
        let target = OriginTarget {
            hostname: self.hostname.0,
            label: self.label.into(),
            address: self.address.0,
            server_name: self.server_name.0,
            path: self.path.into(),
            from_dns: self.from_dns,
        };
        let mut origin = Origin::new(target);
        for row in self.answered.into_iter().chain([self.latest]) {
            origin.probed(row.reading(accepted)?);
        }
        Ok(origin)
    }
}

impl ReadingRow {
    fn new(reading: &OriginReading, accepted: Option<usize>) -> Self {
        Self {
            read_at: Seconds(reading.read_at),
            up: reading.is_up,
            demand: Label(reading.demand),
            reason: reading.reason.label().into(),
            code: reading.reason.code(),
            accepted,
            certificate_not_after: reading.certificate_not_after.map(Seconds),
            milliseconds: u64::try_from(reading.took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn reading(self, accepted: &[Arc<AcceptedIssuers>]) -> serde_json::Result<OriginReading> {
        let unknown = |what: &str| serde_json::Error::custom(format_args!("unknown {what} of an origin"));
        let at = |index: usize| accepted.get(index).cloned().ok_or_else(|| unknown("authorities"));
        Ok(OriginReading {
            read_at: self.read_at.0,
            is_up: self.up,
            demand: self.demand.0,
            reason: DemandReason::from_parts(&self.reason, self.code).ok_or_else(|| unknown("reason"))?,
            accepted: self.accepted.map(at).transpose()?,
            certificate_not_after: self.certificate_not_after.map(|Seconds(at)| at),
            took: Duration::from_millis(self.milliseconds),
        })
    }
}
