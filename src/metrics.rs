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
use crate::domain::{Date, Snapshot};
use crate::exposition;
use crate::telemetry::Telemetry;

pub use crate::exposition::Format;

use cursor::Cursor;
use families::{FAMILIES, Family, Rows};

/// Which series a family of states has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum States {
    /// One for each state: 1 for the current one, 0 for the others.
    #[default]
    All,
    /// Only the one for the current state.
    Current,
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
    /// A page of the latest snapshot: hostnames, zones, certificates and the exporter itself.
    pub fn page(&self, format: Format, states: States) -> Page {
        let snapshot = Arc::clone(&self.snapshot.borrow());
        let mut page = Page::new(snapshot, format, states, self.clock.now().into());
        page.own = own::in_order(self.telemetry.gather(Instant::now()));
        page
    }
}

/// A page of one snapshot at one time.
pub struct Page {
    snapshot: Arc<Snapshot>,
    own: Vec<MetricFamily>,
    format: Format,
    states: States,
    now: Date,
    /// Whether to leave out what is wrong in a file.
    textfile: bool,
    /// The index of the current family in [`FAMILIES`], then in `own`.
    family: usize,
    /// The next row of that family; none until its header is written.
    cursor: Option<Cursor>,
    ended: bool,
}

impl Page {
    /// A page for a file, such as one for node_exporter's textfile collector: hostnames, zones and certificates.
    ///
    /// It has no seconds until expiry, which would stand still, and no families about the exporter.
    pub fn textfile(snapshot: Arc<Snapshot>, format: Format, states: States, now: Date) -> Self {
        Self { textfile: true, ..Self::new(snapshot, format, states, now) }
    }

    fn new(snapshot: Arc<Snapshot>, format: Format, states: States, now: Date) -> Self {
        let own = Vec::new();
        Self { snapshot, own, format, states, now, textfile: false, family: 0, cursor: None, ended: false }
    }

    /// Appends whole rows to `out` until it holds at least `until` octets, or 10,000 hostnames were visited; false once the
    /// page has ended.
    ///
    /// A row, all series of one thing in one family, has a few kilobytes at most. A call may append nothing: unread
    /// hostnames have hardly any series, and all of them are visited.
    pub fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        const MOST_VISITED: usize = 10_000;
        let hostnames: usize = self.snapshot.zones().iter().map(|zone| zone.entries().len()).sum();
        let mut visited = 0;
        while out.len() < until && visited <= MOST_VISITED && !self.ended {
            let written = if let Some(family) = FAMILIES.get(self.family) {
                self.fill_family(family, out, until)
            } else if self.family < FAMILIES.len() + self.own.len() {
                self.fill_own(self.family - FAMILIES.len(), out, until)
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

    /// Continues a family of the snapshot; true once it is written.
    fn fill_family(&mut self, family: &Family, out: &mut Vec<u8>, until: usize) -> bool {
        if self.textfile && matches!(family.rows, Rows::Countdown(_)) {
            return true;
        }
        let cursor = self.cursor.get_or_insert_with(|| {
            exposition::header(out, self.format, family.name, family.help, family.kind);
            Cursor::default()
        });
        let zones = self.snapshot.zones();
        let mut target = cursor::Target { out, until, name: family.name, states: self.states };
        match family.rows {
            Rows::Hostname(write) => cursor.hostnames(zones, &mut target, write),
            Rows::Reading(write) => cursor.hostnames(zones, &mut target, |entry, row| {
                if let Some(reading) = entry.reading() {
                    write(reading, row);
                }
            }),
            Rows::Association(write) => cursor.hostnames(zones, &mut target, |entry, row| {
                if let Some(reading) = families::associated(entry) {
                    write(reading, row);
                }
            }),
            Rows::Countdown(end) => {
                let now = self.now;
                cursor.hostnames(zones, &mut target, |entry, row| {
                    if let Some(end) = families::associated(entry).and_then(end) {
                        row.int(end.seconds_from(now));
                    }
                })
            }
            Rows::Zone(write) => cursor.zones(zones, &mut target, write),
            Rows::Certificate(write) => cursor.certificates(zones, &mut target, write),
        }
    }

    /// Continues a family about the exporter; true once it is written.
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
