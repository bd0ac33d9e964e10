mod accounts;
mod example;
mod files;
mod patterns;
mod probe;
mod zones;

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::domain::{Expected, Extent, Finding, Ignored, Strategy};

/// The rest of a file in which one account has one zone.
const REST: &str = "[[account.zone]]\nname = \"example.com\"\nhostnames = [\"app.example.com\"]\n";

const EXAMPLE: &str = include_str!("../../config.example.toml");

fn environment(name: &str) -> Option<String> {
    match name {
        "CLOUDFLARE_API_TOKEN" | "OTHER" => Some("s3cret".into()),
        "EMPTY" => Some(" ".into()),
        "SPACED" => Some("s3c ret".into()),
        _ => None,
    }
}

fn parse(text: &str, secrets: Secrets) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("dir/x.toml"), secrets, &environment, &mut Files::default())
}

/// The errors of a text, without the path before each.
fn errors(text: &str) -> String {
    parse(text, Secrets::Check).unwrap_err().to_string().replace("dir/x.toml:", "")
}

#[track_caller]
fn assert_errors(cases: &[(&str, &str)], complete: impl Fn(&str) -> String) {
    for (text, expected) in cases {
        assert_eq!(errors(&complete(text)), *expected, "{text}");
    }
}

#[test]
fn missing_settings_have_defaults() {
    let config = parse(&format!("[[account]]\n{REST}"), Secrets::Check).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:10219");
    assert_eq!(config.schedule.to_string(), "0 */5 * * * *");
    assert_eq!(config.jitter, Duration::from_secs(20));
    assert_eq!((config.serving.view.states, config.state_file), (States::All, None));
    let [account] = &config.accounts[..] else { panic!("one account") };
    assert_eq!(&*account.options.account, "default");
    assert_eq!(account.options.account_id, None);
    assert_eq!(account.options.base_url.as_url().as_str(), "https://api.cloudflare.com/client/v4/");
    assert_eq!(account.options.timeout, Duration::from_secs(30));
    assert_eq!(account.options.max_concurrent_requests, 8);
    assert_eq!(account.options.extra_ca, None);
    assert_eq!(account.token, TokenSource::Env("CLOUDFLARE_API_TOKEN".into()));
    assert_eq!((account.rate_limit.requests.get(), account.rate_limit.per), (600, Duration::from_mins(5)));
    assert_eq!(account.quota, "default");
}

#[test]
fn every_setting_is_read() {
    let config = parse(
        r#"
        server.listen = "[::]:80"
        poll = { schedule = "*/10 * * * *", jitter = "1m", state_file = "state.json" }
        metrics.states = "current"
        [[account]]
        name = "team"
        id = "0123456789ABCDEF0123456789abcdef"
        api_token_env = "OTHER"
        base_url = "http://127.0.0.1:8080/x"
        timeout = "1m 30s"
        max_concurrent_requests = 0x10
        rate_limit = { requests = 1_000, per = "1m" }
        quota = "people"
        [[account.zone]]
        name = "Example.com"
        id = "023e105f4ecef8ad9ca31a8372d0c353"
        strategy = "get"
        zone_level = true
        hostnames = ["*.example.com", { name = "b\u00fccher.example.com", expect = "disabled", cert_id = "a-1" }]
        [[account]]
        api_token_file = "token"
        [[account.zone]]
        id = "ffffffffffffffffffffffffffffffff"
        strategy = "list"
        discover = true
        discovered_expect = "enabled"
        "#,
        Secrets::Skip,
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "[::]:80");
    assert_eq!((config.schedule.to_string(), config.jitter.as_secs()), ("0 */10 * * * *".into(), 60));
    assert_eq!(config.serving.view.states, States::Current);
    assert_eq!(config.state_file, Some(PathBuf::from("dir/state.json")));
    let [team, default] = &config.accounts[..] else { panic!("two accounts") };
    assert_eq!(&*team.options.account, "team");
    assert_eq!(team.options.account_id, "0123456789abcdef0123456789abcdef".parse().ok());
    assert_eq!(team.options.base_url.as_url().as_str(), "http://127.0.0.1:8080/x/");
    assert_eq!(team.options.timeout, Duration::from_secs(90));
    assert_eq!(team.options.max_concurrent_requests, 16);
    assert_eq!(team.token, TokenSource::Env("OTHER".into()));
    assert_eq!((team.rate_limit.requests.get(), team.rate_limit.per), (1000, Duration::from_mins(1)));
    assert_eq!(team.quota, "people");
    assert_eq!(default.token, TokenSource::File(PathBuf::from("dir/token")));

    let [by_name, by_id] = config.targets.zones() else { panic!("two zones") };
    assert_eq!((by_name.key().as_str(), &**by_name.account()), ("example.com", "team"));
    assert_eq!(by_name.id().unwrap().to_string(), "023e105f4ecef8ad9ca31a8372d0c353");
    assert_eq!((by_id.key().as_str(), &**by_id.account()), ("ffffffffffffffffffffffffffffffff", "default"));
    assert_eq!(by_name.extent(), Extent { strategy: Strategy::Get, zone_level: true, ..Extent::PLAIN });
    let discovered = Some(Expected::Enabled);
    assert_eq!(by_id.extent(), Extent { strategy: Strategy::List, discovered, ..Extent::PLAIN });
    assert!(by_id.hostnames().is_empty());
    let [wildcard, books] = by_name.hostnames() else { panic!("two hostnames") };
    assert_eq!(wildcard.hostname.as_str(), "*.example.com");
    assert_eq!(books.hostname.as_str(), "xn--bcher-kva.example.com");
    assert_eq!(books.expectation.association, Expected::Disabled);
    assert_eq!(books.expectation.cert_id.as_ref().unwrap().as_str(), "a-1");
}

