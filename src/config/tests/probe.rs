//! The table `probe`, and origins.

use super::*;

fn hostname(table: &str) -> String {
    format!("[[account]]\n[[account.zone]]\nname = \"example.com\"\nhostnames = [{table}]")
}

/// Label, address, server name and path of each origin.
fn origins(table: &str) -> Vec<(String, String, String, String)> {
    let config = parse(&hostname(table), Secrets::Skip).unwrap();
    let origins = config.targets.zones()[0].origins().iter();
    origins
        .map(|origin| {
            let (label, address) = (origin.label.to_string(), origin.address.to_string());
            (label, address, origin.server_name.to_string(), origin.path.to_string())
        })
        .collect()
}

#[test]
fn the_settings_of_probes_are_read() {
    let config = parse(&format!("[[account]]\n{REST}"), Secrets::Skip).unwrap();
    assert_eq!((config.probe.timeout, config.probe.max_concurrent), (Duration::from_secs(10), 16));
    assert_eq!(config.probe_schedule.to_string(), "0 */15 * * * *");
    assert!(!config.probe.private_addresses);
    let private = format!("probe.private_addresses = true\n[[account]]\n{REST}");
    assert!(parse(&private, Secrets::Skip).unwrap().probe.private_addresses);
    let probe = "probe = { schedule = \"* * * * *\", timeout = \"500ms\", max_concurrent = 64 }";
    let config = parse(&format!("{probe}\n[[account]]\n{REST}"), Secrets::Skip).unwrap();
    assert_eq!((config.probe.timeout, config.probe.max_concurrent), (Duration::from_millis(500), 64));
    assert_eq!(config.probe_schedule.to_string(), "0 * * * * *");
    assert_errors(
        &[
            (
                "timeout = \"2m\"",
                "1: probe.timeout = \"2m\": expected a duration of 100ms to 1m, such as 10s",
            ),
            (
                "schedule = \"0 0 0 30 2 *\"",
                "1: probe.schedule = \"0 0 0 30 2 *\": expected an expression that matches a date, but this one never does",
            ),
            (
                "private_addresses = \"yes\"",
                "1: probe.private_addresses = \"yes\": expected true or false; write true, without quotes",
            ),
            ("max_concurrent = 0", "1: probe.max_concurrent = 0: expected a whole number of 1 to 256"),
            ("timeuot = \"1s\"", "1: probe.timeuot: unknown key, did you mean timeout?"),
        ],
        |setting| format!("probe.{setting}\n[[account]]\n{REST}"),
    );
}

#[test]
fn a_hostname_has_one_origin_or_several() {
    let row = |label: &str, address: &str, name: &str, path: &str| {
        (label.to_owned(), address.to_owned(), name.to_owned(), path.to_owned())
    };
    let name = "app.example.com";
    assert_eq!(origins("\"app.example.com\""), []);
    assert_eq!(
        origins("{ name = \"app.example.com\", origin = \"203.0.113.7:443\" }"),
        [row("203.0.113.7", "203.0.113.7", name, "/")]
    );
    assert_eq!(
        origins(
            "{ name = \"app.example.com\", origins = [\"[2001:db8::7]:8443\", \
             { address = \"origin.example.net\", name = \"blue\", server_name = \"blue.example.com\", path = \"/up\" }] }"
        ),
        [
            row("[2001:db8::7]:8443", "[2001:db8::7]:8443", name, "/"),
            row("blue", "origin.example.net", "blue.example.com", "/up")
        ]
    );
    assert_eq!(
        origins(
            "{ name = \"*.example.com\", origin = { address = \"203.0.113.7\", server_name = \"a.example.com\" } }"
        ),
        [row("203.0.113.7", "203.0.113.7", "a.example.com", "/")]
    );
}

#[test]
fn the_origins_of_a_zone_or_pattern_may_come_from_dns_records() {
    let zone = |name: &str, setting: &str| {
        let text = format!("[[account]]\n[[account.zone]]\nname = {name:?}\ndiscover = true\n{setting}");
        let targets = parse(&text, Secrets::Skip).unwrap().targets;
        let zones = targets.zones().iter().map(|zone| zone.extent().dns_origins);
        zones.chain(targets.patterns().iter().map(|pattern| pattern.extent.dns_origins)).collect::<Vec<_>>()
    };
    for name in ["example.com", "*"] {
        assert_eq!(zone(name, ""), [false]);
        assert_eq!(zone(name, "origins = \"dns\""), [true]);
    }
    assert_errors(
        &[
            (
                "origins = \"DNS\"",
                "4: account.zone.origins = \"DNS\": expected \"dns\"; the origins of one hostname belong in its table",
            ),
            (
                "origins = [\"203.0.113.7\"]",
                "4: account.zone.origins = […]: expected \"dns\"; the origins of one hostname belong in its table",
            ),
        ],
        |setting| format!("[[account]]\n[[account.zone]]\nname = \"*\"\n{setting}"),
    );
}

#[test]
fn invalid_origins_are_rejected() {
    assert_errors(
        &[
            (
                "name = \"a.example.com\", origin = \"https://a\"",
                "4: account.zone.hostnames.origin = \"https://a\": expected HOST or HOST:PORT such as 203.0.113.7, \
                 [2001:db8::7]:8443 or origin.example.com, found \"https://a\"",
            ),
            (
                "name = \"a.example.com\", origins = \"203.0.113.7\"",
                "4: account.zone.hostnames.origins = \"203.0.113.7\": expected a list such as [\"203.0.113.7\", \
                 \"203.0.113.8:8443\"]",
            ),
            (
                "name = \"a.example.com\", origins = [\"203.0.113.7\", \"203.0.113.7:443\"]",
                "4: account.zone.hostnames.origins = \"203.0.113.7:443\": expected each origin once; 203.0.113.7 is \
                 already listed",
            ),
            (
                "name = \"a.example.com\", origin = \"203.0.113.7\", origins = [\"203.0.113.8\"]",
                "4: account.zone.hostnames.origins = […]: expected either origin or origins",
            ),
            (
                "name = \"*.example.com\", origin = \"203.0.113.7\"",
                "4: account.zone.hostnames.origin = \"203.0.113.7\": expected a server_name for the TLS handshake; write { address = \
                 \"203.0.113.7\", server_name = … }",
            ),
            (
                "name = \"*.example.com\", origin = { address = \"203.0.113.7\" }",
                "4: account.zone.hostnames.origin: expected a server_name for the TLS handshake, which cannot ask for a name with *",
            ),
            (
                "name = \"a.example.com\", origin = { name = \"blue\" }",
                "4: account.zone.hostnames.origin: expected an address",
            ),
            (
                "name = \"a.example.com\", origin = { address = \"203.0.113.7\", path = \"up\" }",
                "4: account.zone.hostnames.origin.path = \"up\": expected a path such as \"/health\"",
            ),
        ],
        |table| hostname(&format!("{{ {table} }}")),
    );
}
