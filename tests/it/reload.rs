//! Tests of reloading the configuration.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::program::{Folder, Running, TOKEN, config, simulate};

const APP: &str = "\"app.example.com\"";
const READ: &str = "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"app.example.com\"} 1\n";
const GOOD: &str = "cloudflare_aop_exporter_config_last_reload_successful 1\n";
const BAD: &str = "cloudflare_aop_exporter_config_last_reload_successful 0\n";

/// A running `serve` with a simulated API.
struct Serving {
    api: Running,
    folder: Folder,
    serve: Running,
}

impl Serving {
    fn start(content: impl FnOnce(&str) -> String) -> Self {
        let (api, folder) = (simulate(), Folder::new());
        let path = folder.write("aop.toml", &content(&api.address));
        let serve = Running::start(&["serve", "--config", &path]);
        Self { api, folder, serve }
    }

    fn write(&self, content: &str) {
        self.folder.write("aop.toml", content);
    }

    /// Sends SIGHUP and waits until the reload has finished.
    fn hang_up(&self) -> String {
        let said = |serve: &Running| {
            serve.read("err").matches("stays in force:").count()
                + serve.read("err").matches("is in force").count()
        };
        let before = said(&self.serve);
        self.serve.signal("HUP");
        self.serve.wait_for(|serve| said(serve) > before);
        self.serve.get("/metrics")
    }
}

impl Serving {
    fn status(&self) -> Value {
        let answer = self.serve.get("/api/v1/status");
        // strips the head and the chunk sizes
        let document = answer.find('{').unwrap()..=answer.rfind('}').unwrap();
        serde_json::from_str(&answer[document]).unwrap()
    }
}

/// Returns the value of a sample.
fn value<'p>(page: &'p str, sample: &str) -> Option<&'p str> {
    page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
}

fn with_lifecycle(content: &str) -> String {
    content.replace("[server]\n", "[server]\nlifecycle = true\n")
}

#[test]
fn kept_zones_keep_their_readings_and_removed_ones_lose_all_their_series() {
    let serving = Serving::start(|api| {
        config(api, APP)
            + "[[account]]\nname = \"other\"\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"http://"
            + api
            + "/client/v4\"\n[[account.zone]]\nname = \"example.org\"\nhostnames = [\"build.example.org\"]\n"
    });
    serving.serve.until("/metrics", READ);
    serving.serve.until("/metrics", "cloudflare_aop_zone_up{zone=\"example.org\"} 1\n");
    let created = "cloudflare_aop_hostname_created_timestamp_seconds{zone=\"example.com\",hostname=\"app.example.com\"}";
    let before = serving.serve.until("/metrics", "cloudflare_aop_api_token_valid{account=\"other\"} 1\n");

    // the API does not respond, so everything shown was read before
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    serving.write(&config(&silent, &format!("{APP}, \"www.example.com\"")));
    let after = serving.hang_up();
    assert!(after.contains(GOOD));
    assert!(!after.contains("example.org") && !after.contains("account=\"other\""), "{after}");
    assert!(value(&before, created).is_some());
    assert_eq!(value(&after, created), value(&before, created));
    assert!(
        after.contains("cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"www.example.com\"} 0\n")
    );
    assert!(!after.contains("_enabled{zone=\"example.com\",hostname=\"www.example.com\"}"));
}

#[test]
fn an_invalid_configuration_is_rejected_with_all_errors_and_the_old_one_stays_in_force() {
    let serving = Serving::start(|api| with_lifecycle(&config(api, APP)));
    serving.serve.until("/metrics", READ);
    let good = fs::read_to_string(serving.folder.path("aop.toml")).unwrap();
    serving.write(&good.replace("name =", "nmae =").replace("lifecycle", "livecycle"));

    let answer = serving.serve.request("POST", "/-/reload");
    let path = serving.folder.path("aop.toml");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(
        answer.ends_with(&format!(
            "\r\n\r\n{path}:3: server.livecycle: unknown key, did you mean lifecycle?\n\
             {path}:8: account.zone: expected a name or an id\n\
             {path}:9: account.zone.nmae: unknown key, did you mean name?\n",
            path = path.display()
        )),
        "{answer}"
    );
    let page = serving.serve.get("/metrics");
    assert!(page.contains(READ) && page.contains(BAD), "{page}");
    let status = serving.status();
    let error = status["configuration"]["error"].as_str().unwrap();
    assert!(error.contains("server.livecycle: unknown key, did you mean lifecycle?"), "{error}");
    assert!(status["configuration"]["refused_at"].is_string());

    serving.write(&good);
    let answer = serving.serve.request("POST", "/-/reload");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nreloaded\n"), "{answer}");
    serving.serve.until("/metrics", GOOD);
    let status = serving.status();
    assert_eq!(
        [&status["configuration"]["refused_at"], &status["configuration"]["error"]],
        [&Value::Null; 2]
    );
    assert!(status["last_poll"].as_str() < status["next_poll"].as_str(), "{status}");
    assert!(
        status["accounts"][0]["quota"]["left"].as_u64() < status["accounts"][0]["quota"]["requests"].as_u64()
    );
}

