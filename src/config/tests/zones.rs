//! Zones and their hostnames.

use super::*;

#[test]
fn a_zone_with_discover_or_zone_level_needs_no_hostnames() {
    let extent = |text: &str| {
        let text = format!("[[account]]\n[[account.zone]]\nname = \"example.com\"\n{text}");
        parse(&text, Secrets::Check).unwrap().targets.zones()[0].extent()
    };
    let discovered = Some(Expected::Any);
    assert_eq!(extent("discover = true"), Extent { discovered, ..Extent::PLAIN });
    let nothing = "hostnames = []\nzone_level = true";
    assert_eq!(extent(nothing), Extent { zone_level: true, ..Extent::PLAIN });
}

#[test]
fn findings_to_ignore_are_read_for_zones_and_hostnames() {
    let text = "[[account]]\n[[account.zone]]\nname = \"example.com\"\nignore = [\"ssl_mode\", \"expired\"]\n\
                hostnames = [\"a.example.com\", { name = \"b.example.com\", ignore = [\"drifted\"] }]\n\
                [[account.zone]]\nname = \"*\"\nignore = [\"near_hostname_limit\"]\n";
    let targets = parse(text, Secrets::Check).unwrap().targets;
    let set = |findings: &[Finding]| findings.iter().copied().collect::<Ignored>();
    let zone = &targets.zones()[0];
    assert_eq!(zone.ignored(), set(&[Finding::Expired, Finding::SslMode]));
    let ignored: Vec<_> = zone.hostnames().iter().map(|target| target.expectation.ignored).collect();
    assert_eq!(ignored, [Ignored::NOTHING, set(&[Finding::Drifted])]);
    assert_eq!(targets.patterns()[0].extent.ignored, set(&[Finding::NearHostnameLimit]));
}

#[test]
fn a_finding_that_cannot_be_ignored_is_named_with_those_that_can() {
    let hostname = "expired, expires_very_soon, expires_soon, not_yet_valid, end_unknown, certificate_deleted, \
                    metadata_mismatch, drifted, deployment_timed_out, deletion_timed_out, pending, ";
    let origins = "origin_unprotected, origin_demands_certificate, origin_may_reject";
    let zone = format!(
        "expected one of {hostname}near_hostname_limit, not_read, stale, hostnames_removed, ssl_mode, {origins}"
    );
    let hostname = format!("expected one of {hostname}not_read, stale, {origins}");
    let ignoring = |zone: &str, hostname: &str| {
        format!(
            "[[account]]\n[[account.zone]]\nname = \"example.com\"\nignore = {zone}\n\
             hostnames = [{{ name = \"app.example.com\", ignore = {hostname} }}]\n"
        )
    };
    for (in_zone, at_hostname, expected) in [
        ("[\"typo\"]", "[]", format!("4: account.zone.ignore = \"typo\": {zone}")),
        ("[7]", "[]", format!("4: account.zone.ignore = 7: {zone}")),
        (
            "[\"Expires-Soon\"]",
            "[]",
            format!("4: account.zone.ignore = \"Expires-Soon\": {zone}; write \"expires_soon\""),
        ),
        (
            "[\"token_invalid\"]",
            "[]",
            format!(
                "4: account.zone.ignore = \"token_invalid\": {zone}; a finding about an account cannot be ignored"
            ),
        ),
        (
            "[\"stale\", \"stale\"]",
            "[]",
            "4: account.zone.ignore = \"stale\": expected each finding once".into(),
        ),
        (
            "\"stale\"",
            "[]",
            "4: account.zone.ignore = \"stale\": expected a list of findings, such as [\"expires_soon\"]"
                .into(),
        ),
        (
            "[]",
            "[\"ssl_mode\"]",
            format!(
                "5: account.zone.hostnames.ignore = \"ssl_mode\": {hostname}; \
                 this finding is not about hostnames: write it in [[account.zone]]"
            ),
        ),
    ] {
        assert_eq!(errors(&ignoring(in_zone, at_hostname)), expected);
    }
}

