//! Tests of probes by the daemon and by `check`, from the configuration to the pages and metrics.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::version::TLS13;
use serde_json::Value;

use crate::support::origin::{Asks, Does, Origin, authority, tls};
use crate::support::program::{Folder, Running, config, run, simulate, text};

const FINDING: &str = "cloudflare_aop_hostname_finding{account=\"default\",zone=\"example.com\",hostname=\"app.example.com\",finding=\"origin_";

async fn origin(asks: Asks) -> Origin {
    let says = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec();
    Origin::start(Some(tls(asks, &[&TLS13])), Does::Says(says)).await
}

/// Runs blocking code on another thread, so that the origins of a test, which share its runtime, keep serving.
async fn blocking(test: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(test).await.unwrap();
}

/// Formats an origin for the configuration of a hostname.
fn named(name: &str, address: SocketAddr) -> String {
    format!("{{ address = \"{address}\", name = \"{name}\" }}")
}

fn hostname(name: &str, origins: &[String]) -> String {
    format!("{{ name = \"{name}\", origins = [{}] }}", origins.join(", "))
}

fn demand(origin: &str, demand: &str) -> String {
    format!(
        "cloudflare_aop_origin_client_certificate{{zone=\"example.com\",hostname=\"app.example.com\",origin=\"{origin}\",demand=\"{demand}\"}} 1\n"
    )
}

/// `serve` with the origins of app.example.com, whose certificate is presented.
struct Serving {
    api: Running,
    folder: Folder,
    serve: Running,
}

impl Serving {
    fn start(probe: &str, origins: &[String]) -> Self {
        let (api, folder) = (simulate(), Folder::new());
        let path = folder.write("aop.toml", &content(&api, probe, origins));
        let serve = Running::start(&["serve", "--config", &path]);
        Self { api, folder, serve }
    }

    fn reload(&self, probe: &str, origins: &[String]) {
        self.folder.write("aop.toml", &content(&self.api, probe, origins));
        self.serve.signal("HUP");
    }
}

fn content(api: &Running, probe: &str, origins: &[String]) -> String {
    format!("[probe]\n{probe}\n{}", config(&api.address, &hostname("app.example.com", origins)))
}

/// A schedule that never comes during a test, so that probes happen only at the start and after changes.
const RARELY: &str = "schedule = \"0 0 0 29 2 *\"";

#[tokio::test]
async fn the_daemon_probes_at_the_start_and_after_a_reload_only_changed_origins() {
    let (blue, green) = (origin(Asks::No).await, origin(Asks::Required(Vec::new())).await);
    blocking(move || {
        let serving = Serving::start(RARELY, &[named("blue", blue.address)]);
        serving.serve.until("/metrics", &demand("blue", "none"));
        serving.serve.until("/metrics", &format!("{FINDING}unprotected\",severity=\"warning\"}} 1\n"));
        assert_eq!(blue.connections(), 1);

        serving.reload(RARELY, &[named("blue", blue.address), named("green", green.address)]);
        let page = serving.serve.until("/metrics", &demand("green", "required"));
        assert!(page.contains(&demand("blue", "none")));
        assert_eq!(blue.connections(), 1, "an unchanged origin is not probed again");

        serving.reload(RARELY, &[named("green", green.address)]);
        serving.serve.wait_for(|serve| !serve.get("/metrics").contains("origin=\"blue\""));
        let page = serving.serve.get("/metrics");
        assert!(page.contains(&demand("green", "required")) && !page.contains(FINDING), "{page}");
    })
    .await;
}