#[test]
fn a_missing_token_leaves_the_old_configuration_in_force() {
    let (api, folder) = (simulate(), Folder::new());
    let token = folder.write("token", TOKEN);
    let content = config(&api.address, APP)
        .replace("api_token_env = \"AOP_TOKEN\"", &format!("api_token_file = \"{token}\""));
    let path = folder.write("aop.toml", &content);
    let serving = Serving { serve: Running::start(&["serve", "--config", &path]), api, folder };
    serving.serve.until("/metrics", READ);
    fs::remove_file(&token).unwrap();
    let page = serving.hang_up();
    assert!(page.contains(READ) && page.contains(BAD), "{page}");
    assert!(serving.serve.read("err").contains("token cannot be read"));
    serving.folder.write("token", TOKEN);
    assert!(serving.hang_up().contains(GOOD));
    assert!(!serving.serve.read("err").contains(TOKEN));
    assert!(!serving.api.read("err").contains("panicked"));
}

#[test]
fn a_reload_request_must_be_an_allowed_post() {
    let serving = Serving::start(|api| config(api, APP));
    let forbidden = serving.serve.request("POST", "/-/reload");
    assert!(forbidden.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{forbidden}");
    let wrong = serving.serve.get("/-/reload");
    assert!(
        wrong.starts_with("HTTP/1.1 405 Method Not Allowed\r\n") && wrong.contains("\r\nallow: POST\r\n")
    );
    // a reload can change what is allowed
    serving.write(&with_lifecycle(&config(&serving.api.address, APP)));
    serving.hang_up();
    assert!(serving.serve.request("POST", "/-/reload").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_new_configuration_takes_over_during_a_poll() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let serving = Serving::start(|_| config(&address, APP));
    // the first poll waits for a response that never comes
    let (_asked, _) = silent.accept().unwrap();
    serving.write(&config(&serving.api.address, APP));
    serving.hang_up();
    serving.serve.until("/metrics", READ);
}

#[test]
fn a_reload_without_changes_to_a_zone_does_not_restart_its_poll() {
    let hostnames = (0..8).map(|number| format!("\"h{number}.example.com\"")).collect::<Vec<_>>().join(",");
    // two requests a second, so that the poll takes some seconds
    let slow = |address: &str, level: &str| {
        let limited = "base_url = \"http";
        let limit = "rate_limit = { requests = 2, per = \"1s\" }\n";
        let config = config(address, &hostnames).replace(limited, &format!("{limit}{limited}"));
        format!("{config}strategy = \"get\"\n[metrics]\nstates = \"{level}\"\n")
    };
    let serving = Serving::start(|address| slow(address, "all"));
    // no hostname has an association, so every response is a 404
    let asked = "cloudflare_aop_api_requests_total{account=\"default\",call=\"hostname_get\",code=\"404\"}";
    serving.serve.until("/metrics", asked);
    for states in ["all", "current", "all", "current", "all"] {
        serving.write(&slow(&serving.api.address, states));
        serving.hang_up();
    }
    let page = serving.serve.until("/metrics", "\ncloudflare_aop_exporter_polls_total 1\n");
    assert_eq!(value(&page, asked), Some("8"), "each hostname was requested once");
}

#[test]
fn a_reload_of_an_unchanged_file_only_lists_the_accounts_zones_again() {
    let serving = Serving::start(|api| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[[account]]\napi_token_env = \"AOP_TOKEN\"\n\
             base_url = \"http://{api}/client/v4\"\n[[account.zone]]\nname = \"*\"\n"
        )
    });
    serving.serve.until("/metrics", "cloudflare_aop_account_zones{account=\"default\"} 3\n");
    serving.serve.until("/metrics", "cloudflare_aop_api_token_valid{account=\"default\"} 1\n");
    serving.api.request("PUT", "/_simulator/zones/new.example");
    serving.hang_up();
    serving.serve.until("/metrics", "cloudflare_aop_account_zones{account=\"default\"} 4\n");
    let verified = serving.api.get("/_simulator/requests?path=tokens/verify");
    assert!(verified.contains("\"count\":1,"), "the token is verified again: {verified}");
}

