use super::*;

/// Records as `name target`, or `name address`.
fn records(lines: &[&str]) -> Vec<DnsRecord> {
    let record = |line: &&str| {
        let (name, target) = line.split_once(' ').unwrap();
        let data = match target.parse() {
            Ok(ip) => RecordData::Address(ip),
            Err(_) => RecordData::Name(target.parse().unwrap()),
        };
        DnsRecord { name: name.parse().unwrap(), data }
    };
    lines.iter().map(record).collect()
}

/// Returns the addresses of a hostname's origins, and the reasons why there are no others, if the zones `example.com`
/// and `shop.example` have these records.
fn origins(hostname: &str, lines: &[&str]) -> (Vec<String>, Vec<NoOrigin>) {
    let (records, hostname) = (records(lines), hostname.parse().unwrap());
    let zones: Vec<ZoneName> = ["example.com", "shop.example"].map(|name| name.parse().unwrap()).into();
    let mut index = DnsIndex::default();
    zones.iter().for_each(|zone| index.add(zone, &records));
    let found = index.origins(&hostname);
    for origin in &found.origins {
        assert_eq!((&origin.hostname, &origin.server_name), (&hostname, &hostname));
    }
    let addresses = found.origins.iter().map(|origin| origin.address.to_string());
    (addresses.collect(), found.without.into_iter().collect())
}

#[test]
fn a_hostname_has_the_origins_of_its_records() {
    for (hostname, lines, expected) in [
        ("app.example.com", &["app.example.com 192.0.2.7"][..], &["192.0.2.7"][..]),
        ("example.com", &["example.com 192.0.2.7"], &["192.0.2.7"]),
        // each distinct address is an origin
        (
            "app.example.com",
            &[
                "app.example.com 2001:db8::7",
                "app.example.com 192.0.2.8",
                "app.example.com 192.0.2.7",
                "app.example.com 192.0.2.7",
            ],
            &["192.0.2.7", "192.0.2.8", "2001:db8::7"],
        ),
        // a name without proxied records is resolved later
        ("app.example.com", &["app.example.com origin.example.net"], &["origin.example.net"]),
        ("app.example.com", &["app.example.com origin.example.com"], &["origin.example.com"]),
        // a name with proxied records is followed, even into another zone
        (
            "app.example.com",
            &[
                "app.example.com www.shop.example",
                "www.shop.example a.example.com",
                "a.example.com 192.0.2.7",
            ],
            &["192.0.2.7"],
        ),
        // the target may have a record that is not proxied
        (
            "app.example.com",
            &["app.example.com origin.example.com", "*.example.com 192.0.2.7"],
            &["origin.example.com"],
        ),
    ] {
        assert_eq!(origins(hostname, lines), (expected.iter().map(|text| (*text).into()).collect(), vec![]));
    }
}

#[test]
fn a_wildcard_covers_names_without_records() {
    let lines = [
        "*.example.com 192.0.2.1",
        "*.example.com 192.0.2.7",
        "app.example.com 192.0.2.8",
        "deep.b.example.com 192.0.2.9",
        "*.c.example.com 192.0.2.10",
    ];
    for (hostname, expected) in [
        ("www.example.com", Some("192.0.2.7")),
        ("a.www.example.com", Some("192.0.2.7")),
        ("app.example.com", Some("192.0.2.8")),
        // the wildcard does not cover names below an existing name, with or without records
        ("below.app.example.com", None),
        ("b.example.com", None),
        ("other.b.example.com", None),
        ("x.c.example.com", Some("192.0.2.10")),
        ("c.example.com", None),
        ("example.com", None),
        ("www.shop.example", None),
        ("www.example.org", None),
    ] {
        let (found, without) = origins(hostname, &lines);
        assert_eq!(found, Vec::from_iter(expected.map(str::to_owned)), "{hostname}");
        let reason = if expected == Some("192.0.2.7") { Some(NoOrigin::Placeholder) } else { None };
        let reason = if expected.is_none() { Some(NoOrigin::NoRecord) } else { reason };
        assert_eq!(without, Vec::from_iter(reason), "{hostname}");
    }
}

#[test]
fn a_target_that_cannot_be_reached_directly_has_a_reason() {
    for (target, reason) in [
        ("0123.cfargotunnel.com", NoOrigin::Tunnel),
        ("100::", NoOrigin::Placeholder),
        ("192.0.2.1", NoOrigin::Placeholder),
        ("project.pages.dev", NoOrigin::Pages),
        ("worker.name.workers.dev", NoOrigin::Worker),
        ("public.r2.dev", NoOrigin::Bucket),
        ("account.r2.cloudflarestorage.com", NoOrigin::Bucket),
        ("app.example.com.cdn.cloudflare.net", NoOrigin::Edge),
        ("app.example.com", NoOrigin::Loop),
        ("203.0.113", NoOrigin::NotAName),
        ("*.example.net", NoOrigin::NotAName),
    ] {
        let lines = [format!("app.example.com {target}")];
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(origins("app.example.com", &lines), (vec![], vec![reason]), "{target}");
    }
    assert_eq!(origins("app.example.com", &[]), (vec![], vec![NoOrigin::NoRecord]));
    assert_eq!(origins("*.example.com", &["*.example.com 192.0.2.7"]), (vec![], vec![NoOrigin::Wildcard]));
    // the other record gives an origin
    let both = ["app.example.com 192.0.2.7", "app.example.com 100::"];
    assert_eq!(origins("app.example.com", &both), (vec!["192.0.2.7".into()], vec![NoOrigin::Placeholder]));
}

#[test]
fn the_length_of_chains_and_the_number_of_origins_are_limited() {
    let chain = |length: usize| {
        let step = |number| format!("n{number}.example.com n{}.example.com", number + 1);
        let lines: Vec<_> =
            (0..length).map(step).chain([format!("n{length}.example.com 192.0.2.7")]).collect();
        origins("n0.example.com", &lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(chain(MAX_ORIGINS - 1), (vec!["192.0.2.7".into()], vec![]));
    assert_eq!(chain(MAX_ORIGINS), (vec![], vec![NoOrigin::Loop]));
    let loops = ["a.example.com b.example.com", "b.example.com c.example.com", "c.example.com a.example.com"];
    assert_eq!(origins("a.example.com", &loops), (vec![], vec![NoOrigin::Loop]));
    let many: Vec<_> = (0..40).map(|number| format!("a.example.com 192.0.2.{}", 100 + number)).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let (found, without) = origins("a.example.com", &many);
    assert_eq!((found.len(), without), (MAX_ORIGINS, vec![NoOrigin::TooMany]));
    let (found, without) = origins("a.example.com", &many[..MAX_ORIGINS]);
    assert_eq!((found.len(), without), (MAX_ORIGINS, vec![]));
}

#[test]
fn a_wildcard_does_not_cover_names_in_a_subzone() {
    let [above, below]: [ZoneName; 2] = ["example.com", "sub.example.com"].map(|name| name.parse().unwrap());
    let records = records(&["*.example.com 192.0.2.7"]);
    let mut index = DnsIndex::default();
    index.add(&above, &records);
    index.add(&below, &[]);
    assert!(index.origins(&"www.sub.example.com".parse().unwrap()).origins.is_empty());
    assert_eq!(index.origins(&"www.other.example.com".parse().unwrap()).origins.len(), 1);
}