#[test]
fn a_missing_account_zone_or_hostname_is_reported_with_its_line() {
    let cases = [
        ("", "1: expected at least one [[account]]"),
        ("account = []", "1: expected at least one [[account]]"),
        ("account = [1]", "1: account = 1: expected tables, each under [[account]]"),
        (
            "[account]",
            "1: account = {…}: expected tables, each under [[account]]; write [[account]], with two brackets on each side",
        ),
        ("[[account]]", "1: account: expected at least one [[account.zone]]"),
        ("[[account]]\n[[account.zone]]\nhostnames = [\"a\"]", "2: account.zone: expected a name or an id"),
        (
            "[[account]]\n[[account.zone]]\nname = \"example.com\"",
            "2: account.zone: expected at least one hostname, such as hostnames = [\"app.example.com\"]; \
             or discover = true, or zone_level = true",
        ),
        (
            "[[account]]\n[[account.zone]]\nname = \"example.com\"\nhostnames = []",
            "2: account.zone: expected at least one hostname, such as hostnames = [\"app.example.com\"]; \
             or discover = true, or zone_level = true",
        ),
    ];
    assert_errors(&cases, str::to_owned);
}

#[test]
fn an_invalid_zone_is_reported_with_its_line() {
    let cases = [
        (
            "name = \"023e105f4ecef8ad9ca31a8372d0c353\"",
            "4: account.zone.name = \"023e105f4ecef8ad9ca31a8372d0c353\": \
             expected a name such as example.com; write id = \"023e105f4ecef8ad9ca31a8372d0c353\"",
        ),
        (
            "id = \"example.com\"",
            "4: account.zone.id = \"example.com\": expected a zone id of 32 hexadecimal digits; write name = \"example.com\"",
        ),
        (
            "name = \"com\"\nstrategy = \"fast\"",
            "5: account.zone.strategy = \"fast\": expected \"auto\", \"get\" or \"list\"",
        ),
        (
            "name = \"com\"\ndiscover = \"yes\"\ndiscovered_expect = \"any\"",
            "5: account.zone.discover = \"yes\": expected true or false; write true, without quotes",
        ),
        (
            "name = \"com\"\ndiscover = true\nstrategy = \"get\"",
            "6: account.zone.strategy = \"get\": \
             expected \"auto\" or \"list\" with discover = true, since only a list shows hostnames that are not configured",
        ),
        (
            "name = \"com\"\ndiscovered_expect = \"enabled\"",
            "5: account.zone.discovered_expect = \"enabled\": \
             expected discover = true, without which this key has no effect",
        ),
        (
            "name = \"com\"\ndiscover = true\ndiscovered_expect = \"on\"",
            "6: account.zone.discovered_expect = \"on\": \
             expected \"enabled\", \"disabled\", \"void\" or \"any\"; write \"enabled\"",
        ),
        ("name = \"com\"\nzone_level = 1", "5: account.zone.zone_level = 1: expected true or false"),
        (
            "name = \"com\"\ncolour = true",
            "5: account.zone.colour: unknown key, \
             expected one of name, id, discover, discovered_expect, zone_level, strategy, origins, ignore, hostnames, exclude",
        ),
    ];
    assert_errors(&cases, |text| {
        format!("[[account]]\n[[account.zone]]\nhostnames = [\"example.com\"]\n{text}\n")
    });
}

#[test]
fn a_duplicate_zone_is_named_with_both_lines() {
    let again = |text: &str| {
        format!(
            "[[account]]\n[[account.zone]]\nname = \"example.com\"\nid = \"023e105f4ecef8ad9ca31a8372d0c353\"\n\
             hostnames = [\"example.com\"]\n{text}\nhostnames = [\"a.example.com\"]"
        )
    };
    let cases = [
        (
            "[[account.zone]]\nname = \"Example.com.\"",
            "7: account.zone.name = \"Example.com.\": expected each zone once; this one is already at line 3",
        ),
        (
            "[[account]]\nname = \"b\"\n[[account.zone]]\nname = \"example.com\"",
            "9: account.zone.name = \"example.com\": expected each zone once; this one is already at line 3 \
             in account default; another zone of the same name needs its id",
        ),
        (
            "[[account]]\nname = \"b\"\n[[account.zone]]\nname = \"example.com\"\n\
             id = \"023e105f4ecef8ad9ca31a8372d0c353\"",
            "10: account.zone.id = \"023e105f4ecef8ad9ca31a8372d0c353\": \
             expected each zone once; this one is already at line 4 in account default",
        ),
        (
            "[[account]]\nname = \"b\"\n[[account.zone]]\nname = \"example.com\"\nid = \"1\"",
            "10: account.zone.id = \"1\": expected a zone id of 32 hexadecimal digits",
        ),
        (
            "[[account.zone]]\nname = \"example.com\"\nid = \"ffffffffffffffffffffffffffffffff\"",
            "7: account.zone.name = \"example.com\": expected each zone once; this one is already at line 3",
        ),
        (
            "[[account.zone]]\nid = \"023E105F4ECEF8AD9CA31A8372D0C353\"",
            "7: account.zone.id = \"023E105F4ECEF8AD9CA31A8372D0C353\": \
             expected each zone once; this one is already at line 4",
        ),
    ];
    assert_errors(&cases, again);
}

