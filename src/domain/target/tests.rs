use super::*;

fn zone(name: &str, hostnames: &[&str]) -> ZoneTarget {
    let hostnames = hostnames.iter().map(|hostname| HostnameTarget {
        hostname: hostname.parse().unwrap(),
        expectation: Expectation::default(),
    });
    ZoneTarget::named("default".into(), name.parse().unwrap(), None).with_hostnames(hostnames.collect())
}

fn names(zone: &ZoneTarget) -> Vec<&str> {
    zone.hostnames.iter().map(|target| target.hostname.as_str()).collect()
}

#[test]
fn zones_and_hostnames_are_sorted_and_unique() {
    let targets = Targets::new([
        zone("b.example", &["z.b.example", "a.b.example", "z.b.example"]),
        zone("a.example", &["a.example"]),
        zone("b.example", &["late.b.example"]),
    ]);
    let zones: Vec<_> = targets.zones.iter().map(|zone| (zone.key.as_str(), names(zone))).collect();
    assert_eq!(zones, [("a.example", vec!["a.example"]), ("b.example", vec!["a.b.example", "z.b.example"])]);
    assert_eq!(targets.hostnames(), 3);
}

#[test]
fn merging_prefers_a_name_as_label_and_reads_what_either_target_reads() {
    let discovering = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
    let by_id = ZoneTarget::identified("b".into(), "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap())
        .with_hostnames(zone("x", &["a.example", "c.example"]).hostnames)
        .with_extent(discovering);
    let by_name = zone("a.example", &["a.example", "b.example"]);
    for merged in [by_id.merged(&by_name), by_name.merged(&by_id)] {
        assert_eq!((merged.key.as_str(), &*merged.account), ("a.example", "default"));
        assert_eq!(names(&merged), ["a.example", "b.example", "c.example"]);
        assert_eq!(merged.extent, discovering);
    }
    assert_eq!(by_name.merged(&by_name), by_name);
}

/// Returns a zone whose id consists of this digit.
fn seen(name: &str, digit: char) -> FoundZone {
    FoundZone { name: name.parse().unwrap(), id: id(digit) }
}

fn id(digit: char) -> ZoneId {
    digit.to_string().repeat(32).parse().unwrap()
}

/// Returns a pattern with these exclusions. Its expectation identifies it.
fn pattern(account: &str, pattern: &str, exclude: &[&str], discovered: Expected) -> PatternTarget {
    PatternTarget {
        account: account.into(),
        pattern: pattern.parse().unwrap(),
        only: None,
        exclude: exclude.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        extent: Extent { discovered: Some(discovered), ..Extent::default() },
    }
}

/// Expands `targets` into lines of key, account, `found` or `named`, and the expectation for discovered hostnames.
fn expanded(targets: &Targets, found: &[(&str, &[FoundZone])]) -> Vec<String> {
    let found = |account: &str| {
        let found = found.iter().find(|(name, _)| *name == account);
        found.map(|(_, zones)| *zones).unwrap_or_default()
    };
    let shown = targets.expanded(found).into_iter().map(|zone| {
        let how = if zone.is_found { "found" } else { "named" };
        let expected = zone.extent.discovered.map_or("-", Expected::label);
        format!("{} {} {how} {expected}", zone.key, zone.account)
    });
    shown.collect()
}

#[test]
fn the_first_matching_pattern_applies_and_exclude_affects_only_its_own_pattern() {
    let patterns = vec![
        pattern("a", "*.example", &["parked-*", "b.*"], Expected::Disabled),
        pattern("a", "b.*", &[], Expected::Void),
        pattern("a", "*", &["*.test"], Expected::Any),
    ];
    let targets = Targets::default().with_patterns(patterns);
    let zones = ["a.example", "b.example", "c.org", "d.test", "parked-1.example"];
    let zones: Vec<_> = zones.iter().zip('1'..).map(|(name, digit)| seen(name, digit)).collect();
    assert_eq!(
        expanded(&targets, &[("a", &zones)]),
        [
            "a.example a found disabled",
            "b.example a found void",
            "c.org a found any",
            "parked-1.example a found any"
        ]
    );
}

#[test]
fn a_zone_named_by_name_or_id_is_never_matched_by_a_pattern() {
    let by_id = ZoneTarget::identified("a".into(), id('2'));
    let by_name = ZoneTarget::named("a".into(), "a.example".parse().unwrap(), None);
    let targets = Targets::new([by_id, by_name]).with_patterns(vec![pattern("a", "*", &[], Expected::Any)]);
    let zones = [seen("a.example", '1'), seen("b.example", '2'), seen("c.example", '3')];
    let named_by_id = format!("{} a named -", id('2'));
    assert_eq!(
        expanded(&targets, &[("a", &zones)]),
        [named_by_id.as_str(), "a.example a named -", "c.example a found any"]
    );
}

#[test]
fn a_zone_visible_to_two_accounts_is_watched_through_the_first_configured_one() {
    let both = |first: &str, second: &str| {
        let patterns = [first, second].map(|account| pattern(account, "*", &[], Expected::Any));
        Targets::default().with_patterns(patterns.into())
    };
    let shared = seen("shared.example", '1');
    let (of_a, of_b) = ([shared.clone(), seen("a.example", '2')], [shared, seen("b.example", '3')]);
    let found: [(&str, &[FoundZone]); 2] = [("a", &of_a), ("b", &of_b)];
    for (targets, account) in [(both("a", "b"), "a"), (both("b", "a"), "b")] {
        let shared = format!("shared.example {account} found any");
        assert_eq!(
            expanded(&targets, &found),
            ["a.example a found any", "b.example b found any", shared.as_str()]
        );
    }
    assert_eq!(
        expanded(&both("a", "b"), &found[1..]),
        ["b.example b found any", "shared.example b found any"],
        "the first account could not list its zones"
    );
}

#[test]
fn the_second_zone_with_the_same_name_uses_its_id_as_label() {
    let patterns = ["a", "b"].map(|account| pattern(account, "*", &[], Expected::Any));
    let targets = Targets::default().with_patterns(patterns.into());
    let of = |digit| [seen("twin.example", digit)];
    let later = format!("{} b found any", id('2'));
    let found: [(&str, &[FoundZone]); 2] = [("a", &of('1')), ("b", &of('2'))];
    assert_eq!(expanded(&targets, &found), [later.as_str(), "twin.example a found any"]);

    // a zone named for another account keeps its name
    let named = ZoneTarget::named("b".into(), "twin.example".parse().unwrap(), None);
    let targets = Targets::new([named]).with_patterns(vec![pattern("a", "*", &[], Expected::Any)]);
    let later = format!("{} a found any", id('1'));
    assert_eq!(expanded(&targets, &found), [later.as_str(), "twin.example b named -"]);
}

#[test]
fn merging_keeps_the_preferred_targets_origins_of_a_shared_hostname() {
    let origin = |hostname: &str, address: &str| OriginTarget {
        hostname: hostname.parse().unwrap(),
        label: address.into(),
        address: address.parse().unwrap(),
        server_name: hostname.parse().unwrap(),
        path: "/".into(),
        from_dns: false,
    };
    let by_id = ZoneTarget::identified("b".into(), "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap())
        .with_origins(vec![origin("a.example", "10.0.0.1"), origin("b.example", "10.0.0.2")]);
    let by_name = zone("a.example", &[])
        .with_origins(vec![origin("a.example", "10.0.0.3"), origin("a.example", "10.0.0.4")]);
    let merged = by_id.merged(&by_name);
    let labels: Vec<_> = merged.origins().iter().map(|origin| &*origin.label).collect();
    assert_eq!(labels, ["10.0.0.3", "10.0.0.4", "10.0.0.2"]);
}