#[test]
fn the_default_jitter_is_shorter_for_a_fast_schedule() {
    let jitter = |schedule: &str| {
        let text = format!("poll.schedule = \"{schedule}\"\n[[account]]\n{REST}");
        parse(&text, Secrets::Check).unwrap().jitter
    };
    assert_eq!(jitter("* * * * * *"), Duration::from_millis(500));
    assert_eq!(jitter("*/30 * * * * *"), Duration::from_secs(15));
    assert_eq!(jitter("0 * * * * *"), Duration::from_secs(20));
}

#[test]
fn an_invalid_setting_of_the_exporter_is_reported_with_its_line() {
    let cases = [
        (
            "colour = 1",
            "1: colour: unknown key, expected one of server, poll, metrics, thresholds, probe, account",
        ),
        (
            "\"a\\nb\" = 1",
            "1: \"a\\nb\": unknown key, expected one of server, poll, metrics, thresholds, probe, account",
        ),
        ("server = 3", "1: server = 3: expected a table, [server]"),
        ("server.lisen = 1", "1: server.lisen: unknown key, did you mean listen?"),
        ("server.lifecycle = 1", "1: server.lifecycle = 1: expected true or false"),
        ("[server.tls]", "1: server.tls: expected both cert_file and key_file"),
        (
            "server.listen = 5",
            "1: server.listen = 5: expected an address with a port, such as 127.0.0.1:10219; write \":5\"",
        ),
        (
            "server.listen = \"localhost\"",
            "1: server.listen = \"localhost\": expected an address with a port, such as 127.0.0.1:10219; write \"localhost:10219\"",
        ),
        (
            "poll.schedule = \"0 61 * * * *\"",
            "1: poll.schedule = \"0 61 * * * *\": expected a minute of 0 to 59, a list (0,30), a range (0-30), \
             a step (*/10) or *, found \"61\"",
        ),
        ("poll.schedule = true", "1: poll.schedule = true: expected a string"),
        ("poll.state = \"x\"", "1: poll.state: unknown key, did you mean state_file?"),
        ("poll.state_file = \"\"", "1: poll.state_file = \"\": expected the path of a file"),
        (
            "poll.jitter = \"5 parsecs\"",
            "1: poll.jitter = \"5 parsecs\": expected a duration of 0s to 24h, such as 20s",
        ),
        ("poll.jitter = \"-5s\"", "1: poll.jitter = \"-5s\": expected a duration of 0s to 24h, such as 20s"),
        ("poll.jitter = [1]", "1: poll.jitter = […]: expected a duration of 0s to 24h, such as 20s"),
        (
            "poll.jitter = \"5m\"",
            "1: poll.jitter = \"5m\": expected less than the 300s between two ticks of the schedule",
        ),
        (
            "thresholds.warning = 30",
            "1: thresholds.warning = 30: expected a duration of 0s to 3650d, such as 30d or 12h; write \"30d\"",
        ),
        (
            "thresholds.pending = \"1 month\"",
            "1: thresholds.pending = \"1 month\": expected a duration of 0s to 3650d, such as 30d or 12h",
        ),
        ("thresholds.warn = \"30d\"", "1: thresholds.warn: unknown key, did you mean warning?"),
        (
            "thresholds.critical = \"31d\"",
            "1: thresholds.critical = \"31d\": expected at most thresholds.warning, which is 30 days by default",
        ),
        (
            "thresholds.warning = \"6d\"",
            "1: thresholds.warning = \"6d\": expected at least thresholds.critical, which is 7 days by default",
        ),
        ("metrics.states = \"some\"", "1: metrics.states = \"some\": expected \"all\" or \"current\""),
    ];
    assert_errors(&cases, |text| format!("{text}\n[[account]]\n{REST}"));
}

