//! What the status page and the JSON show: a snapshot, judged at one moment.

use std::sync::Arc;

use crate::domain::{Date, Entry, Snapshot, Thresholds, Verdict, ZoneState};

/// A snapshot, judged at one moment.
pub(super) struct Status {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) thresholds: Thresholds,
    pub(super) now: Date,
}

impl Status {
    /// Every hostname with its zone, in the order of the snapshot.
    pub(super) fn hostnames(&self) -> impl Iterator<Item = (&ZoneState, &Entry)> {
        let zones = self.snapshot.zones().iter();
        zones.flat_map(|zone| zone.entries().iter().map(move |entry| (&**zone, entry)))
    }

    /// The verdict on a hostname.
    pub(super) fn verdict(&self, entry: &Entry) -> Verdict {
        entry.verdict(self.thresholds, self.now)
    }
}
