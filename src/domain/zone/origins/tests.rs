use crate::domain::{
    Demand, DemandReason, Expectation, HostnameTarget, OriginReading, OriginTarget, Outcome, Snapshot,
    Targets, ZoneKey, ZoneTarget,
};

fn origin(hostname: &str, label: &str, address: &str) -> OriginTarget {
    OriginTarget {
        hostname: hostname.parse().unwrap(),
        label: label.into(),
        address: address.parse().unwrap(),
        server_name: hostname.parse().unwrap(),
        path: "/".into(),
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

/// Hostname, label and time of the latest probe of each origin.
fn told(known: &Snapshot) -> Vec<String> {
    let origins = known.zones().iter().flat_map(|zone| zone.origins());
    origins
        .map(|origin| {
            let second = origin.reading().map_or(0, |reading| reading.read_at.as_second());
            format!("{} {} {second}", origin.target().hostname, origin.target().label)
        })
        .collect()
}

#[test]
fn an_origin_keeps_its_reading_while_it_is_the_same_place_and_leaves_with_the_configuration() {
    let (b, a) = (origin("b.example", "blue", "203.0.113.1"), origin("a.example", "green", "203.0.113.2"));
    let key = ZoneKey::from(&"example".parse().unwrap());
    let known = Snapshot::default().retarget(&Targets::new([zone("example", None, &[b.clone(), a.clone()])]));
    assert_eq!(told(&known), ["a.example green 0", "b.example blue 0"]);
    let known = known.fold([(key.clone(), probed(&a, 5)), (key.clone(), probed(&b, 6))]);
    assert_eq!(told(&known), ["a.example green 5", "b.example blue 6"]);
    let of = known.zones()[0].origins_of(&"b.example".parse().unwrap());
    assert_eq!((of.len(), &of[0].target().label), (1, &b.label));

    let retargeted =
        |origins: &[OriginTarget]| known.retarget(&Targets::new([zone("example", None, origins)]));
    let renamed = OriginTarget { label: "red".into(), ..b.clone() };
    assert_eq!(told(&retargeted(&[a, renamed])), ["a.example green 5", "b.example red 6"]);
    let moved = OriginTarget { address: "203.0.113.9".parse().unwrap(), ..b.clone() };
    let known = retargeted(std::slice::from_ref(&moved));
    assert_eq!(told(&known), ["b.example blue 0"]);
    // a probe that was running
    assert_eq!(told(&known.fold([(key.clone(), probed(&b, 7))])), ["b.example blue 0"]);
    assert_eq!(told(&known.fold([(key, probed(&moved, 8))])), ["b.example blue 8"]);
}

#[test]
fn a_zone_that_is_configured_twice_keeps_the_latest_reading_of_an_origin() {
    let shared = origin("a.example", "blue", "203.0.113.1");
    let origins = std::slice::from_ref(&shared);
    let (first, second) = (zone("example", Some("1"), origins), zone("example.net", None, origins));
    let keys = [first.key().clone(), second.key().clone()];
    let known = Snapshot::default().retarget(&Targets::new([first, second]));
    let known = known.fold([(keys[0].clone(), probed(&shared, 5)), (keys[1].clone(), probed(&shared, 6))]);
    assert_eq!(told(&known), ["a.example blue 5", "a.example blue 6"]);
    let id = Outcome::Identified("1".repeat(32).parse().unwrap());
    assert_eq!(told(&known.fold([(keys[1].clone(), id)])), ["a.example blue 6"]);
}
