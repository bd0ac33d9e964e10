//! An index of a snapshot: all rows, judged and sorted once, for the pages and the JSON API.
//!
//! [`Indexes::get`] returns the index of the latest snapshot. A page reads it off the runtime's thread:
//!
//! ```ignore
//! let query = Query::parse(uri.query(), Sort::Verdict)?;
//! let page = index.hostnames().page(index.judge(), &query);
//! for row in &page.rows {
//!     row.verdict; row.ends; row.zone.key(); row.thing.hostname(); // and all accessors of `Entry`
//!     index.judge().tell_hostname(row.zone, row.thing); // its findings in words
//! }
//! page.next; // the cursor of the next page
//! ```

mod cache;
mod counts;
mod list;
mod thing;

use std::collections::HashMap;

use super::query::Sort;
use crate::domain::{Entry, Findings, Judge, Level, Verdict, ZoneCertificate, ZoneState};

pub(super) use cache::Indexes;
pub(super) use counts::Counts;
pub(super) use list::{List, Row};
pub(super) use thing::Thing;
use thing::cert_id;

/// A snapshot, judged at one moment, with its rows in every order.
pub(super) struct Index {
    judge: Judge,
    verdict: Verdict,
    hostnames: List<Entry>,
    certificates: List<ZoneCertificate>,
    zones: List<ZoneState>,
    /// The hostname counts of each zone by verdict, in the snapshot's order of zones.
    by_zone: Vec<Counts>,
}

impl Index {
    /// Judges the whole snapshot. This takes tens of milliseconds with 100,000 hostnames.
    pub(super) fn new(judge: Judge) -> Self {
        let hostnames = List::<Entry>::new(&judge);
        let (certificates, zones) = (List::<ZoneCertificate>::new(&judge), List::<ZoneState>::new(&judge));
        let mut by_zone = vec![Counts::default(); judge.snapshot().zones().len()];
        hostnames.each_verdict(|zone, verdict| by_zone[zone].add(verdict));
        let accounts = judge.snapshot().accounts().iter().map(|account| judge.account(account));
        let worst = [hostnames.counts(), certificates.counts(), zones.counts()].map(Counts::worst);
        let verdict = accounts.map(Findings::verdict).chain(worst).max().unwrap_or_default();
        Self { judge, verdict, hostnames, certificates, zones, by_zone }
    }

    /// Returns the judge of the snapshot, with its time, its thresholds, and findings in words.
    pub(super) fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Returns the worst verdict of all hostnames, zones, certificates and accounts.
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns all hostnames.
    pub(super) fn hostnames(&self) -> &List<Entry> {
        &self.hostnames
    }

    /// Returns the certificates of both stores.
    pub(super) fn certificates(&self) -> &List<ZoneCertificate> {
        &self.certificates
    }

    /// Returns all zones.
    pub(super) fn zones(&self) -> &List<ZoneState> {
        &self.zones
    }

    /// Counts the zones of an account by verdict.
    pub(super) fn zones_of(&self, account: &str) -> Counts {
        let mut counts = Counts::default();
        let zones = self.zones.rows(&self.judge, Sort::Zone);
        zones.filter(|row| row.zone.account() == account).for_each(|row| counts.add(row.verdict));
        counts
    }

    /// Returns the counts by verdict of the hostnames that use each certificate. No hostname uses a zone-level one.
    pub(super) fn hostnames_by_certificate(&self, rows: &[Row<'_, ZoneCertificate>]) -> Vec<Counts> {
        let asked = rows.iter().filter(|row| row.thing.level == Level::Hostname);
        let mut counts: HashMap<_, _> =
            asked.map(|row| ((row.zone_index, &row.thing.id), Counts::default())).collect();
        for hostname in self.hostnames.rows(&self.judge, Sort::Zone) {
            let id = cert_id(hostname.thing);
            if let Some(counts) = id.and_then(|id| counts.get_mut(&(hostname.zone_index, id))) {
                counts.add(hostname.verdict);
            }
        }
        let of = |row: &Row<'_, ZoneCertificate>| match row.thing.level {
            Level::Hostname => counts.get(&(row.zone_index, &row.thing.id)).copied().unwrap_or_default(),
            Level::Zone => Counts::default(),
        };
        rows.iter().map(of).collect()
    }

    /// Returns the hostname counts of a zone by verdict. `zone_index` is its [`Row::zone_index`].
    pub(super) fn hostnames_of(&self, zone_index: usize) -> Counts {
        self.by_zone[zone_index]
    }
}

#[cfg(test)]
mod tests;
