//! The planning data of each zone, kept until the zone changes, since most zones of an account stay the same
//! from poll to poll.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::plan::{Lists, Requests};
use super::quotas::{Quota, quota};
use super::turns::Waiting;
use super::{Poller, lookup};
use crate::domain::{Part, PartKind, Snapshot, ZoneState};

/// The planning data of a watched zone.
pub(super) struct Row {
    /// The zone from which the data was computed. The pointer keeps it from changing in place, so a changed
    /// zone has another pointer.
    pub(super) zone: Arc<ZoneState>,
    pub(super) quota: Quota,
    pub(super) hostnames: usize,
    pub(super) is_looked_up: bool,
    /// False if the zone's target has changed since the last poll began.
    pub(super) is_current: bool,
    pub(super) parts: [Option<RowPart>; PartKind::ALL.len()],
    /// True if the requests for reading the zone can change with time alone.
    depends_on_time: bool,
}

/// The planning data of a part of a zone.
pub(super) struct RowPart {
    pub(super) kind: PartKind,
    pub(super) requests: Requests,
    pub(super) holds: bool,
    /// How it waits for its turn; none if it is read in every poll.
    pub(super) waiting: Option<Waiting>,
    pub(super) interval: Option<Duration>,
}

impl<A: Api> Poller<A> {
    /// Updates the rows of all zones of the snapshot. Zones that are not watched have no row.
    pub(super) fn refresh(&mut self, known: &Snapshot) {
        let now = Instant::now();
        let mut rows = std::mem::take(&mut self.rows);
        rows.resize_with(known.zones().len(), || None);
        for (row, zone) in rows.iter_mut().zip(known.zones()) {
            if !row.as_ref().is_some_and(|row| Arc::ptr_eq(&row.zone, zone) && !row.depends_on_time) {
                *row = self.row(zone, now);
            }
        }
        self.rows = rows;
    }

    fn row(&self, zone: &Arc<ZoneState>, now: Instant) -> Option<Row> {
        let watched = self.watched.get(zone.key())?;
        let part = |(kind, part): (PartKind, Part)| RowPart {
            kind,
            requests: watched.requests(zone, kind, now),
            holds: zone.holds(kind),
            waiting: Waiting::of(zone, kind),
            interval: part.interval,
        };
        let mut kinds = zone.parts();
        let parts = PartKind::ALL.map(|_| kinds.next().map(part));
        let depends_on_time = !zone.target().is_found()
            || parts.iter().flatten().any(|part| part.holds)
            || !matches!(watched.memory.lists(), Lists::Untried | Lists::Read { .. });
        Some(Row {
            zone: Arc::clone(zone),
            quota: quota(&watched.account),
            hostnames: zone.entries().len(),
            is_looked_up: lookup::is_looked_up(zone, &watched.memory, now),
            is_current: watched.target == *zone.target(),
            parts,
            depends_on_time,
        })
    }
}
