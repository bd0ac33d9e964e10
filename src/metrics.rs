//! The families of a snapshot, as a page that is written piece by piece.
//!
//! A page is a pure function of a snapshot, the exporter's own counters and one moment. It is
//! never whole in memory: at 100,000 hostnames it has half a gigabyte.

mod families;
mod own;
mod row;
mod walk;

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::{Date, Snapshot};
use crate::exposition;
use crate::telemetry::Telemetry;

pub use crate::exposition::Format;

use families::{FAMILIES, Family, Rows};
use walk::Walk;

/// Which series a family of states has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum States {
    /// One for each state: 1 for the current one, 0 for the others.
    #[default]
    All,
    /// Only the one for the current state.
    Current,
}

/// Everything that a page is made from.
#[derive(Clone)]
pub struct Source {
    /// What is known.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
}

impl Source {
    /// A page of all that is known now: hostnames, zones, certificates and the exporter itself.
    pub fn page(&self, format: Format, states: States) -> Page {
        let snapshot = Arc::clone(&self.snapshot.borrow());
        let mut page = Page::new(snapshot, format, states, self.clock.now().into());
        page.own = own::in_order(self.telemetry.gather(Instant::now()));
        page
    }
}

/// A page that is written piece by piece, of one snapshot and one moment.
pub struct Page {
    snapshot: Arc<Snapshot>,
    own: Vec<MetricFamily>,
    format: Format,
    states: States,
    now: Date,
    /// Whether the page is to be kept.
    textfile: bool,
    /// The place in [`FAMILIES`], then in `own`.
    family: usize,
    /// How far that family is written; none before its header is.
    rows: Option<Walk>,
    ended: bool,
}

impl Page {
    /// A page to be kept, such as a file for node_exporter's textfile collector: hostnames, zones and certificates.
    ///
    /// It has no times to expiry, which would stand still, and nothing about the exporter.
    pub fn textfile(snapshot: Arc<Snapshot>, format: Format, states: States, now: Date) -> Self {
        Self { textfile: true, ..Self::new(snapshot, format, states, now) }
    }

    fn new(snapshot: Arc<Snapshot>, format: Format, states: States, now: Date) -> Self {
        let own = Vec::new();
        Self { snapshot, own, format, states, now, textfile: false, family: 0, rows: None, ended: false }
    }

    /// Appends whole rows to `out` until it holds at least `until` octets, or a good deal of hostnames was looked at;
    /// false once the page has ended.
    ///
    /// A row, which is what one family says of one thing, has a few kilobytes at most. A call may append nothing:
    /// of hostnames that were never read there is hardly anything to write, and yet they are all walked over.
    pub fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        const MOST_WALKED: usize = 10_000;
        let in_all: usize = self.snapshot.zones().iter().map(|zone| zone.entries().len()).sum();
        let mut walked = 0;
        while out.len() < until && walked <= MOST_WALKED && !self.ended {
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
                self.rows = None;
                walked += in_all;
            }
        }
        !self.ended
    }

    /// Goes on with a family of the snapshot; true once it is written.
    fn fill_family(&mut self, family: &Family, out: &mut Vec<u8>, until: usize) -> bool {
        if self.textfile && matches!(family.rows, Rows::Countdown(_)) {
            return true;
        }
        let walk = self.rows.get_or_insert_with(|| {
            exposition::header(out, self.format, family.name, family.help, family.kind);
            Walk::default()
        });
        let zones = self.snapshot.zones();
        let mut to = walk::To { out, until, name: family.name, states: self.states };
        match family.rows {
            Rows::Hostname(write) => walk.hostnames(zones, &mut to, write),
            Rows::Reading(write) => walk.hostnames(zones, &mut to, |entry, row| {
                if let Some(reading) = entry.reading() {
                    write(reading, row);
                }
            }),
            Rows::Association(write) => walk.hostnames(zones, &mut to, |entry, row| {
                if let Some(reading) = families::associated(entry) {
                    write(reading, row);
                }
            }),
            Rows::Countdown(end) => {
                let now = self.now;
                walk.hostnames(zones, &mut to, |entry, row| {
                    if let Some(end) = families::associated(entry).and_then(end) {
                        row.int(end.seconds_from(now));
                    }
                })
            }
            Rows::Zone(write) => walk.zones(zones, &mut to, write),
            Rows::Certificate(write) => walk.certificates(zones, &mut to, write),
        }
    }

    /// Goes on with a family about the exporter itself; true once it is written.
    fn fill_own(&mut self, place: usize, out: &mut Vec<u8>, until: usize) -> bool {
        let family = &self.own[place];
        let walk = self.rows.get_or_insert_with(|| {
            own::header(out, self.format, family);
            Walk::default()
        });
        walk.each(family.get_metric(), out, until, |metric, out| own::row(out, family, metric))
    }
}

#[cfg(test)]
mod tests;