#[test]
fn a_block_after_429_outlives_every_reload_for_its_account() {
    let (api, folder) = (simulate(), Folder::new());
    api.request_with(
        "POST",
        "/_simulator/faults",
        r#"{"effect":{"status":{"status":429,"retry_after":"500"}}}"#,
    );
    let content = config(&api.address, APP);
    let path = folder.write("aop.toml", &content);
    let serving = Serving { serve: Running::start(&["serve", "--config", &path]), api, folder };
    let errors = |reason: &str, count: usize| {
        let errors = format!("poll_errors_total{{reason=\"{reason}\",zone=\"example.com\"}} {count}\n");
        serving.serve.until("/metrics", &errors);
    };
    errors("rate_limited", 1);
    serving.api.request("DELETE", "/_simulator/faults");

    // the other account is not blocked
    let other = serving.folder.write("token", "of-somebody-else");
    let other = format!("name = \"other\"\napi_token_file = \"{other}\"");
    serving.write(&content.replace("api_token_env = \"AOP_TOKEN\"", &other));
    serving.hang_up();
    errors("auth", 1);

    serving.api.request("DELETE", "/_simulator/requests");
    let accounts = ["", "quota = \"team\"", "name = \"renamed\"", "name = \"renamed\"\nquota = \"team\""];
    for (index, account) in accounts.into_iter().enumerate() {
        serving.write(&content.replace("[[account]]", &format!("[[account]]\n{account}")));
        serving.hang_up();
        errors("rate_limited", 2 + index);
    }
    assert!(serving.api.get("/_simulator/requests").contains("\"total\":0"));
}

#[test]
fn a_renewed_token_is_used_even_while_the_configuration_is_invalid() {
    let (api, folder) = (simulate(), Folder::new());
    folder.write("token", "an-old-token");
    let content =
        config(&api.address, APP).replace("api_token_env = \"AOP_TOKEN\"", "api_token_file = \"token\"");
    let path = folder.write("aop.toml", &content);
    let serving = Serving { serve: Running::start(&["serve", "--config", &path]), api, folder };
    serving.serve.until("/metrics", "poll_errors_total{reason=\"auth\",zone=\"example.com\"} 1\n");
    serving.write("no configuration");
    assert!(serving.hang_up().contains(BAD));
    // the token file is still watched, although the new configuration does not name it
    serving.folder.write("token", TOKEN);
    let page = serving.serve.until("/metrics", READ);
    assert!(page.contains(BAD), "{page}");
}

#[test]
fn files_swapped_by_a_symbolic_link_are_noticed() {
    let (api, folder) = (simulate(), Folder::new());
    // like a mounted ConfigMap: ..data links to a directory, and each file links to the file of its name in ..data
    for (version, token, hostnames) in
        [("1", "an-old-token", APP), ("2", TOKEN, "\"app.example.com\", \"www.example.com\"")]
    {
        fs::create_dir(folder.path(version)).unwrap();
        folder.write(&format!("{version}/token"), token);
        let content = config(&api.address, hostnames)
            .replace("api_token_env = \"AOP_TOKEN\"", "api_token_file = \"token\"");
        folder.write(&format!("{version}/aop.toml"), &content);
    }
    symlink("1", folder.path("..data")).unwrap();
    for name in ["aop.toml", "token"] {
        symlink(format!("..data/{name}"), folder.path(name)).unwrap();
    }
    let path = folder.path("aop.toml");
    let serve = Running::start(&["serve", "--config", path.to_str().unwrap()]);
    serve.until("/metrics", "poll_errors_total{reason=\"auth\",zone=\"example.com\"} 1\n");
    symlink("2", folder.path("..new")).unwrap();
    fs::rename(folder.path("..new"), folder.path("..data")).unwrap();
    serve.until("/metrics", READ);
    serve.until(
        "/metrics",
        "cloudflare_aop_hostname_up{zone=\"example.com\",hostname=\"www.example.com\"} 1\n",
    );
}

#[test]
fn a_thousand_reloads_that_change_the_schedule_take_less_than_half_a_megabyte() {
    let serving = Serving::start(|api| with_lifecycle(&config(api, APP)));
    serving.serve.until("/metrics", READ);
    let good = fs::read_to_string(serving.folder.path("aop.toml")).unwrap();
    let reload = |count: usize| {
        for number in 0..count {
            // both schedules tick daily in January, which the calendar computes quickly
            let schedule = ["0 0 0 * 1 *", "0 0 1 * 1 *"][number % 2];
            serving.write(&format!("poll.schedule = \"{schedule}\"\n{good}"));
            let answer = serving.serve.request("POST", "/-/reload");
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
    };
    // the first reloads fill the allocator's caches
    reload(100);
    let before = serving.serve.resident();
    reload(1000);
    let grown = serving.serve.resident().saturating_sub(before);
    assert!(grown < 500_000, "{grown} more bytes are resident");
}

#[test]
fn a_renewed_certificate_is_noticed() {
    let (api, folder) = (simulate(), Folder::new());
    let issue = || {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        folder.write("tls.crt", &issued.cert.pem());
        folder.write("tls.key", &issued.signing_key.serialize_pem());
    };
    issue();
    let tls = "[server.tls]\ncert_file = \"tls.crt\"\nkey_file = \"tls.key\"\n[[account]]";
    let path = folder.write("aop.toml", &config(&api.address, APP).replace("[[account]]", tls));
    let serve = Running::start(&["serve", "--config", &path]);
    issue();
    serve.wait_for(|serve| {
        let logs = serve.read("err");
        logs.contains("a file has changed: the configuration is in force, watching 1 zone of account default (1 named hostname) ")
    });
}
