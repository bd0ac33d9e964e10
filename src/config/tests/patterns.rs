//! Zones whose name is a pattern.

use super::*;

fn patterns(text: &str) -> Vec<(String, String, Vec<String>, Extent)> {
    let config = parse(text, Secrets::Check).unwrap();
    let patterns = config.targets.patterns().iter().map(|target| {
        let exclude = target.exclude.iter().map(ToString::to_string).collect();
        (target.account.to_string(), target.pattern.to_string(), exclude, target.extent)
    });
    patterns.collect()
}

#[test]
fn a_name_with_a_star_is_a_pattern_that_discovers() {
    let text = "[[account]]\n[[account.zone]]\nname = \"*\"\n";
    let extent = Extent { discovered: Some(Expected::Any), ..Extent::default() };
    assert_eq!(patterns(text), [("default".into(), "*".into(), vec![], extent)]);
    assert!(parse(text, Secrets::Check).unwrap().targets.zones().is_empty());
}

#[test]
fn the_settings_of_a_pattern_are_read() {
    let text = r#"
        [[account]]
        name = "one"
        [[account.zone]]
        name = "*.Example.com."
        exclude = ["*.test.example.com", "Parked.example.com"]
        discovered_expect = "enabled"
        strategy = "list"
        [[account.zone]]
        name = "shop-*"
        discover = false
        zone_level = true
        [[account.zone]]
        name = "*"
        exclude = []
        [[account.zone]]
        name = "example.org"
        hostnames = ["app.example.org"]
        [[account]]
        name = "two"
        [[account.zone]]
        name = "*"
        "#;
    let extent =
        |strategy, discovered, zone_level| Extent { strategy, discovered, zone_level, ..Extent::PLAIN };
    let any = extent(Strategy::Auto, Some(Expected::Any), false);
    let excluded = vec!["*.test.example.com".into(), "parked.example.com".into()];
    assert_eq!(
        patterns(text),
        [
            (
                "one".into(),
                "*.example.com".into(),
                excluded,
                extent(Strategy::List, Some(Expected::Enabled), false)
            ),
            ("one".into(), "shop-*".into(), vec![], extent(Strategy::Auto, None, true)),
            ("one".into(), "*".into(), vec![], any),
            ("two".into(), "*".into(), vec![], any),
        ]
    );
    let config = parse(text, Secrets::Check).unwrap();
    assert_eq!(config.targets.zones()[0].key().as_str(), "example.org");
}

#[test]
fn an_invalid_pattern_is_reported_with_its_line() {
    let cases = [
        (
            "name = \"http://*\"",
            "3: account.zone.name = \"http://*\": expected labels of letters, digits, '-' and '_', found \"http://*\"",
        ),
        (
            "name = \"*..com\"",
            "3: account.zone.name = \"*..com\": expected labels of 1 to 63 octets, found \"\"",
        ),
        (
            "name = \"*\"\nid = \"023e105f4ecef8ad9ca31a8372d0c353\"",
            "4: account.zone.id = \"023e105f4ecef8ad9ca31a8372d0c353\": \
             expected no id with a pattern, which finds zones by name",
        ),
        (
            "name = \"*\"\nhostnames = []",
            "4: account.zone.hostnames = […]: expected no hostnames with a pattern, which watches many zones",
        ),
        (
            "name = \"*\"\ndiscover = false",
            "4: account.zone.discover = false: \
             expected zone_level = true with discover = false, or nothing is read",
        ),
        (
            "name = \"*\"\ndiscover = false\nzone_level = true\ndiscovered_expect = \"any\"",
            "6: account.zone.discovered_expect = \"any\": \
             expected discover = true, without which this key has no effect",
        ),
        (
            "name = \"*\"\nstrategy = \"get\"",
            "4: account.zone.strategy = \"get\": \
             expected \"auto\" or \"list\" with discover = true, since only a list shows hostnames that are not configured",
        ),
        (
            "name = \"*\"\nexclude = \"*.test\"",
            "4: account.zone.exclude = \"*.test\": \
             expected a list of names and patterns, such as [\"*.test\", \"parked-*\"]",
        ),
        (
            "name = \"*.com\"\nexclude = [\"a b*\",\n 7,\n \"*.test\", \"*.Test\",\n \"*\",\n \"*.com\"]",
            "4: account.zone.exclude = \"a b*\": \
             expected labels of letters, digits, '-' and '_', found \"a b*\"\n\
             5: account.zone.exclude = 7: expected a name or a pattern, such as \"*.test\"\n\
             6: account.zone.exclude = \"*.Test\": expected each name or pattern once\n\
             7: account.zone.exclude = \"*\": expected a pattern that leaves some zones to watch\n\
             8: account.zone.exclude = \"*.com\": expected a pattern that leaves some zones to watch",
        ),
        (
            "name = \"example.com\"\ndiscover = true\nexclude = [\"*.test\"]",
            "5: account.zone.exclude = […]: expected only with a pattern, which is a name with *, such as name = \"*\"",
        ),
        ("name = \"*\"\nexcludes = []", "4: account.zone.excludes: unknown key, did you mean exclude?"),
        (
            "name = \"*\"\ncolour = true",
            "4: account.zone.colour: unknown key, expected one of \
             discover, discovered_expect, zone_level, strategy, origins, ignore, name, id, hostnames, exclude",
        ),
    ];
    assert_errors(&cases, |text| format!("[[account]]\n[[account.zone]]\n{text}\n"));
}

#[test]
fn a_pattern_without_effect_is_rejected_with_the_line_of_the_earlier_one() {
    let cases = [
        (
            "[[account.zone]]\nname = \"*.COM\"",
            "7: account.zone.name = \"*.COM\": expected each pattern once per account; this one is already at line 3",
        ),
        (
            "[[account.zone]]\nname = \"*.org\"",
            "7: account.zone.name = \"*.org\": \
             expected before the pattern * at line 5, which matches all remaining zones",
        ),
        (
            "[[account]]\n[[account.zone]]\nname = \"*.com\"",
            "6: account.name: expected a unique name; the account at line 1 is also named \"default\"",
        ),
    ];
    assert_errors(&cases, |text| {
        format!("[[account]]\n[[account.zone]]\nname = \"*.com\"\n[[account.zone]]\nname = \"*\"\n{text}\n")
    });
}
