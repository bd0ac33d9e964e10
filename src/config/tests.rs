use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::domain::{Expected, Extent, Strategy};

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
    Config::parse(text, Path::new("dir/x.toml"), secrets, &environment)
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
fn what_is_not_given_has_a_default() {
    let config = parse(&format!("[[account]]\n{REST}"), Secrets::Check).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:10219");
    assert_eq!(config.schedule.to_string(), "0 */5 * * * *");
    assert_eq!(config.jitter, Duration::from_secs(20));
    assert_eq!((config.serving.states, config.state_file), (States::All, None));
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
fn every_setting_arrives() {
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
    assert_eq!(config.serving.states, States::Current);
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
    assert_eq!(by_name.extent(), Extent { strategy: Strategy::Get, discovered: None, zone_level: true });
    let discovered = Some(Expected::Enabled);
    assert_eq!(by_id.extent(), Extent { strategy: Strategy::List, discovered, zone_level: false });
    assert!(by_id.hostnames().is_empty());
    let [wildcard, books] = by_name.hostnames() else { panic!("two hostnames") };
    assert_eq!(wildcard.hostname.as_str(), "*.example.com");
    assert_eq!(books.hostname.as_str(), "xn--bcher-kva.example.com");
    assert_eq!(books.expectation.association, Expected::Disabled);
    assert_eq!(books.expectation.cert_id.as_ref().unwrap().as_str(), "a-1");
}

#[test]
fn a_zone_needs_no_hostnames_where_something_else_of_it_is_read() {
    let extent = |text: &str| {
        let text = format!("[[account]]\n[[account.zone]]\nname = \"example.com\"\n{text}");
        parse(&text, Secrets::Check).unwrap().targets.zones()[0].extent()
    };
    let (strategy, discovered) = (Strategy::Auto, Some(Expected::Any));
    assert_eq!(extent("discover = true"), Extent { strategy, discovered, zone_level: false });
    let nothing = "hostnames = []\nzone_level = true";
    assert_eq!(extent(nothing), Extent { strategy, discovered: None, zone_level: true });
}

#[test]
fn the_default_jitter_gives_way_to_a_fast_schedule() {
    let jitter = |schedule: &str| {
        let text = format!("poll.schedule = \"{schedule}\"\n[[account]]\n{REST}");
        parse(&text, Secrets::Check).unwrap().jitter
    };
    assert_eq!(jitter("* * * * * *"), Duration::from_millis(500));
    assert_eq!(jitter("*/30 * * * * *"), Duration::from_secs(15));
    assert_eq!(jitter("0 * * * * *"), Duration::from_secs(20));
}

#[test]
fn the_example_shows_the_defaults() {
    let example = parse(EXAMPLE, Secrets::Skip).unwrap();
    let minimal = parse(
        "[[account]]\n[[account.zone]]\nname = \"example.com\"\n\
         hostnames = [\"app.example.com\", \"api.example.com\"]",
        Secrets::Skip,
    );
    assert_eq!(format!("{example:#?}"), format!("{:#?}", minimal.unwrap()));
}

#[test]
fn what_the_example_has_commented_out_can_be_used() {
    let setting = |line: &&str| {
        line.starts_with("# ") && (line.contains(" = \"") || line.contains("# {") || line.contains("# ["))
    };
    let shown = EXAMPLE.lines().filter(|line| setting(&line.trim_start())).count();
    assert_eq!(shown, 16);
    let text = EXAMPLE.lines().map(|line| match line.trim_start().strip_prefix("# ") {
        Some(rest) if setting(&line.trim_start()) => rest,
        _ => line,
    });
    let text = text.collect::<Vec<_>>().join("\n").replace("api_token_env", "# api_token_env");
    let config = parse(&text.replace("discover = false", "discover = true"), Secrets::Skip).unwrap();
    assert_eq!(config.targets.hostnames(), 4);
    assert_eq!(config.accounts[0].quota, "team");
    assert_eq!(config.state_file, Some("/var/lib/cloudflare-aop-exporter/state.json".into()));
}

#[test]
fn a_wrong_setting_of_the_exporter_is_named() {
    let cases = [
        ("colour = 1", "1: colour: unknown key, expected one of server, poll, metrics, account"),
        ("\"a\\nb\" = 1", "1: \"a\\nb\": unknown key, expected one of server, poll, metrics, account"),
        ("server = 3", "1: server = 3: expected a table, [server]"),
        ("server.lisen = 1", "1: server.lisen: unknown key, did you mean listen?"),
        ("server.lifecycle = 1", "1: server.lifecycle = 1: expected true or false"),
        ("[server.tls]", "1: server.tls: expected both cert_file and key_file"),
        (
            "server.listen = 5",
            "1: server.listen = 5: expected an address with a port, such as 127.0.0.1:10219",
        ),
        (
            "server.listen = \"localhost\"",
            "1: server.listen = \"localhost\": expected an address with a port, such as 127.0.0.1:10219",
        ),
        (
            "poll.schedule = \"0 61 * * * *\"",
            "1: poll.schedule = \"0 61 * * * *\": expected a minute of 0 to 59, a list (0,30), a range (0-30), \
             a step (*/10) or *, found \"61\"",
        ),
        ("poll.schedule = true", "1: poll.schedule = true: expected a string"),
        ("poll.state = \"x\"", "1: poll.state: unknown key, expected one of schedule, jitter, state_file"),
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
        ("metrics.states = \"some\"", "1: metrics.states = \"some\": expected \"all\" or \"current\""),
    ];
    assert_errors(&cases, |text| format!("{text}\n[[account]]\n{REST}"));
}

#[test]
fn a_wrong_setting_of_an_account_is_named() {
    let cases = [
        ("id = \"abc\"", "2: account.id = \"abc\": expected an account id of 32 hexadecimal digits"),
        (
            "name = \"a b\"",
            "2: account.name = \"a b\": expected a name of 1 to 64 letters, digits, '.', '_' and '-'",
        ),
        (
            "quota = \"\"",
            "2: account.quota = \"\": expected a name of 1 to 64 letters, digits, '.', '_' and '-'",
        ),
        ("timeout = \"0s\"", "2: account.timeout = \"0s\": expected a duration of 1ms to 10m, such as 30s"),
        ("timeout = \"1h\"", "2: account.timeout = \"1h\": expected a duration of 1ms to 10m, such as 30s"),
        ("timeout = 30", "2: account.timeout = 30: expected a duration of 1ms to 10m, such as 30s"),
        (
            "max_concurrent_requests = 0",
            "2: account.max_concurrent_requests = 0: expected a whole number of 1 to 256",
        ),
        (
            "max_concurrent_requests = \"8\"",
            "2: account.max_concurrent_requests = \"8\": expected a whole number of 1 to 256",
        ),
        (
            "rate_limit = { requests = 0, per = \"5m\" }",
            "2: account.rate_limit.requests = 0: expected a whole number of 1 to 4294967295",
        ),
        (
            "rate_limit = { requests = 1, per = \"2d\" }",
            "2: account.rate_limit.per = \"2d\": expected a duration of 1s to 24h, such as 5m",
        ),
        ("rate_limit = { requests = 1 }", "2: account.rate_limit: expected both requests and per"),
        ("rate_limit = 600", "2: account.rate_limit = 600: expected a table, [account.rate_limit]"),
        (
            "base_url = \"http://api.cloudflare.com/client/v4\"",
            "2: account.base_url = \"http://api.cloudflare.com/client/v4\": \
             expected https, or http to a loopback address such as 127.0.0.1",
        ),
        ("ca_file = \"\"", "2: account.ca_file = \"\": expected the path of a file"),
        (
            "ca_file = \"missing.pem\"",
            "2: account.ca_file = \"missing.pem\": \
             file dir/missing.pem cannot be read: No such file or directory (os error 2)",
        ),
    ];
    assert_errors(&cases, |text| format!("[[account]]\n{text}\n{REST}"));
}

#[test]
fn a_missing_token_is_named_and_what_may_be_one_is_never_printed() {
    let cases = [
        (
            "api_token = \"s3cret\"",
            "2: account.api_token: unknown key; a token is never written in this file: \
             name its file with api_token_file, or its variable with api_token_env",
        ),
        (
            "token = \"s3cret\"",
            "2: account.token: unknown key; a token is never written in this file: \
             name its file with api_token_file, or its variable with api_token_env",
        ),
        ("token = s3cret", "2: string values must be quoted, expected literal string"),
        (
            "base_url = \"https://user:s3cret@api.cloudflare.com\"",
            "2: account.base_url: expected a URL without user, password, query and fragment",
        ),
        (
            "api_token_file = \"missing\"",
            "2: account.api_token_file: file dir/missing cannot be read: No such file or directory (os error 2)",
        ),
        ("api_token_file = [\"s3cret\"]", "2: account.api_token_file: expected the path of a file"),
        (
            "api_token_env = \"MISSING\"",
            "2: account.api_token_env: expected a token in the environment variable MISSING, which is not set",
        ),
        (
            "api_token_env = \"EMPTY\"",
            "2: account.api_token_env: environment variable EMPTY: expected an API token, found nothing",
        ),
        (
            "api_token_env = \"SPACED\"",
            "2: account.api_token_env: environment variable SPACED: \
             expected an API token of visible ASCII characters, found others",
        ),
        (
            "api_token_env = \"s3cret\"",
            "2: account.api_token_env: \
             expected a token in the environment variable that is named there, which is not set",
        ),
        (
            "api_token_env = \"s3c-ret\"",
            "2: account.api_token_env: expected the name of an environment variable",
        ),
        (
            "api_token_env = \"OTHER\"\napi_token_file = \"x\"",
            "2: account.api_token_env: expected either api_token_file or api_token_env, found both",
        ),
    ];
    assert_errors(&cases, |text| format!("[[account]]\n{text}\n{REST}"));

    let text = format!("[[account]]\n{REST}");
    let unset = Config::parse(&text, Path::new("x.toml"), Secrets::Check, &|_| None).unwrap_err();
    assert_eq!(
        unset.to_string(),
        "x.toml:1: account: expected a token in the environment variable CLOUDFLARE_API_TOKEN, \
         which is not set; or api_token_file"
    );
}

#[test]
fn accounts_that_contradict_each_other_are_named() {
    let second = |text: &str| {
        format!(
            "[[account]]\n{REST}[[account]]\n{text}\n[[account.zone]]\nname = \"b.example\"\nhostnames = [\"b.example\"]"
        )
    };
    let cases = [
        ("", "5: account.name: expected a name of its own, \"default\" is the account at line 1"),
        (
            "name = \"default\"",
            "6: account.name = \"default\": expected a name of its own, \"default\" is the account at line 1",
        ),
        (
            "name = \"b\"\nquota = \"default\"\nrate_limit = { requests = 5, per = \"1m\" }",
            "8: account.rate_limit = {…}: expected the rate_limit of the account at line 1, which has the same quota",
        ),
    ];
    assert_errors(&cases, second);
}

#[test]
fn a_missing_account_zone_or_hostname_is_named() {
    let cases = [
        ("", "1: expected at least one [[account]]"),
        ("account = []", "1: expected at least one [[account]]"),
        ("account = [1]", "1: account = 1: expected tables, each under [[account]]"),
        ("[account]", "1: account = {…}: expected tables, each under [[account]]"),
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
fn a_wrong_zone_is_named() {
    let cases = [
        (
            "name = \"*.example.com\"",
            "4: account.zone.name = \"*.example.com\": expected no wildcard in the name of a zone",
        ),
        (
            "name = \"023e105f4ecef8ad9ca31a8372d0c353\"",
            "4: account.zone.name = \"023e105f4ecef8ad9ca31a8372d0c353\": \
             expected a name such as example.com; write an id as id = …",
        ),
        (
            "id = \"example.com\"",
            "4: account.zone.id = \"example.com\": expected a zone id of 32 hexadecimal digits",
        ),
        (
            "name = \"com\"\nstrategy = \"fast\"",
            "5: account.zone.strategy = \"fast\": expected \"auto\", \"get\" or \"list\"",
        ),
        (
            "name = \"com\"\ndiscover = \"yes\"\ndiscovered_expect = \"any\"",
            "5: account.zone.discover = \"yes\": expected true or false",
        ),
        (
            "name = \"com\"\ndiscover = true\nstrategy = \"get\"",
            "6: account.zone.strategy = \"get\": \
             expected \"auto\" or \"list\" beside discover = true: only a list tells what else there is",
        ),
        (
            "name = \"com\"\ndiscovered_expect = \"enabled\"",
            "5: account.zone.discovered_expect = \"enabled\": \
             expected discover = true beside it, without which it has no effect",
        ),
        (
            "name = \"com\"\ndiscover = true\ndiscovered_expect = \"on\"",
            "6: account.zone.discovered_expect = \"on\": \
             expected \"enabled\", \"disabled\", \"void\" or \"any\"",
        ),
        ("name = \"com\"\nzone_level = 1", "5: account.zone.zone_level = 1: expected true or false"),
        (
            "name = \"com\"\ncolour = true",
            "5: account.zone.colour: unknown key, \
             expected one of name, id, discover, discovered_expect, zone_level, strategy, hostnames",
        ),
    ];
    assert_errors(&cases, |text| {
        format!("[[account]]\n[[account.zone]]\nhostnames = [\"example.com\"]\n{text}\n")
    });
}

#[test]
fn a_zone_that_is_there_twice_is_named_with_both_places() {
    let again = |text: &str| {
        format!(
            "[[account]]\n[[account.zone]]\nname = \"example.com\"\nid = \"023e105f4ecef8ad9ca31a8372d0c353\"\n\
             hostnames = [\"example.com\"]\n{text}\nhostnames = [\"a.example.com\"]"
        )
    };
    let cases = [
        (
            "[[account.zone]]\nname = \"Example.com.\"",
            "7: account.zone.name = \"Example.com.\": expected each zone once, this one is at line 3 too",
        ),
        (
            "[[account]]\nname = \"b\"\n[[account.zone]]\nname = \"example.com\"",
            "9: account.zone.name = \"example.com\": expected each zone once, this one is at line 3 too, \
             there in account default and here in b",
        ),
        (
            "[[account.zone]]\nid = \"023E105F4ECEF8AD9CA31A8372D0C353\"",
            "7: account.zone.id = \"023E105F4ECEF8AD9CA31A8372D0C353\": \
             expected each zone once, this one is at line 4 too",
        ),
    ];
    assert_errors(&cases, again);
}

#[test]
fn a_wrong_hostname_is_named() {
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
            "5: account.zone.hostnames = {…}: expected each hostname once, app.example.com is at line 4 too",
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
            "4: account.zone.hostnames.expect = \"on\": expected \"enabled\", \"disabled\", \"void\" or \"any\"",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a b\" }]",
            "4: account.zone.hostnames.cert_id = \"a b\": \
             expected a certificate id of 1 to 36 letters, digits and hyphens",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a\", expect = \"void\" }]",
            "4: account.zone.hostnames.cert_id = \"a\": \
             expected no cert_id beside expect = \"void\", where it has no effect",
        ),
        (
            "[{ name = \"example.com\", cert_id = \"a\", expect = \"any\" }]",
            "4: account.zone.hostnames.cert_id = \"a\": \
             expected no cert_id beside expect = \"any\", where it has no effect",
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

#[test]
fn all_errors_of_a_file_come_at_once() {
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
4: server.colour: unknown key, expected one of listen, lifecycle, tls, basic_auth_users
6: poll.schedule = "* * * *": expected six fields (second minute hour day month weekday), or five without the second, found 4
7: poll.jitter = 5: expected a duration of 0s to 24h, such as 20s
9: account.name = "": expected a name of 1 to 64 letters, digits, '.', '_' and '-'
10: account.api_token: unknown key; a token is never written in this file: name its file with api_token_file, or its variable with api_token_env
11: account.timeout = "soon": expected a duration of 1ms to 10m, such as 30s
14: account.zone.hostnames = "example.net": expected a hostname in the zone example.com, found example.net
14: account.zone.hostnames = "a..example.com": expected labels of 1 to 63 octets, found ""
14: account.zone.hostnames.expect = "off": expected "enabled", "disabled", "void" or "any"
15: account.zone: expected at least one hostname, such as hostnames = ["app.example.com"]; or discover = true, or zone_level = true
16: account.zone.name = "example.com": expected each zone once, this one is at line 13 too"#
    );
}

#[test]
fn bad_syntax_is_named_beside_wrong_values_but_not_what_follows_from_it() {
    let cases = [
        ("[server\nlisten = 1\n", "1: unclosed table, expected `]`"),
        (
            "[poll]\nschedule = abc\njitter = 5\n",
            "2: string values must be quoted, expected literal string\n\
             3: poll.jitter = 5: expected a duration of 0s to 24h, such as 20s",
        ),
        (
            "server.listen = \"a\"\nserver.listen = \"b\"\n",
            "1: server.listen = \"a\": expected an address with a port, such as 127.0.0.1:10219\n2: duplicate key",
        ),
    ];
    assert_errors(&cases, str::to_owned);
}

#[test]
fn files_have_to_hold_what_they_are_named_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("token", b"s3cret\n");
    write("empty", b"\n");
    write("ca.pem", include_bytes!("../../tests/fixtures/reference.pem"));
    let load = |settings: &str| {
        write("config.toml", format!("[[account]]\n{settings}\n{REST}").as_bytes());
        let loaded = Config::load(&folder.path().join("config.toml"), Secrets::Check);
        loaded.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "dir"))
    };

    let config = load("api_token_file = \"token\"\nca_file = \"ca.pem\"").unwrap();
    assert_eq!(config.accounts[0].token.read().unwrap(), "s3cret".parse().unwrap());
    assert!(config.accounts[0].options.extra_ca.is_some());
    assert!(!format!("{config:?}").contains("s3cret"));

    assert_eq!(
        load("api_token_file = \"empty\"\nca_file = \"token\"").unwrap_err(),
        "dir/config.toml:2: account.api_token_file: file dir/empty: expected an API token, found nothing\n\
         dir/config.toml:3: account.ca_file = \"token\": expected a certificate in PEM, file dir/token holds none"
    );
    assert_eq!(
        load("api_token_file = \".\"").unwrap_err(),
        "dir/config.toml:2: account.api_token_file: file dir/. cannot be read: Is a directory (os error 21)"
    );
}

#[test]
fn a_file_that_is_no_text_is_named() {
    let load = |path: &Path| Config::load(path, Secrets::Skip).unwrap_err().to_string();
    assert_eq!(
        load(Path::new("missing.toml")),
        "missing.toml: cannot be read: No such file or directory (os error 2)"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"# one\n# \xff\n").unwrap();
    assert_eq!(load(file.path()), format!("{}:2: expected text in UTF-8", file.path().display()));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        _ = parse(&text, Secrets::Check);
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0..EXAMPLE.len(), with in "[\\[\\]{}=\"'#,.\n\\\\ a1é]{0,3}") {
        if EXAMPLE.is_char_boundary(at) {
            let (before, after) = EXAMPLE.split_at(at);
            _ = parse(&format!("{before}{with}{}", after.get(1..).unwrap_or(after)), Secrets::Skip);
        }
    }
}
