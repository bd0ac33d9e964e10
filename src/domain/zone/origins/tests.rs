use crate::domain::{
    Association, Demand, DemandReason, DnsRecord, Expectation, Expected, Extent, Hostname, HostnameTarget,
    NoOrigin, OriginReading, OriginTarget, Outcome, Part, Reading, Reason, RecordData, Snapshot,
    StoredHostname, StoredZone, Targets, ZoneKey, ZoneTarget,
};

fn origin(hostname: &str, label: &str, address: &str) -> OriginTarget {
    OriginTarget {
        hostname: hostname.parse().unwrap(),
        label: label.into(),
        address: address.parse().unwrap(),
        server_name: hostname.parse().unwrap(),
        path: "/".into(),
        from_dns: false,
    }
}

fn zone(name: &str, id: Option<&str>, origins: &[OriginTarget]) -> ZoneTarget {
    let hostnames = origins.iter().map(|origin| HostnameTarget {
        hostname: origin.hostname.clone(),
        expectation: Expectation::default(),
    });
    let hostnames = hostnames.collect();
    let id = id.map(|digit| digit.repeat(32).parse().unwrap());
    ZoneTarget::named("main".into(), name.parse().unwrap(), id)
        .with_hostnames(hostnames)
        .with_origins(origins.to_vec())
}

fn probed(target: &OriginTarget, second: i64) -> Outcome {
    let reading = OriginReading {
        read_at: jiff::Timestamp::from_second(second).unwrap().into(),
        is_up: true,
        demand: Demand::Required,
        reason: DemandReason::Refused(116),
        accepted: None,
        certificate_not_after: None,
        took: std::time::Duration::from_millis(20),
    };
    Outcome::Probed(target.clone(), reading)
}

/// Returns the hostname, the label and the time of the latest probe of each origin.
fn shown(known: &Snapshot) -> Vec<String> {
    let origins = known.zones().iter().flat_map(|zone| zone.origins());
    origins
        .map(|origin| {
            let second = origin.reading().map_or(0, |reading| reading.read_at.as_second());
            format!("{} {} {second}", origin.target().hostname, origin.target().label)
        })
        .collect()
}

#[test]
fn an_origin_keeps_its_reading_while_its_probe_is_the_same_and_is_removed_with_the_configuration() {
    let (b, a) = (origin("b.example", "blue", "203.0.113.1"), origin("a.example", "green", "203.0.113.2"));
    let key = ZoneKey::from(&"example".parse().unwrap());
    let known = Snapshot::default().retarget(&Targets::new([zone("example", None, &[b.clone(), a.clone()])]));
    assert_eq!(shown(&known), ["a.example green 0", "b.example blue 0"]);
    let known = known.fold([(key.clone(), probed(&a, 5)), (key.clone(), probed(&b, 6))]);
    assert_eq!(shown(&known), ["a.example green 5", "b.example blue 6"]);
    let of = known.zones()[0].origins_of(&"b.example".parse().unwrap());
    assert_eq!((of.len(), &of[0].target().label), (1, &b.label));

    let retargeted =
        |origins: &[OriginTarget]| known.retarget(&Targets::new([zone("example", None, origins)]));
    let renamed = OriginTarget { label: "red".into(), ..b.clone() };
    assert_eq!(shown(&retargeted(&[a, renamed])), ["a.example green 5", "b.example red 6"]);
    let moved = OriginTarget { address: "203.0.113.9".parse().unwrap(), ..b.clone() };
    let known = retargeted(std::slice::from_ref(&moved));
    assert_eq!(shown(&known), ["b.example blue 0"]);
    // a probe that was running during the change
    assert_eq!(shown(&known.fold([(key.clone(), probed(&b, 7))])), ["b.example blue 0"]);
    assert_eq!(shown(&known.fold([(key, probed(&moved, 8))])), ["b.example blue 8"]);
}

