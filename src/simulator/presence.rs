//! Watches for gaps: an origin that was presented a certificate must always be presented one.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::progress::{ACTIVE, DELETED, PENDING_DEPLOYMENT, Progress};
use super::world::World;
use super::zone::{Row, Zone};
use crate::domain::Level;

/// The hostnames and zones that presented a certificate at the last check, and those that have stopped since.
pub(super) struct Watch {
    last: Instant,
    presenting: BTreeSet<String>,
    dark: BTreeSet<String>,
}

impl Watch {
    pub(super) fn new(world: &World, now: Instant) -> Self {
        Self { last: now, presenting: presenting(world, now), dark: BTreeSet::new() }
    }

    /// Checks every moment since the last check at which a status ended.
    pub(super) fn look(&mut self, world: &World, now: Instant) {
        let mut moments: BTreeSet<Instant> =
            world.zones().flat_map(progresses).filter_map(Progress::due).collect();
        moments.retain(|moment| (self.last..=now).contains(moment));
        for moment in moments.into_iter().chain([now]) {
            let presenting = presenting(world, moment);
            self.dark.extend(self.presenting.difference(&presenting).cloned());
            self.presenting.extend(presenting);
        }
        self.last = now;
    }

    pub(super) fn dark(&self) -> Vec<String> {
        self.dark.iter().cloned().collect()
    }
}

fn progresses(zone: &Zone) -> impl Iterator<Item = &Progress> {
    let stores = [Level::Hostname, Level::Zone].into_iter().flat_map(|level| zone.store(level).all());
    zone.rows().iter().map(|row| &row.progress).chain(stores.map(|certificate| &certificate.progress))
}

/// Returns the hostnames to which a certificate of their own is presented, and the zones that present one.
fn presenting(world: &World, now: Instant) -> BTreeSet<String> {
    let hostnames = world.zones().flat_map(|zone| {
        let rows = zone.rows().iter().filter(move |row| is_presented_everywhere(zone, row, now));
        rows.map(|row| row.hostname.to_string())
    });
    let is_active = |zone: &&Zone| {
        zone.enabled && zone.store(Level::Zone).all().any(|known| known.progress.at(now) == ACTIVE)
    };
    let zones = world.zones().filter(is_active).map(|zone| format!("the zone {}", zone.name()));
    hostnames.chain(zones).collect()
}

/// Returns true if every location of the edge has a certificate to present. A certificate that is being deployed or deleted
/// is at some locations only. During a change, some locations present the old certificate and others the new one.
fn is_presented_everywhere(zone: &Zone, row: &Row, now: Instant) -> bool {
    let Some(presented) = presented(zone, row, now) else { return false };
    let changes_to =
        (row.progress.at(now) == PENDING_DEPLOYMENT && row.enabled == Some(true)).then_some(row.certificate);
    let is_active = |index: usize| {
        zone.store(Level::Hostname)
            .at(index)
            .is_some_and(|certificate| certificate.progress.at(now) == ACTIVE)
    };
    is_active(presented) && changes_to.is_none_or(is_active)
}

/// Returns the index of the certificate that is presented to the origin of a hostname.
pub(super) fn presented(zone: &Zone, row: &Row, now: Instant) -> Option<usize> {
    let index = match row.progress.at(now) {
        PENDING_DEPLOYMENT => row.before?,
        DELETED => return None,
        _ => row.enabled?.then_some(row.certificate)?,
    };
    let certificate = zone.store(Level::Hostname).at(index)?;
    // only a deployed certificate can be presented
    (!matches!(certificate.progress.at(now), PENDING_DEPLOYMENT | DELETED)).then_some(index)
}
