//! Pages of metrics, written piece by piece.
//!
//! A page is a pure function of a snapshot, the exporter's own metrics and a time. It is never whole in memory: with
//! 100,000 hostnames it has half a gigabyte.

mod cursor;
mod families;
mod own;
mod row;

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::{Judge, Snapshot, Thresholds};
use crate::exposition::{self, Series};
use crate::telemetry::Telemetry;

pub use crate::exposition::Format;

use cursor::Cursor;
use families::{Family, Rows, ZONE_POLL_INTERVAL, families};

/// The series that a family of states has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum States {
    /// One for each state: 1 for the current one, 0 for the others.
    #[default]
    All,
    /// Only the one for the current state.
    Current,
}

/// The options of pages that a configuration sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The series that a family of states has.
    pub states: States,
    /// The thresholds of findings.
    pub thresholds: Thresholds,
}

/// The source of pages.
#[derive(Clone)]
pub struct Source {
    /// The latest snapshot.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// The metrics about the exporter.
    pub telemetry: Arc<Telemetry>,
    /// The clock.
    pub clock: Clock,
}

impl Source {
    /// Returns a page of the latest snapshot: hostnames, zones, certificates and the exporter itself.
    pub fn page(&self, format: Format, view: View) -> Page {
        let mut page = Page::new(self.judge(view.thresholds), format, view.states);
        page.own = own::in_order(self.telemetry.gather(Instant::now()));
        page
    }

    /// Judges the latest snapshot now.
    pub fn judge(&self, thresholds: Thresholds) -> Judge {
        let snapshot = Arc::clone(&self.snapshot.borrow());
        Judge::new(snapshot, thresholds, self.clock.now().into())
    }
}

/// A page of one snapshot at one time.
pub struct Page {
    judge: Judge,
    own: Vec<MetricFamily>,
    format: Format,
    states: States,
    /// True to omit the seconds until dates, which would become wrong in a file.
    without_countdowns: bool,
    /// True to omit the poll interval.
    without_interval: bool,
    /// The index of the current family among those of the snapshot, then in `own`.
    family: usize,
    /// The next row of that family; none until its header is written.
    cursor: Option<Cursor>,
    ended: bool,
}

impl Page {
    /// Creates a page for a file, such as one for node_exporter's textfile collector.
    ///
    /// It omits the seconds until expiry. Of the families about the exporter, it has only the time of the
    /// poll and, if `scheduled`, the poll interval.
    pub fn textfile(
        judge: Judge,
        format: Format,
        states: States,
        telemetry: &Telemetry,
        scheduled: bool,
    ) -> Self {
        let own = own::for_file(telemetry.gather(Instant::now()), scheduled);
        let page = Self::new(judge, format, states);
        Self { own, without_countdowns: true, without_interval: !scheduled, ..page }
    }

    fn new(judge: Judge, format: Format, states: States) -> Self {
        Self {
            judge,
            own: Vec::new(),
            format,
            states,
            without_countdowns: false,
            without_interval: false,
            family: 0,
            cursor: None,
            ended: false,
        }
    }

    /// Appends whole rows to `out` until it holds at least `until` bytes or 10,000 hostnames were visited.
    /// Returns false once the page has ended.
    ///
    /// A row has all series of one item in one family, a few kilobytes at most. A call may append nothing,
    /// since unread hostnames are visited but have hardly any series.
    pub fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        const MOST_VISITED: usize = 10_000;
        let hostnames: usize = self.judge.snapshot().zones().iter().map(|zone| zone.entries().len()).sum();
        let mut visited = 0;
        while out.len() < until && visited <= MOST_VISITED && !self.ended {
            let written = if let Some(family) = families().nth(self.family) {
                self.fill_family(family, out, until)
            } else if self.family < families().count() + self.own.len() {
                self.fill_own(self.family - families().count(), out, until)
            } else {
                exposition::end(out, self.format);
                self.ended = true;
                true
            };
            if written {
                self.family += 1;
                self.cursor = None;
                visited += hostnames;
            }
        }
        !self.ended
    }

    /// Continues a family of the snapshot. Returns true once it is complete.
    fn fill_family(&mut self, family: &Family, out: &mut Vec<u8>, until: usize) -> bool {
        let is_countdown = matches!(family.rows, Rows::Countdown(_));
        let is_interval = family.name == ZONE_POLL_INTERVAL;
        if (self.without_countdowns && is_countdown) || (self.without_interval && is_interval) {
            return true;
        }
        let cursor = self.cursor.get_or_insert_with(|| {
            exposition::header(out, self.format, family.name, family.help, family.kind);
            Cursor::default()
        });
        let (judge, snapshot) = (&self.judge, self.judge.snapshot());
        let zones = snapshot.zones();
        let by_account =
            matches!(family.rows, Rows::HostnameFindings | Rows::CertificateFindings | Rows::ZoneFindings);
        let mut target = cursor::Target { out, until, name: family.name, by_account, states: self.states };
        match family.rows {
            Rows::Hostname(write) => cursor.hostnames(zones, &mut target, |_, entry, row| write(entry, row)),
            Rows::Reading(write) => cursor.hostnames(zones, &mut target, |_, entry, row| {
                if let Some(reading) = entry.reading() {
                    write(reading, row);
                }
            }),
            Rows::Association(write) => cursor.hostnames(zones, &mut target, |_, entry, row| {
                if let Some(reading) = families::associated(entry) {
                    write(reading, row);
                }
            }),
            Rows::Countdown(end) => cursor.hostnames(zones, &mut target, |_, entry, row| {
                if let Some(end) = families::associated(entry).and_then(end) {
                    row.int(end.seconds_from(judge.now()));
                }
            }),
            Rows::HostnameFindings => cursor.hostnames(zones, &mut target, |zone, entry, row| {
                row.findings(judge.hostname(zone, entry));
            }),
            Rows::Zone(write) => cursor.zones(zones, &mut target, write),
            Rows::ZoneFindings => {
                cursor.zones(zones, &mut target, |zone, row| row.findings(judge.zone(zone)))
            }
            Rows::Certificate(write) => {
                cursor.certificates(zones, &mut target, |_, certificate, row| write(certificate, row))
            }
            Rows::CertificateFindings => cursor.certificates(zones, &mut target, |zone, certificate, row| {
                row.findings(judge.certificate(zone, certificate));
            }),
            Rows::Origin(write) => {
                cursor.origins(zones, &mut target, |zone, origin, row| write(judge, zone, origin, row))
            }
            Rows::Account(write) => {
                cursor.accounts(snapshot.accounts(), &mut target, |account, row| write(judge, account, row))
            }
            Rows::AccountFindings => cursor.accounts(snapshot.accounts(), &mut target, |account, row| {
                row.findings(judge.account(account));
            }),
            Rows::Thresholds => {
                cursor.each(&judge.thresholds().named(), out, until, |(name, seconds), out| {
                    Series::start(out, family.name, "").label("threshold", name).integer(*seconds);
                })
            }
        }
    }

    /// Continues a family about the exporter. Returns true once it is complete.
    fn fill_own(&mut self, index: usize, out: &mut Vec<u8>, until: usize) -> bool {
        let family = &self.own[index];
        let cursor = self.cursor.get_or_insert_with(|| {
            own::header(out, self.format, family);
            Cursor::default()
        });
        cursor.each(family.get_metric(), out, until, |metric, out| own::row(out, family, metric))
    }
}

#[cfg(test)]
mod tests;