#[test]
fn a_zone_that_is_configured_twice_keeps_the_latest_reading_of_an_origin() {
    let shared = origin("a.example", "blue", "203.0.113.1");
    let origins = std::slice::from_ref(&shared);
    let (first, second) = (zone("example", Some("1"), origins), zone("example.net", None, origins));
    let keys = [first.key().clone(), second.key().clone()];
    let known = Snapshot::default().retarget(&Targets::new([first, second]));
    let known = known.fold([(keys[0].clone(), probed(&shared, 5)), (keys[1].clone(), probed(&shared, 6))]);
    assert_eq!(shown(&known), ["a.example blue 5", "a.example blue 6"]);
    let id = Outcome::Identified("1".repeat(32).parse().unwrap());
    assert_eq!(shown(&known.fold([(keys[1].clone(), id)])), ["a.example blue 6"]);
}

fn named(text: &str) -> Hostname {
    text.parse().unwrap()
}

/// Returns a zone with discovered hostnames, whose origins come from DNS records.
fn discovering(name: &str) -> ZoneTarget {
    let extent = Extent { discovered: Some(Expected::Any), dns_origins: true, ..Extent::default() };
    ZoneTarget::named("main".into(), name.parse().unwrap(), None).with_extent(extent)
}

fn records(of: &[(&str, &str)]) -> Outcome {
    let data = |text: &str| text.parse().map_or_else(|_| RecordData::Name(named(text)), RecordData::Address);
    let records = of.iter().map(|(name, text)| DnsRecord { name: named(name), data: data(text) }).collect();
    Outcome::DnsRecords { records: Ok(records), at: jiff::Timestamp::UNIX_EPOCH.into() }
}

/// Returns a complete list of the hostnames with an association.
fn associated(hostnames: &[&str]) -> Outcome {
    let at = jiff::Timestamp::UNIX_EPOCH.into();
    let read = |name: &&str| (named(name), Reading::bare(Association::Enabled, at));
    Outcome::Listed {
        hostnames: hostnames.iter().map(read).collect(),
        present: Some(hostnames.iter().map(|name| named(name)).collect()),
        certificates: Vec::new(),
        at,
    }
}

