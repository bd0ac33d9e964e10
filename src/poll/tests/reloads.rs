//! Tests of configurations that change while polls run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::fake::{FakeZone, World, id, name, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{
    Association, Expectation, Extent, HostnameTarget, Strategy as ReadStrategy, Targets, ZoneTarget,
};
use crate::poll::Setup;

const GET: Extent = Extent { strategy: ReadStrategy::Get, ..Extent::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

impl Stage {
    /// Watches these zones from now on.
    async fn reload(&self, zones: Vec<ZoneTarget>) {
        self.keeper.retarget(Targets::new(zones)).await;
        self.setup.send_modify(|setup| {
            *setup = Arc::new(Setup { accounts: setup.accounts.clone(), gap: setup.gap });
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_each_second_does_not_keep_a_poll_from_ending() {
    let all = names("h", 100);
    // the poll takes 50 s
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), Duration::from_secs(10), 20).await;
    let mut second = vec![zone(&all, GET)];
    for number in 0..60_u32 {
        stage.pass(Duration::from_secs(1)).await;
        // adds and removes another zone
        let other = ZoneTarget::identified("a".into(), format!("{number:032x}").parse().unwrap());
        second.truncate(1);
        second.push(other);
        stage.reload(second.clone()).await;
    }
    assert_eq!(up(&stage.keeper.snapshot()), (100, 100));
    assert_eq!(stage.calls("hostname"), 100, "each hostname was asked about once");
}

#[tokio::test(start_paused = true)]
async fn a_changed_zone_is_polled_at_once_and_others_are_not() {
    let (one, other) = (names("h", 3), name("a.other.example"));
    let mut world = world(&one);
    let other_zone = FakeZone { hostnames: [other.clone()].into(), ..FakeZone::default() };
    world.zones.insert(id('2'), other_zone);
    let stage = Stage::start(vec![zone(&one, GET)], world, MINUTE, 1000).await;
    stage.tick().await;
    stage.pass(Duration::from_secs(5)).await;
    stage.asked();
    let target = HostnameTarget { hostname: other.clone(), expectation: Expectation::default() };
    let added = ZoneTarget::identified("a".into(), id('2')).with_hostnames(vec![target]).with_extent(GET);
    stage.reload(vec![zone(&one, GET), added.clone()]).await;
    stage.pass(Duration::from_secs(5)).await;
    assert_eq!(stage.asked(), [other]);
    assert_eq!(up(&stage.keeper.snapshot()), (4, 4));

    stage.reload(vec![zone(&one, GET), added]).await;
    stage.pass(Duration::from_secs(5)).await;
    assert_eq!(stage.asked(), [], "nothing has changed");
}

/// An entry of a configuration: one of two zones, how it is identified, and some of its hostnames.
#[derive(Clone, Debug)]
struct Configured {
    zone: usize,
    given: Given,
    hostnames: BTreeSet<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Name,
    Id,
    Both,
}

const DIGITS: [char; 2] = ['1', '2'];

impl Configured {
    fn target(&self) -> ZoneTarget {
        let (zone_name, zone_id) =
            (format!("z{}.example", self.zone).parse().unwrap(), id(DIGITS[self.zone]));
        let zone = match self.given {
            Given::Name => ZoneTarget::named("a".into(), zone_name, None),
            Given::Both => ZoneTarget::named("a".into(), zone_name, Some(zone_id)),
            Given::Id => ZoneTarget::identified("a".into(), zone_id),
        };
        let hostnames = self.hostnames.iter().map(|number| HostnameTarget {
            hostname: hostname(self.zone, *number),
            expectation: Expectation::default(),
        });
        zone.with_hostnames(hostnames.collect()).with_extent(GET)
    }
}

fn hostname(zone: usize, number: u8) -> crate::domain::Hostname {
    name(&format!("h{number}.z{zone}.example"))
}

/// Returns a configuration without duplicates, which are errors.
fn configuration() -> impl Strategy<Value = Vec<Configured>> {
    let given = prop_oneof![Just(Given::Name), Just(Given::Id), Just(Given::Both)];
    let hostnames = proptest::collection::btree_set(0..4_u8, 0..4);
    let entry = (0..2_usize, given, hostnames).prop_map(|(zone, given, hostnames)| Configured {
        zone,
        given,
        hostnames,
    });
    proptest::collection::vec(entry, 0..5).prop_map(|mut entries| {
        let mut seen = BTreeSet::new();
        entries.retain(|entry| {
            let (name, id) = (entry.given != Given::Id, entry.given != Given::Name);
            let is_new =
                !(name && seen.contains(&(entry.zone, 'n')) || id && seen.contains(&(entry.zone, 'i')));
            if is_new {
                seen.extend(name.then_some((entry.zone, 'n')));
                seen.extend(id.then_some((entry.zone, 'i')));
            }
            is_new
        });
        entries
    })
}

/// Returns every hostname with the zone under which it is shown once the ids are known.
fn expected(configuration: &[Configured]) -> Vec<(String, String)> {
    let mut all = BTreeSet::new();
    for entry in configuration {
        let named = configuration.iter().any(|other| other.zone == entry.zone && other.given != Given::Id);
        let zone =
            if named { format!("z{}.example", entry.zone) } else { id(DIGITS[entry.zone]).to_string() };
        all.extend(
            entry.hostnames.iter().map(|number| (zone.clone(), hostname(entry.zone, *number).to_string())),
        );
    }
    all.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_configured_hostname_is_shown_once_under_the_right_zone_after_each_reload(
        configurations in proptest::collection::vec(configuration(), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::default();
            for (zone, digit) in DIGITS.into_iter().enumerate() {
                let hostnames = (0..4).map(|number| hostname(zone, number)).collect();
                world.zones.insert(id(digit), FakeZone { hostnames, ..FakeZone::default() });
                world.names.insert(format!("z{zone}.example").parse().unwrap(), id(digit));
            }
            let stage = Stage::start(Vec::new(), world, MINUTE, 1000).await;
            for configuration in &configurations {
                stage.reload(configuration.iter().map(Configured::target).collect()).await;
                let shown = || {
                    let known = stage.keeper.snapshot();
                    let mut shown = Vec::new();
                    for zone in known.zones() {
                        let hostnames = zone.entries().iter().map(|entry| entry.hostname().to_string());
                        shown.extend(hostnames.map(|hostname| (zone.key().to_string(), hostname)));
                    }
                    shown
                };
                // before the first look-up, a zone may appear twice, by name and by id
                let hostnames = |rows: Vec<(String, String)>| rows.into_iter().map(|row| row.1).collect::<BTreeSet<_>>();
                prop_assert_eq!(hostnames(shown()), hostnames(expected(configuration)), "{:?}", configuration);
                stage.pass(Duration::from_secs(2)).await;
                prop_assert_eq!(shown(), expected(configuration), "{:?}", configuration);
                let known = stage.keeper.snapshot();
                let associations = known.zones().iter().flat_map(|zone| zone.entries()).map(|entry| entry.association());
                prop_assert!(associations.clone().all(|association| association == Some(Association::Enabled)), "{:?}", configuration);
            }
            Ok(())
        })?;
    }
}