#[test]
fn a_zone_of_the_same_name_in_another_account_is_identified_by_its_id() {
    let zone = |account: &str, id: &str| {
        format!(
            "[[account]]\nname = \"{account}\"\n[[account.zone]]\nname = \"example.com\"\n{id}\n\
             hostnames = [\"{account}.example.com\"]\n"
        )
    };
    let [second, third] = ["a", "b"].map(|digit| format!("id = \"{}\"", digit.repeat(32)));
    for first in ["", "id = \"023e105f4ecef8ad9ca31a8372d0c353\""] {
        let text = [zone("one", first), zone("two", &second), zone("three", &third)].concat();
        let config = parse(&text, Secrets::Check).unwrap();
        let zones = config.targets.zones().iter().map(|zone| {
            assert_eq!(zone.name().unwrap().as_str(), "example.com");
            let [hostname] = zone.hostnames() else { panic!("one hostname") };
            (zone.key().as_str().to_owned(), zone.account().to_string(), hostname.hostname.to_string())
        });
        let expected = [
            ("a".repeat(32), "two", "two.example.com"),
            ("b".repeat(32), "three", "three.example.com"),
            ("example.com".to_owned(), "one", "one.example.com"),
        ];
        let expected = expected.map(|(key, account, name)| (key, account.to_owned(), name.to_owned()));
        assert_eq!(zones.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_invalid_hostname_is_reported_with_its_line() {
    let cases = [
        (
            "\"app.example.com\"",
            "4: account.zone.hostnames = \"app.example.com\": expected a list such as [\"app.example.com\"]",
        ),
        (
            "[\"a b.example.com\",\n 7]",
            "4: account.zone.hostnames = \"a b.example.com\": \
             expected labels of letters, digits, '-' and '_', found \"a b\"\n\
             5: account.zone.hostnames = 7: expected a hostname such as \"app.example.com\", or { name = …, expect = … }",
        ),
        (
            "[\"app.example.com\",\n { name = \"App.Example.com.\" }]",
            "5: account.zone.hostnames = {…}: expected each hostname once; app.example.com is already at line 4",
        ),
        (
            "[\"app.example.net\"]",
            "4: account.zone.hostnames = \"app.example.net\": expected a hostname in the zone example.com, \
             found app.example.net",
        ),
        (
            "[\"notexample.com\"]",
            "4: account.zone.hostnames = \"notexample.com\": expected a hostname in the zone example.com, \
             found notexample.com",
        ),
        ("[{ expect = \"any\" }]", "4: account.zone.hostnames: expected a name"),
        (
            "[{ name = \"example.com\", expect = \"on\" }]",
            "4: account.zone.hostnames.expect = \"on\": expected \"enabled\", \"disabled\", \"void\" or \"any\"; write \"enabled\"",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a b\" }]",
            "4: account.zone.hostnames.cert_id = \"a b\": \
             expected a certificate id of 1 to 36 letters, digits and hyphens",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a\", expect = \"void\" }]",
            "4: account.zone.hostnames.cert_id = \"a\": \
             expected no cert_id with expect = \"void\", where it has no effect",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a\", expect = \"any\" }]",
            "4: account.zone.hostnames.cert_id = \"a\": \
             expected no cert_id with expect = \"any\", where it has no effect",
        ),
        (
            "[{ name = \"example.com\", certid = \"a\" }]",
            "4: account.zone.hostnames.certid: unknown key, did you mean cert_id?",
        ),
    ];
    assert_errors(&cases, |text| {
        format!("[[account]]\n[[account.zone]]\nname = \"example.com\"\nhostnames = {text}")
    });
}
