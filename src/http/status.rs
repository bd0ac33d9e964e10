//! What the status page and its JSON tell: the snapshot and what it means now.

use std::sync::Arc;

use crate::domain::{Date, Entry, Snapshot, Thresholds, Verdict, ZoneState};

/// What is known, and what it means at one moment.
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

    /// How bad it is about a hostname.
    pub(super) fn verdict(&self, entry: &Entry) -> Verdict {
        entry.verdict(self.thresholds, self.now)
    }
}