#[test]
fn origins_follow_the_dns_records_and_the_hostnames() {
    let named_one = origin("named.example", "blue", "203.0.113.1");
    let hostname = HostnameTarget { hostname: named("named.example"), expectation: Expectation::default() };
    let target = discovering("example").with_hostnames(vec![hostname]).with_origins(vec![named_one]);
    let (key, other) = (target.key().clone(), discovering("example.net"));
    let other_key = other.key().clone();
    let known = Snapshot::default().retarget(&Targets::new([target, other]));
    let blue = "named.example blue 0";
    let all =
        [("named.example", "203.0.113.9"), ("a.example", "203.0.113.2"), ("b.example", "x.example.net")];
    let known = known.fold([(key.clone(), associated(&["a.example"])), (key.clone(), records(&all))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.2 0", blue]);
    let a = known.zones()[0].origins_of(&named("a.example"))[0].target().clone();
    assert!(a.from_dns && !known.zones()[0].origins_of(&named("named.example"))[0].target().from_dns);

    // a new hostname gets its origins, and other origins keep their readings
    let known = known.fold([(key.clone(), probed(&a, 5))]);
    let known = known.fold([(key.clone(), associated(&["a.example", "b.example"]))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.2 5", "b.example x.example.net 0", blue]);
    // a record may point to a record of another zone
    let known = known.fold([(other_key, records(&[("x.example.net", "203.0.113.3")]))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.2 5", "b.example 203.0.113.3 0", blue]);
    // a removed hostname loses its origins
    let known = known.fold([(key.clone(), associated(&["a.example"]))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.2 5", blue]);

    // changed records move an origin, and a failed reading of records keeps it
    let moved = [("a.example", "203.0.113.4"), ("a.example", "192.0.2.1")];
    let known = known.fold([(key.clone(), records(&moved))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.4 0", blue]);
    let without: Vec<_> = known.zones()[0].no_origin(&named("a.example")).collect();
    assert_eq!(without, [NoOrigin::Placeholder]);
    let failed =
        Outcome::DnsRecords { records: Err(Reason::Timeout), at: jiff::Timestamp::UNIX_EPOCH.into() };
    let known = known.fold([(key, failed)]);
    assert_eq!(shown(&known), ["a.example 203.0.113.4 0", blue]);
    // origins from records are removed once the configuration no longer asks for them
    let plain = zone("example", None, &[origin("named.example", "blue", "203.0.113.1")]);
    assert_eq!(shown(&known.retarget(&Targets::new([plain]))), [blue]);
}

#[test]
fn origins_from_records_are_kept_after_a_restart_until_the_records_are_read() {
    let target = || Targets::new([discovering("example")]);
    let known = Snapshot::default().retarget(&target());
    let key = known.zones()[0].key().clone();
    let known = known.fold([
        (key.clone(), associated(&["a.example", "b.example"])),
        (key.clone(), records(&[("a.example", "203.0.113.2"), ("b.example", "203.0.113.3")])),
    ]);
    let origins: Vec<_> = known.zones()[0].origins().iter().map(|origin| origin.target().clone()).collect();
    let known = known.fold(origins.iter().map(|target| (key.clone(), probed(target, 5))));
    let zone = &known.zones()[0];
    let stored = StoredZone {
        target: ZoneTarget::clone(zone.target()),
        id: None,
        associations: Part::default(),
        zone_level: Part::default(),
        settings: Part::default(),
        global_enabled: None,
        ssl_mode: None,
        removed_at: None,
        zone_level_enabled: None,
        listed_at: None,
        listed: None,
        zone_certificates: Vec::new(),
        hostnames: zone
            .entries()
            .iter()
            .map(|entry| StoredHostname {
                hostname: entry.hostname().clone(),
                reading: entry.reading().cloned(),
                failure: None,
                since: None,
            })
            .collect(),
        origins: zone.origins().to_vec(),
    };
    let known = Snapshot::restored([stored], []).retarget(&target());
    assert_eq!(shown(&known), ["a.example 203.0.113.2 5", "b.example 203.0.113.3 5"]);
    let known = known.fold([(key.clone(), associated(&["a.example"]))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.2 5"]);
    let known = known.fold([(key, records(&[("a.example", "203.0.113.4")]))]);
    assert_eq!(shown(&known), ["a.example 203.0.113.4 0"]);
}

proptest::proptest! {
    /// Deriving origins zone by zone gives the same result as deriving them from all records at once.
    #[test]
    fn origins_follow_any_change_of_records_in_other_zones(
        changes in proptest::collection::vec((0..ZONES.len(), 0..NAMES.len(), 0..TARGETS.len()), 1..30)
    ) {
        let zones = ZONES.map(|name| {
            let hostnames = NAMES.iter().filter(|hostname| hostname.ends_with(name));
            let target = |hostname: &&str| HostnameTarget {
                hostname: named(hostname),
                expectation: Expectation::default(),
            };
            discovering(name).with_hostnames(hostnames.map(target).collect())
        });
        let (keys, targets) = (zones.clone().map(|zone| zone.key().clone()), Targets::new(zones));
        let mut known = Snapshot::default().retarget(&targets);
        let mut all = ZONES.map(|_| std::collections::BTreeMap::new());
        for (zone, name, target) in changes {
            all[zone].insert(NAMES[name], TARGETS[target]);
            let records = records(&all[zone].iter().map(|(name, target)| (*name, *target)).collect::<Vec<_>>());
            known = known.fold([(keys[zone].clone(), records)]);
            proptest::prop_assert_eq!(shown(&known), shown(&known.retarget(&targets)));
        }
    }
}

const ZONES: [&str; 4] = ["a.example", "sub.a.example", "b.example", "c.example"];
const NAMES: [&str; 8] = [
    "a.example",
    "www.a.example",
    "sub.a.example",
    "www.sub.a.example",
    "b.example",
    "www.b.example",
    "c.example",
    "*.a.example",
];
const TARGETS: [&str; 7] = [
    "203.0.113.1",
    "203.0.113.2",
    "www.a.example",
    "www.sub.a.example",
    "www.b.example",
    "c.example",
    "other.example",
];