#[test]
fn all_errors_of_a_file_are_reported_at_once() {
    let text = r#"
[server]
listen = "nowhere"
colour = "red"
[poll]
schedule = "* * * *"
jitter = 5
[[account]]
name = ""
api_token = "s3cret"
timeout = "soon"
[[account.zone]]
name = "example.com"
hostnames = ["example.net", "a..example.com", { name = "a.example.com", expect = "off" }]
[[account.zone]]
name = "example.com"
"#;
    assert_eq!(
        errors(text),
        r#"3: server.listen = "nowhere": expected an address with a port, such as 127.0.0.1:10219
4: server.colour: unknown key, expected one of listen, lifecycle, allowed_hosts, tls, basic_auth_users
6: poll.schedule = "* * * *": expected six fields (second minute hour day month weekday), or five without the second, found 4
7: poll.jitter = 5: expected a duration of 0s to 24h, such as 20s; write "5s"
9: account.name = "": expected a name of 1 to 64 letters, digits, '.', '_' and '-'
10: account.api_token: unknown key; a token is never written in this file: name its file with api_token_file, or its variable with api_token_env
11: account.timeout = "soon": expected a duration of 1ms to 10m, such as 30s
14: account.zone.hostnames = "example.net": expected a hostname in the zone example.com, found example.net
14: account.zone.hostnames = "a..example.com": expected labels of 1 to 63 octets, found ""
14: account.zone.hostnames.expect = "off": expected "enabled", "disabled", "void" or "any"; write "disabled"
15: account.zone: expected at least one hostname, such as hostnames = ["app.example.com"]; or discover = true, or zone_level = true
16: account.zone.name = "example.com": expected each zone once; this one is already at line 13"#
    );
}

#[test]
fn syntax_errors_are_reported_with_wrong_values_but_without_their_consequences() {
    let cases = [
        ("[server\nlisten = 1\n", "1: unclosed table, expected `]`"),
        (
            "[poll]\nschedule = abc\njitter = 5\n",
            "2: string values must be quoted, expected literal string\n\
             3: poll.jitter = 5: expected a duration of 0s to 24h, such as 20s; write \"5s\"",
        ),
        (
            "server.listen = \"a\"\nserver.listen = \"b\"\n",
            "1: server.listen = \"a\": expected an address with a port, such as 127.0.0.1:10219\n2: duplicate key listen",
        ),
    ];
    assert_errors(&cases, str::to_owned);
}

proptest! {
    #[test]
    fn parsing_any_text_does_not_panic(text in "\\PC{0,80}") {
        _ = parse(&text, Secrets::Check);
    }

    #[test]
    fn parsing_a_damaged_file_does_not_panic(at in 0..EXAMPLE.len(), with in "[\\[\\]{}=\"'#,.\n\\\\ a1é]{0,3}") {
        if EXAMPLE.is_char_boundary(at) {
            let (before, after) = EXAMPLE.split_at(at);
            _ = parse(&format!("{before}{with}{}", after.get(1..).unwrap_or(after)), Secrets::Skip);
        }
    }
}