#[tokio::test]
async fn an_origin_is_probed_again_when_cloudflare_presents_another_certificate_or_none() {
    let blue = origin(Asks::Required(Vec::new())).await;
    blocking(move || {
        let serving = Serving::start(RARELY, &[named("blue", blue.address)]);
        let path = serving.folder.path("aop.toml");
        let often = "[poll]\nschedule = \"* * * * * *\"\njitter = \"0s\"\n";
        std::fs::write(&path, format!("{often}{}", std::fs::read_to_string(&path).unwrap())).unwrap();
        serving.serve.signal("HUP");
        serving.serve.until("/metrics", &demand("blue", "required"));
        let polled = |serve: &Running| serve.get("/metrics").contains("cloudflare_aop_hostname_up{");
        serving.serve.wait_for(polled);
        let set = |enabled| {
            let path = "/_simulator/zones/example.com/hostnames/app.example.com";
            let answer = serving.api.request_with("PATCH", path, &format!("{{\"enabled\": {enabled}}}"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        };
        assert_eq!(blue.connections(), 1);
        for (enabled, connections) in [(false, 2), (true, 3)] {
            set(enabled);
            let association = if enabled { "enabled" } else { "disabled" };
            serving.serve.until(
                "/metrics",
                &format!("hostname=\"app.example.com\",association=\"{association}\"}} 1\n"),
            );
            serving.serve.wait_for(|_| blue.connections() == connections);
        }
        // a poll that reads the same as before causes no probe
        let poll = serving.serve.get("/api/v1/hostnames");
        serving.serve.wait_for(|serve| serve.get("/api/v1/hostnames") != poll);
        assert_eq!(blue.connections(), 3);
    })
    .await;
}

#[tokio::test]
async fn the_last_answer_of_an_origin_is_shown_everywhere_while_probes_fail() {
    let blue = origin(Asks::No).await;
    blocking(move || {
        let serving = Serving::start("schedule = \"* * * * * *\"", &[named("blue", blue.address)]);
        serving.serve.until("/metrics", &format!("{FINDING}unprotected\",severity=\"warning\"}} 1\n"));
        drop(blue);
        let page = serving.serve.until("/metrics", "origin=\"blue\"} 0\n");
        assert!(page.contains(&demand("blue", "none")), "{page}");
        assert!(page.contains(&format!("{FINDING}unprotected\",severity=\"warning\"}} 1\n")), "{page}");
        let json = serving.serve.get("/api/v1/hostnames");
        for shown in [
            "since then: cannot connect)",
            "\"up\":false,\"demand\":\"none\",\"reason\":\"not_asked\"",
            "\"failure\":\"not_reachable\"",
        ] {
            assert!(json.contains(shown), "{shown}: {json}");
        }
        let html = serving.serve.get("/hostnames/example.com/app.example.com");
        for shown in ["none: does not ask for a certificate", "cannot connect", "since then: cannot connect)"]
        {
            assert!(html.contains(shown), "{shown}: {html}");
        }
    })
    .await;
}

#[tokio::test]
async fn origins_are_probed_on_their_own_schedule_and_a_reload_changes_that() {
    let blue = origin(Asks::Optional(Vec::new())).await;
    blocking(move || {
        let serving = Serving::start(RARELY, &[named("blue", blue.address)]);
        serving.serve.until("/metrics", &demand("blue", "optional"));
        serving.reload("schedule = \"* * * * * *\"", &[named("blue", blue.address)]);
        serving.serve.wait_for(|_| blue.connections() >= 3);
    })
    .await;
}

#[tokio::test]
async fn a_named_origin_is_shown_without_its_address() {
    let names = vec![authority("Another CA")];
    let blue = origin(Asks::Required(names)).await;
    // the listener is gone
    let gone = origin(Asks::No).await.address;
    blocking(move || {
        let serving = Serving::start(RARELY, &[named("blue", blue.address), named("gone", gone)]);
        let unknown = demand("gone", "unknown");
        let page = serving.serve.until("/metrics", &unknown);
        let rejects = format!("{FINDING}may_reject\",severity=\"warning\"}} 1\n");
        let page = if page.contains(&rejects) { page } else { serving.serve.until("/metrics", &rejects) };
        serving.serve.wait_for(|serve| serve.read("err").contains("app.example.com (gone)"));
        let (json, html) = (
            serving.serve.get("/api/v1/hostnames"),
            serving.serve.get("/hostnames/example.com/app.example.com"),
        );
        for shown in
            ["Origin blue", "Origin gone", "cannot connect", "not among the CAs that the origin names"]
        {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        assert!(json.contains(
            "\"origin\":\"gone\",\"up\":false,\"demand\":\"unknown\",\"reason\":\"not_reachable\""
        ));
        assert!(json.contains("\"issuer_match\":\"none\""), "{json}");
        let log = serving.serve.read("err");
        assert!(log.contains("probes cannot determine if the origin demands a client certificate"), "{log}");
        for address in [blue.address, gone] {
            for told in [&page, &json, &html, &log] {
                assert!(!told.contains(&address.port().to_string()), "{address}: {told}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn results_of_probes_are_restored_after_a_restart() {
    let blue = origin(Asks::No).await;
    blocking(move || {
        let mut serving = Serving::start(RARELY, &[named("blue", blue.address)]);
        let state = serving.folder.path("state.json");
        let with_state = |content: String| format!("{content}[poll]\nstate_file = \"{}\"\n", state.display());
        let content = with_state(content(&serving.api, RARELY, &[named("blue", blue.address)]));
        let path = serving.folder.write("aop.toml", &content);
        serving.serve = Running::start(&["serve", "--config", &path]);
        serving.serve.until("/metrics", &demand("blue", "none"));
        serving.serve.stop("TERM");
        // an origin that does not respond, so that probes find nothing new
        let address = blue.address;
        drop(blue);
        let hangs = loop {
            if let Ok(listener) = std::net::TcpListener::bind(address) {
                break listener;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        serving.serve = Running::start(&["serve", "--config", &path]);
        assert!(serving.serve.get("/metrics").contains(&demand("blue", "none")));
        let (code, took) = serving.serve.stop("TERM");
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(5), "a hanging probe delays nothing: {took:?}");
        drop(hangs);
    })
    .await;
}

#[tokio::test]
async fn the_verdict_of_a_check_includes_its_probes() {
    let (api, folder) = (simulate(), Folder::new());
    let (open, closed) = (origin(Asks::No).await, origin(Asks::Required(Vec::new())).await);
    blocking(move || {
        let check = |name: &str, expect: &str, address: SocketAddr, more: &[&str]| {
            let table = format!(
                "{{ name = \"{name}\", expect = \"{expect}\", origins = [{}] }}, \"app.example.com\"",
                named("blue", address)
            );
            let path = folder.write("aop.toml", &config(&api.address, &table));
            let output = run(&[&["check", "--config", &path], more].concat());
            (output.status.code().unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
        };
        let (code, table, errors) = check("api.example.com", "enabled", open.address, &[]);
        assert_eq!((code, &*errors), (1, ""), "{table}");
        assert!(
            table.contains("Cloudflare presents a certificate, the origin blue does not ask for one"),
            "{table}"
        );
        assert_eq!(check("api.example.com", "enabled", closed.address, &[]).0, 0);
        let (code, table, _) = check("legacy.example.com", "disabled", closed.address, &[]);
        assert_eq!(code, 2);
        let demands =
            "Cloudflare presents nothing (disabled), the origin blue refuses requests without a certificate";
        assert!(table.contains(demands), "{table}");

        let page = check("api.example.com", "enabled", open.address, &["--format", "prometheus"]).1;
        assert!(page.contains("origin=\"blue\",demand=\"none\"} 1\n"), "{page}");
        let connections = open.connections();
        let narrowed = ["--hostname", "app.example.com"];
        assert_eq!(check("api.example.com", "enabled", open.address, &narrowed).0, 0);
        assert_eq!(open.connections(), connections, "unselected hostnames are not probed");
    })
    .await;
}

#[tokio::test]
async fn a_check_ends_in_time_even_if_an_origin_hangs() {
    let (api, folder) = (simulate(), Folder::new());
    let hangs = Origin::start(None, Does::Hang).await;
    blocking(move || {
        let table = hostname("app.example.com", &[named("blue", hangs.address)]);
        let path = folder.write("aop.toml", &config(&api.address, &table));
        let started = tokio::time::Instant::now();
        let output = run(&["check", "--config", &path, "--timeout", "1s", "--format", "json"]);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let origin = &json["hostnames"][0]["origins"][0];
        assert_eq!(
            (&origin["demand"], &origin["reason"]),
            (&"unknown".into(), &"timed_out".into()),
            "{origin}"
        );
    })
    .await;
}
