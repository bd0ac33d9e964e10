//! Tests of the program's arguments, files, signals and exit codes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::program::{Folder, PROGRAM, Running, TOKEN, config, program, run, simulate, text};

#[test]
fn the_version_contains_revision_and_compiler() {
    let output = run(&["--version"]);
    let version = text(&output.stdout);
    let start = concat!("cloudflare-aop-exporter ", env!("CARGO_PKG_VERSION"), " (revision ");
    assert!(version.starts_with(start), "{version}");
    assert!(version.contains(", rustc 1."), "{version}");
}

#[test]
fn completions_and_manual_name_every_command() {
    for arguments in
        [&["man"][..], &["completions", "bash"], &["completions", "zsh"], &["completions", "fish"]]
    {
        let output = run(arguments);
        assert!(output.status.success());
        for command in ["serve", "demo", "check", "hostname", "config", "print", "simulate"] {
            assert!(text(&output.stdout).contains(command), "{arguments:?} lacks {command}");
        }
    }
}

#[test]
fn the_example_configuration_is_valid() {
    let output = run(&["config", "check", "--no-secrets", "--config", "config.example.toml"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), "ok: accounts: 1, zones: 1, hostnames: 2\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn print_writes_the_shipped_files() {
    for (name, path) in [
        ("rules", "deploy/prometheus/rules.yml"),
        ("alertmanager", "deploy/alertmanager/alertmanager.yml"),
        ("dashboard", "deploy/grafana/dashboards/cloudflare-aop.json"),
        ("scrape", "deploy/prometheus/scrape.yml"),
        ("config", "config.example.toml"),
    ] {
        let output = run(&["print", name]);
        assert_eq!(text(&output.stderr), "", "{name}");
        assert!(text(&output.stdout) == fs::read_to_string(path).unwrap(), "{name} differs from {path}");
        assert_eq!(output.status.code(), Some(0), "{name}");
    }
}

#[test]
fn print_rules_refuses_values_that_would_break_the_file() {
    for (option, value, expected) in [
        ("--job", "a\"b", "expected a job name without quotes"),
        ("--runbook-url", "wiki.example/aop", "expected an http or https URL"),
        ("--dashboard-url", "https://grafana.example/it's", "expected an http or https URL"),
    ] {
        let output = run(&["print", "rules", option, value]);
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn all_errors_of_a_configuration_are_reported_at_once_and_nothing_starts() {
    let folder = Folder::new();
    let path = folder.write(
        "bad.toml",
        r#"[server]
listen = "here"
colour = "blue"
[poll]
schedule = "every day"
[[account]]
base_url = "http://api.cloudflare.com/client/v4"
timeout = 30
[[account.zone]]
id = "xyz"
hostnames = ["a..example.com"]
"#,
    );
    let expected = format!(
        r#"error: {path}:2: server.listen = "here": expected an address with a port, such as 127.0.0.1:10219
{path}:3: server.colour: unknown key, expected one of listen, lifecycle, allowed_hosts, tls, basic_auth_users
{path}:5: poll.schedule = "every day": expected six fields (second minute hour day month weekday), or five without the second, found 2
{path}:6: account: expected a token in the environment variable CLOUDFLARE_API_TOKEN, which is not set; set it, or give api_token_file
{path}:7: account.base_url = "http://api.cloudflare.com/client/v4": expected https, or http to a loopback address such as 127.0.0.1; write "https://api.cloudflare.com/client/v4"
{path}:8: account.timeout = 30: expected a duration of 1ms to 10m, such as 30s; write "30s"
{path}:10: account.zone.id = "xyz": expected a zone id of 32 hexadecimal digits
{path}:11: account.zone.hostnames = "a..example.com": expected labels of 1 to 63 octets, found ""
"#
    );
    let missing = folder.path("missing.toml").to_str().unwrap().to_owned();
    let unreadable = format!("error: {missing}: cannot be read: No such file or directory (os error 2)\n");
    for (path, expected) in [(path, expected), (missing, unreadable)] {
        // the systemd unit does not restart after 78
        for (command, code) in [(&["serve"][..], 78), (&["config", "check"], 1), (&["check"], 3)] {
            let output = run(&[command, &["--config", &path]].concat());
            assert_eq!(text(&output.stderr), expected);
            assert_eq!(text(&output.stdout), "");
            assert_eq!(output.status.code(), Some(code), "{command:?}");
        }
    }
    let unit = fs::read_to_string("deploy/systemd/cloudflare-aop-exporter.service").unwrap();
    assert!(unit.contains("\nRestart=on-failure\n") && unit.contains("\nRestartPreventExitStatus=78\n"));
}

#[test]
fn a_port_in_use_is_an_error_with_key_and_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (folder, error) =
        (Folder::new(), format!(": cannot listen on {address}: Address already in use (os error 98)\n"));
    let content = config("127.0.0.1:1", "\"a.example.com\"").replace("127.0.0.1:0", &address);
    let path = folder.write("aop.toml", &content);
    for (key, arguments) in [
        ("server.listen", ["serve", "--config", &path].as_slice()),
        ("--listen", &["serve", "--config", &path, "--listen", &address]),
        ("--listen", &["demo", "--listen", &address]),
    ] {
        let output = run(arguments);
        assert_eq!(text(&output.stderr), format!("error: {key}{error}"));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_sighup_right_after_the_start_does_not_end_the_process() {
    let folder = Folder::new();
    let path = folder.write("aop.toml", &config("127.0.0.1:1", "\"a.example.com\""));
    for start in 0..30 {
        let mut child = program(&["serve", "--config", &path]).stderr(Stdio::null()).spawn().unwrap();
        let pid = child.id().to_string();
        // SIGHUP is sent as soon as the handler of SIGTERM is installed
        let caught = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(mask.trim(), 16).unwrap()
        };
        const SIGTERM: u64 = 1 << 14;
        while caught() & SIGTERM == 0 {
            std::hint::spin_loop();
        }
        let signal = |name| Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(signal("HUP").success());
        sleep(Duration::from_millis(20));
        assert_eq!(child.try_wait().unwrap(), None, "start {start}");
        assert!(signal("TERM").success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "start {start}");
    }
}

#[test]
fn a_listen_address_may_be_a_host_name_or_only_a_port() {
    let folder = Folder::new();
    let file = |name: &str, listen: &str| {
        let content = config("127.0.0.1:1", "\"a.example.com\"").replace("127.0.0.1:0", listen);
        folder.write(name, &content)
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for listen in [format!("localhost:{port}"), format!(":{port}")] {
        for arguments in [
            ["serve", "--config", &file("a.toml", &listen)].as_slice(),
            &["serve", "--config", &file("b.toml", "127.0.0.1:0"), "--listen", &listen],
            &["demo", "--listen", &listen],
        ] {
            let mut child = program(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let serves = (0..500).any(|_| {
                sleep(Duration::from_millis(20));
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(serves, "{arguments:?}");
        }
    }
}

#[test]
fn the_demo_of_a_whole_account_watches_every_active_zone_and_the_added_ones_have_no_findings() {
    let demo = Running::start(&["demo", "--listen", "127.0.0.1:0", "--zones", "40"]);
    let page = demo.until("/metrics", "cloudflare_aop_exporter_polls_total 1");
    // of the added zones, one is pending, one has moved away and one is internal; three zones are configured
    assert!(page.contains("cloudflare_aop_account_zones{account=\"demo\"} 34\n"), "{page}");
    let added = |family: &str| {
        let rows = page.lines().filter(|line| line.starts_with(family));
        rows.filter(|line| line.contains("zone=\"zone-")).count()
    };
    assert_eq!((added("cloudflare_aop_zone_up{"), added("cloudflare_aop_hostname_up{")), (34, 7));
    let mut findings = page.lines().filter(|line| line.contains("_finding{"));
    assert_eq!(findings.find(|line| line.contains("zone=\"zone-")), None);
}

#[test]
fn the_demo_shows_every_association_and_stops_on_a_signal() {
    let mut demo = Running::start(&["demo", "--listen", "127.0.0.1:0"]);
    assert!(demo.read("out").contains(&format!("http://{}/metrics", demo.address)));
    let page = demo.until("/metrics", "cloudflare_aop_exporter_polls_total 1");
    for association in ["enabled", "disabled", "void", "none"] {
        assert!(page.contains(&format!("association=\"{association}\"}} 1\n")), "{association}");
    }
    assert!(
        page.contains(
            "_certificate_metadata_match{zone=\"example.org\",hostname=\"mirror.example.org\"} 0\n"
        )
    );
    let (code, took) = demo.stop("INT");
    assert_eq!(code, Some(0), "{}", demo.read("err"));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn the_daemon_serves_and_stops_normally_if_its_logs_cannot_be_written() {
    // a full disk and a closed pipe
    for stderr in ["/dev/full", ">(true)"] {
        let demo = format!("exec {PROGRAM} demo --listen 127.0.0.1:0 --log-level trace 2> {stderr}");
        let mut demo = Running::start_command(Command::new("bash").args(["-c", &demo]));
        demo.until("/metrics", "cloudflare_aop_exporter_polls_total 1\n");
        assert_eq!(demo.stop("TERM").0, Some(0), "{stderr}");
    }
}

#[test]
fn connections_evict_each_other_if_file_descriptors_run_out() {
    let limited = format!("ulimit -n 60; exec {PROGRAM} demo --listen 127.0.0.1:0");
    let mut demo = Running::start_command(Command::new("sh").args(["-c", &limited]));
    demo.until("/metrics", "cloudflare_aop_exporter_polls_total 1");
    let idle: Vec<_> = (0..120).map(|_| TcpStream::connect(&demo.address).unwrap()).collect();
    let page = demo.get("/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    drop(idle);
    demo.until("/metrics", "process_max_fds 60\n");
    assert_eq!(demo.stop("TERM").0, Some(0));
    let logs = demo.read("err");
    assert!(logs.contains("the limit on open files allows fewer connections"), "{logs}");
    assert!(!logs.contains("panicked"), "{logs}");
}

#[test]
fn the_open_file_limit_is_raised_to_what_connections_need() {
    let limited = format!("ulimit -S -n 100; exec {PROGRAM} demo --listen 127.0.0.1:0");
    let demo = Running::start_command(Command::new("sh").args(["-c", &limited]));
    // 2,048 for clients and 512 others, or the hard limit
    let hard = Command::new("sh").args(["-c", "ulimit -H -n"]).output().unwrap();
    let most = text(&hard.stdout).trim().parse().map_or(2560, |hard: u64| hard.min(2560));
    demo.until("/metrics", &format!("process_max_fds {most}\n"));
    let idle: Vec<_> = (0..200).map(|_| TcpStream::connect(&demo.address).unwrap()).collect();
    demo.until("/metrics", "cloudflare_aop_exporter_last_poll_timestamp_seconds 1");
    for mut connection in idle {
        connection.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("healthy\n"), "{answer}");
    }
}

#[test]
fn a_partial_request_does_not_delay_shutdown() {
    let mut demo = Running::start(&["demo", "--listen", "127.0.0.1:0"]);
    let mut half = TcpStream::connect(&demo.address).unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\nhost").unwrap();
    demo.get("/-/healthy");
    let (code, took) = demo.stop("TERM");
    assert_eq!(code, Some(0), "{}", demo.read("err"));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_scrape_is_answered_before_the_first_poll_ends() {
    // accepts connections but never responds
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let config = config(&silent.local_addr().unwrap().to_string(), "\"a.example.com\"");
    let path = folder.write("aop.toml", &config);
    let serve = Running::start(&["serve", "--config", &path]);
    let page = serve.get("/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"a.example.com\"} 0\n"));
    assert!(
        page.contains("cloudflare_aop_zone_info{zone=\"example.com\",zone_id=\"\",account=\"default\"} 1\n")
    );
    assert!(!page.contains("cloudflare_aop_hostname_enabled{"));
    assert!(serve.get("/-/ready").starts_with("HTTP/1.1 503 "));
    assert!(serve.get("/-/healthy").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_token_appears_nowhere_at_any_log_level() {
    let (api, folder) = (simulate(), Folder::new());
    let path =
        folder.write("aop.toml", &config(&api.address, "\"app.example.com\", \"staging.example.com\""));
    for format in ["text", "json"] {
        let mut serve =
            Running::start(&["serve", "--config", &path, "--log-level", "trace", "--log-format", format]);
        serve.until("/metrics", "cloudflare_aop_api_token_valid{account=\"default\"} 1\n");
        serve.until(
            "/metrics",
            "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n",
        );
        let pages = ["/", "/metrics", "/api/v1/status", "/api/v1/hostnames", "/-/ready"]
            .map(|path| serve.get(path))
            .concat();
        serve.stop("TERM");
        let logs = serve.read("out") + &serve.read("err");
        assert!(logs.contains("poll ended"), "{logs}");
        assert!(!logs.contains(TOKEN) && !pages.contains(TOKEN));
    }
    let wrong = folder.write("token", "with a space in it: secret");
    let by_file = config(&api.address, "\"app.example.com\"")
        .replace("api_token_env = \"AOP_TOKEN\"", &format!("api_token_file = \"{wrong}\""));
    let output = run(&["serve", "--config", &folder.write("file.toml", &by_file)]);
    assert!(text(&output.stderr).contains("expected an API token of visible ASCII characters, found others"));
    assert!(!text(&output.stderr).contains("secret"));
}

#[test]
fn a_check_with_wrong_arguments_is_unknown_and_not_critical() {
    let code = |arguments: &[&str]| run(arguments).status.code().unwrap();
    assert_eq!(code(&["check", "--warning", "30"]), 3);
    assert_eq!(code(&["--log-level", "warn", "check", "--colour"]), 3);
    assert_eq!(code(&["check", "--help"]), 0);
    assert_eq!(code(&["config", "check", "--colour"]), 2);
    assert_eq!(code(&["hostname", "get"]), 2);
}

#[test]
fn the_exit_code_of_a_check_is_its_verdict() {
    let (api, folder) = (simulate(), Folder::new());
    let check = |hostnames: &str, more: &[&str]| {
        let path = folder.write("aop.toml", &config(&api.address, hostnames));
        let output = run(&[&["check", "--config", &path], more].concat());
        (output.status.code().unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (code, table, errors) = check("\"app.example.com\"", &[]);
    assert_eq!((code, &*errors), (0, ""));
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["VERDICT", "SUBJECT", "ZONE", "NAME", "ASSOCIATION", "STATUS", "ENDS", "FINDINGS"]);
    assert_eq!(lines[1][..6], ["ok", "hostname", "example.com", "app.example.com", "enabled", "active"]);

    let verdict = |hostnames: &str, more: &[&str]| check(hostnames, more).0;
    assert_eq!(verdict("\"www.example.com\"", &[]), 1, "expires in 25 days");
    assert_eq!(verdict("\"www.example.com\"", &["--warning", "20d"]), 0);
    assert_eq!(verdict("\"www.example.com\"", &["--critical", "26d"]), 2);
    assert_eq!(verdict("\"intranet.example.com\"", &[]), 2, "expired");
    assert_eq!(verdict("\"legacy.example.com\"", &[]), 2, "disabled");
    assert_eq!(verdict("{ name = \"legacy.example.com\", expect = \"disabled\" }", &[]), 0);
    assert_eq!(verdict("\"staging.example.com\"", &[]), 2, "no association");
    assert_eq!(
        verdict("\"app.example.com\", \"intranet.example.com\"", &["--hostname", "app.example.com"]),
        0
    );
    assert_eq!(verdict("\"app.example.com\"", &["--zone", "example.com"]), 0);

    let (code, _, errors) = check("\"app.example.com\"", &["--hostname", "other.example.com"]);
    assert_eq!(code, 3);
    assert_eq!(errors, "error: --hostname: the configuration has no hostname other.example.com\n");
    let (code, _, errors) = check("\"app.example.com\"", &["--zone", "example.org"]);
    assert_eq!(code, 3);
    assert_eq!(errors, "error: --zone: the configuration has no zone example.org\n");
}

#[test]
fn the_command_line_overrides_the_thresholds_of_the_file() {
    let (api, folder) = (simulate(), Folder::new());
    // www.example.com expires in 25 days
    let content = config(&api.address, "\"www.example.com\"") + "[thresholds]\nwarning = \"20d\"\n";
    let path = folder.write("aop.toml", &content);
    let check = |more: &[&str]| {
        let output = run(&[&["check", "--config", &path], more].concat());
        (output.status.code().unwrap(), text(&output.stderr).to_owned())
    };
    assert_eq!(check(&[]).0, 0);
    assert_eq!(check(&["--warning", "26d"]).0, 1);
    assert_eq!(check(&["--warning", "26d", "--critical", "26d"]).0, 2);
    let (code, error) = check(&["--critical", "26d"]);
    assert_eq!(code, 3);
    assert_eq!(
        error,
        "error: --critical: expected at most the warning threshold of 20 days, found 26 days\n"
    );
}

#[test]
fn a_check_with_exit_zero_ignores_findings() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &config(&api.address, "\"intranet.example.com\""));
    let code = |more: &[&str]| run(&[&["check", "--config", &path], more].concat()).status.code().unwrap();
    assert_eq!((code(&[]), code(&["--exit-zero"])), (2, 0), "the certificate has expired");
    assert_eq!(code(&["--exit-zero", "--zone", "example.org"]), 3, "nothing was checked");
}

#[test]
fn a_check_run_on_a_schedule_writes_its_interval() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &config(&api.address, "\"app.example.com\""));
    let check = ["check", "--config", &path, "--format", "prometheus", "--every", "10m"];
    let output = run(&check);
    assert_eq!(output.status.code(), Some(0));
    for sample in [
        "cloudflare_aop_exporter_poll_interval_seconds 600\n",
        "cloudflare_aop_zone_poll_interval_seconds{zone=\"example.com\",part=\"associations\"} 600\n",
        "cloudflare_aop_exporter_threshold_seconds{threshold=\"warning\"} 2592000\n",
        "cloudflare_aop_exporter_last_poll_timestamp_seconds ",
    ] {
        assert!(text(&output.stdout).contains(sample), "{sample}");
    }
}

#[test]
fn a_check_has_rows_for_a_failing_account_and_an_unread_zone() {
    let (api, folder) = (simulate(), Folder::new());
    let content = config(&api.address, "\"app.example.com\"");
    let path = folder.write("aop.toml", &content);
    let output = program(&["check", "--config", &path]).env("AOP_TOKEN", "revoked").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let rows = text(&output.stdout)
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            "critical account - default - - - the token is not valid; none of its zones was read",
            "unknown zone example.com - - - - not read: the token was not accepted",
            "unknown hostname example.com app.example.com - - - not read: the token was not accepted",
        ]
    );
}

#[test]
fn a_rejected_token_is_a_finding_about_its_account() {
    let (api, folder) = (simulate(), Folder::new());
    let token = folder.write("token", "revoked\n");
    let content = config(&api.address, "\"app.example.com\"")
        .replace("api_token_env = \"AOP_TOKEN\"", &format!("api_token_file = \"{token}\""));
    let path = folder.write("aop.toml", &(content + "[poll]\nschedule = \"* * * * * *\"\njitter = \"0s\"\n"));
    let serve = Running::start(&["serve", "--config", &path]);
    let finding = "cloudflare_aop_account_finding{account=\"default\",finding=\"token_invalid\",severity=\"critical\"} 1\n";
    serve.until("/metrics", finding);
    let json = serve.get("/api/v1/status");
    assert!(json.contains("\"finding\":\"token_invalid\""), "{json}");
    assert!(json.contains(&format!("\"configuration\":{{\"file\":{path:?},")), "{json}");
    let page = serve.get("/");
    assert!(page.contains(&format!("<dd>{path}, in force since ")), "{page}");
    assert!(page.contains("<h1>1 account is critical</h1>"), "{page}");
    for message in ["the token is not valid", "none of its zones was read"] {
        assert!(page.contains(&format!(">{message}</a>")), "{message}: {page}");
    }
}

#[test]
fn a_check_of_one_hostname_omits_other_discovered_hostnames() {
    let (api, folder) = (simulate(), Folder::new());
    let content = config(&api.address, "\"app.example.com\"") + "discover = true\n";
    let path = folder.write("aop.toml", &content);
    let check = |more: &[&str]| {
        let output = run(&[&["check", "--config", &path], more].concat());
        (output.status.code().unwrap(), text(&output.stdout).contains("intranet.example.com"))
    };
    assert_eq!(check(&[]), (2, true), "the certificate has expired");
    assert_eq!(check(&["--hostname", "app.example.com"]), (0, false));
    assert_eq!(check(&["--hostname", "intranet.example.com"]), (2, true), "the hostname is discovered");
    assert_eq!(check(&["--hostname", "nothing.example.com"]), (3, false), "there is no such hostname");
    let both = ["--hostname", "nothing.example.com", "--hostname", "intranet.example.com"];
    assert_eq!(check(&both), (2, true), "a missing hostname does not hide the other");
}

#[test]
fn a_check_marks_ignored_findings_and_its_exit_code_excludes_them() {
    let (api, folder) = (simulate(), Folder::new());
    let check = |hostname: &str| {
        let path = folder.write("aop.toml", &config(&api.address, hostname));
        let output = run(&["check", "--config", &path]);
        (output.status.code().unwrap(), text(&output.stdout).to_owned())
    };
    let (code, table) = check("{ name = \"nothing.example.com\" }");
    assert_eq!(code, 2);
    assert!(table.contains("expected enabled, has no association\n"), "{table}");
    let (code, table) = check("{ name = \"nothing.example.com\", ignore = [\"drifted\"] }");
    assert_eq!(code, 0, "{table}");
    assert!(table.contains("expected enabled, has no association (ignored)\n"), "{table}");
    assert!(table.contains("\n ok "), "{table}");
}

#[test]
fn a_check_of_a_hostname_shows_an_unreadable_zone() {
    let folder = Folder::new();
    let discovered = config("127.0.0.1:1", "\"app.example.com\"")
        .replace("hostnames = [\"app.example.com\"]", "discover = true");
    let path = folder.write("aop.toml", &discovered);
    let output = run(&["check", "--config", &path, "--hostname", "app.example.com"]);
    assert_eq!(output.status.code(), Some(3));
    let table = text(&output.stdout);
    let zone = table.lines().find(|line| line.contains("zone") && line.contains("example.com"));
    assert!(zone.is_some_and(|row| row.contains("not read: no connection could be made")), "{table}");
}

#[test]
fn a_check_that_reads_nothing_is_unknown() {
    let folder = Folder::new();
    let named = config("127.0.0.1:1", "\"app.example.com\"");
    let discovered = named.replace("hostnames = [\"app.example.com\"]", "discover = true");
    for (content, told) in [(named, "not read: no connection could be made"), (discovered, "FINDINGS")] {
        let path = folder.write("aop.toml", &content);
        let output = run(&["check", "--config", &path, "--timeout", "3s"]);
        assert_eq!(output.status.code(), Some(3));
        assert!(text(&output.stdout).contains(told), "{}", text(&output.stdout));
    }
}

#[test]
fn a_check_writes_json_and_metrics() {
    let (api, folder) = (simulate(), Folder::new());
    let path = folder.write("aop.toml", &config(&api.address, "\"app.example.com\""));
    let json = run(&["check", "--config", &path, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["hostnames"][0]["hostname"], "app.example.com");

    let file = folder.path("aop.prom");
    let output = file.to_str().unwrap();
    let check = run(&["check", "--config", &path, "--format", "prometheus", "--output", output]);
    assert_eq!(check.status.code(), Some(0));
    assert_eq!(text(&check.stdout), "");
    let page = fs::read_to_string(Path::new(output)).unwrap();
    assert!(
        page.contains("cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n")
    );
    for absent in ["_expires_in_seconds", "_poll_interval_", "cloudflare_aop_api_", "process_"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert_eq!(fs::metadata(output).unwrap().permissions().mode() & 0o777, 0o644);

    let link = folder.path("link.prom");
    std::os::unix::fs::symlink("aop.prom", &link).unwrap();
    fs::write(output, "").unwrap();
    run(&["check", "--config", &path, "--format", "prometheus", "--output", link.to_str().unwrap()]);
    assert!(fs::read_to_string(output).unwrap().contains("# HELP") && link.is_symlink());

    let check = run(&["check", "--config", &path, "--output", "/nonexistent/aop.prom"]);
    assert_eq!(check.status.code(), Some(3));
    let error = "error: --output: cannot write /nonexistent/aop.prom: No such file or directory";
    assert!(text(&check.stderr).starts_with(error), "{}", text(&check.stderr));
}

#[test]
fn a_token_file_is_reread_when_it_changes() {
    let (api, folder) = (simulate(), Folder::new());
    let token = folder.write("token", "an-old-token\n");
    let content = config(&api.address, "\"app.example.com\"")
        .replace("api_token_env = \"AOP_TOKEN\"", &format!("api_token_file = \"{token}\""))
        + "[poll]\nschedule = \"* * * * * *\"\njitter = \"0s\"\n";
    let path = folder.write("aop.toml", &content);
    let serve = Running::start(&["serve", "--config", &path]);
    serve.until("/metrics", "poll_errors_total{reason=\"auth\",zone=\"example.com\"} 1\n");
    folder.write("token", TOKEN);
    serve.until(
        "/metrics",
        "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n",
    );
}

/// Returns the series of hostnames, zones and certificates that do not depend on the process or the time of the scrape.
fn values(page: &str) -> Vec<&str> {
    let families = ["hostname_", "zone_", "certificate_"].map(|name| format!("cloudflare_aop_{name}"));
    let lines = page.lines().filter(|line| families.iter().any(|family| line.starts_with(family)));
    // the poll interval follows from the configuration, not from readings
    lines.filter(|line| !line.contains("_expires_in_seconds{") && !line.contains("_poll_interval_")).collect()
}

#[test]
fn a_restart_during_an_outage_of_the_api_shows_the_last_readings() {
    let (api, folder) = (simulate(), Folder::new());
    // accepts connections but never responds
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = |address: &str| {
        let hostnames = "\"app.example.com\", \"intranet.example.com\", \"staging.example.com\"";
        folder.write(
            "aop.toml",
            &(config(address, hostnames)
                + "[poll]\nschedule = \"0 0 0 1 1 *\"\nstate_file = \"state.json\"\n"),
        )
    };
    let mut serve = Running::start(&["serve", "--config", &config(&api.address)]);
    let before = serve.until("/metrics", "cloudflare_aop_exporter_polls_total 1\n");
    assert_eq!(serve.stop("TERM").0, Some(0));
    let err = serve.read("err");
    assert!(err.contains("there is no state file yet"), "{err}");

    let state = folder.path("state.json");
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read_to_string(&state).unwrap();
    assert!(!kept.contains(TOKEN) && !kept.contains("-----") && !kept.contains("MII"), "{kept}");

    let address = silent.local_addr().unwrap().to_string();
    let mut serve = Running::start(&["serve", "--config", &config(&address)]);
    let after = serve.get("/metrics");
    assert_eq!(values(&after), values(&before));
    assert!(values(&after).len() > 60);
    assert!(after.contains("cloudflare_aop_exporter_polls_total 0\n"));
    assert!(serve.get("/-/ready").starts_with("HTTP/1.1 200 "));
    assert_eq!(serve.stop("TERM").0, Some(0));
    assert!(serve.read("err").contains("the state file was read"), "{}", serve.read("err"));

    // an unusable state file does not prevent the start
    fs::write(&state, &kept[..kept.len() / 2]).unwrap();
    let serve = Running::start(&["serve", "--config", &config(&address)]);
    assert!(serve.get("/-/ready").starts_with("HTTP/1.1 503 "));
    assert!(serve.read("err").contains("the state file cannot be used and was renamed"));
    assert_eq!(fs::read_to_string(folder.path("state.json.rejected")).unwrap(), kept[..kept.len() / 2]);
}
