//! A test of an account whose zones come and go, and whose list sometimes cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::accounts::{everything, numbered};
use super::fake::{Failure, FakeZone, World};
use super::stage::Stage;
use crate::domain::{Date, ZoneId};

const GAP: Duration = Duration::from_secs(300);
const ZONES: u64 = 40;
const POLLS: usize = 1000;
/// In each poll, one in twenty zones comes and one goes.
const CHANGED: u64 = ZONES / 20;
/// The maximum duration of a list in seconds.
const SLACK: i64 = 10;

/// An existing zone.
struct Arrived {
    at: Date,
    /// The number of polls since then in which the list could not be read.
    spoilt: i64,
}

/// The real state of the account.
struct Truth {
    random: fastrand::Rng,
    there: BTreeMap<ZoneId, Arrived>,
    gone: BTreeMap<ZoneId, Date>,
    next: u64,
}

impl Truth {
    /// Adds a zone, with or without an association.
    fn come(&mut self, world: &mut World, at: Date) {
        // the pattern excludes the third zone
        self.next += 1 + u64::from(self.next == 2);
        let (id, name) = numbered(self.next);
        let hostname = format!("www.{name}").parse().unwrap();
        let hostnames = self.next.is_multiple_of(4).then_some(hostname).into_iter().collect();
        world.seen.insert(id, name);
        world.zones.insert(id, FakeZone { hostnames, ..FakeZone::default() });
        self.there.insert(id, Arrived { at, spoilt: 0 });
    }

    fn go(&mut self, world: &mut World, at: Date) {
        let id = *self.there.keys().nth(self.random.usize(..self.there.len())).unwrap();
        world.seen.remove(&id);
        world.zones.remove(&id);
        self.there.remove(&id);
        self.gone.insert(id, at);
    }

    /// Spoils the list of the next poll in one of several ways, or not at all.
    fn spoil(&mut self, world: &mut World, shown: &BTreeSet<ZoneId>) {
        let zones: Vec<ZoneId> = world.seen.keys().copied().collect();
        let cut = self.random.usize(..zones.len());
        (world.all_zones, world.list_is_cut, world.unlisted) = match self.random.u8(..10) {
            0 => (Some(Failure(403, 10_000)), false, BTreeSet::new()),
            1 => (Some(Failure(502, 0)), false, BTreeSet::new()),
            // the list ends early, or a row moved to a page already read
            2 => (None, true, zones[cut..].iter().copied().collect()),
            3 => (None, true, [zones[cut]].into()),
            // the list is empty
            4 => (None, false, zones.into_iter().collect()),
            // the list is complete but lacks existing zones; only zones that were shown can be kept
            5 => (None, false, shown.iter().take(3).copied().collect()),
            _ => (None, false, BTreeSet::new()),
        };
    }
}

#[tokio::test(start_paused = true)]
async fn while_zones_come_and_go_none_is_missing_for_an_hour_lost_or_kept_after_it_left() {
    let stage = Stage::watching(everything(false), World::default(), GAP, 600).await;
    let random = fastrand::Rng::with_seed(7);
    let mut truth = Truth { random, there: BTreeMap::new(), gone: BTreeMap::new(), next: 0 };
    let (mut shown, mut lists, mut failed) = (BTreeSet::new(), BTreeSet::new(), 0);
    stage.world(|world| (0..ZONES).for_each(|_| truth.come(world, stage.now())));
    for poll in 0..POLLS {
        stage.sleep(GAP).await;
        let (known, now) = (stage.keeper.snapshot(), stage.now());
        let list = known.accounts()[0].zone_list().unwrap();
        let is_up = list.part.is_up();
        let watched: BTreeSet<ZoneId> = known.zones().iter().filter_map(|zone| zone.id()).collect();
        for (id, arrived) in &mut truth.there {
            arrived.spoilt += i64::from(!is_up);
            let missing = now.seconds_from(arrived.at) - 300 * arrived.spoilt;
            assert!(watched.contains(id) || missing <= 3600, "{poll}: {id} is missing for {missing} s");
            assert!(watched.contains(id) || !shown.contains(id), "{poll}: {id} was lost");
        }
        let whole = list.part.last_success;
        for id in watched.iter().filter(|id| !truth.there.contains_key(id)) {
            let left = truth.gone[id];
            let since = whole.map_or(0, |whole| whole.seconds_from(left));
            assert!(since <= SLACK, "{poll}: {id} had left {since} s before a complete list");
        }
        shown = watched;
        lists.extend(whole);
        failed += usize::from(!is_up);
        stage.world(|world| {
            for _ in 0..CHANGED {
                truth.go(world, now);
                truth.come(world, now);
            }
            truth.spoil(world, &shown);
        });
        stage.send_tick().await;
    }
    assert!(lists.len() > POLLS / 15 && failed > POLLS / 50, "{} lists, {failed} failed", lists.len());
}
