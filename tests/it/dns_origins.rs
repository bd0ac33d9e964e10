//! Tests of origins from DNS records, from the records to the pages and metrics.

use std::io::ErrorKind;

use rustls::version::TLS13;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::origin::{Asks, Does, Origin, tls};
use crate::support::program::{Folder, Running, TOKEN, config, run, simulate};

/// The port of origins from records, which have no port themselves.
const PORT: u16 = 443;

/// Starts an origin that asks for no certificate; `None` if this user may not listen on the port.
async fn origin(ip: &str) -> Option<Origin> {
    match TcpListener::bind((ip, PORT)).await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        listener => {
            let says = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec();
            Some(Origin::on(listener.unwrap(), Some(tls(Asks::No, &[&TLS13])), Does::Says(says)))
        }
    }
}

fn sample(family: &str, ip: &str) -> String {
    format!(
        "cloudflare_aop_origin_{family}{{zone=\"example.com\",hostname=\"app.example.com\",origin=\"{ip}\""
    )
}

/// `serve`, with the origin of app.example.com from a record.
struct Serving {
    api: Running,
    folder: Folder,
    path: String,
    serve: Running,
}

impl Serving {
    fn start(probe: &str, prepare: impl FnOnce(&Running)) -> Self {
        let (api, folder) = (simulate(), Folder::new());
        prepare(&api);
        let state = folder.path("state.json");
        let content = format!(
            "[probe]\n{probe}\n[poll]\nstate_file = \"{}\"\n{}origins = \"dns\"\n",
            state.display(),
            config(&api.address, "\"app.example.com\"")
        );
        let path = folder.write("aop.toml", &content);
        let serve = Running::start(&["serve", "--config", &path]);
        Self { api, folder, path, serve }
    }

    fn hostname(&self) -> Value {
        let answer = self.serve.get("/api/v1/hostnames");
        let document: Value =
            serde_json::from_str(&answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()]).unwrap();
        document["items"][0].clone()
    }
}

fn set(api: &Running, path: &str, body: &Value) {
    let answer = api.request_with("PUT", &format!("/_simulator/{path}"), &body.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn points_to(api: &Running, ip: &str) {
    let record = |kind: &str, content: &str| json!({"type": kind, "name": "app.example.com", "content": content, "proxied": true});
    set(api, "zones/example.com/dns_records", &json!([record("A", ip), record("AAAA", "100::")]));
}

#[tokio::test]
async fn the_target_of_a_record_is_probed_and_judged_and_follows_the_record() {
    let (first, second) = ("127.44.3.1", "127.44.3.2");
    let origins = [origin(first).await, origin(second).await];
    tokio::task::spawn_blocking(move || {
        let mut serving = Serving::start("private_addresses = true", |api| points_to(api, first));
        let judged = |serving: &Serving, ip: &str, origin: &Option<Origin>| {
            if origin.is_none() {
                // nothing listens there
                serving.serve.until("/metrics", &format!("{}}} 0\n", sample("up", ip)));
                assert_eq!(serving.hostname()["origins"][0]["reason"], "not_reachable");
                return;
            }
            serving
                .serve
                .until("/metrics", &format!("{},demand=\"none\"}} 1\n", sample("client_certificate", ip)));
            serving.serve.until("/metrics", "finding=\"origin_unprotected\",severity=\"warning\"} 1\n");
        };
        judged(&serving, first, &origins[0]);
        assert_eq!(serving.hostname()["no_origin"][0]["reason"], "placeholder");
        let page = serving.serve.get("/hostnames/example.com/app.example.com");
        assert!(page.contains("Not reachable directly") && page.contains("a placeholder address"), "{page}");
        let code = run(&["check", "--config", &serving.path]).status.code();
        assert_eq!(code, Some(i32::from(origins[0].is_some())), "a check probes it too");

        serving.serve.stop("TERM");
        points_to(&serving.api, second);
        serving.serve = Running::start(&["serve", "--config", &serving.path]);
        judged(&serving, second, &origins[1]);
        assert!(!serving.serve.get("/metrics").contains(first));
        assert!(serving.folder.path("state.json").exists());
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_private_address_in_a_record_is_not_probed_unless_configured() {
    let ip = "127.44.3.3";
    let inward = origin(ip).await;
    tokio::task::spawn_blocking(move || {
        let serving = Serving::start("", |api| points_to(api, ip));
        let page = serving.serve.until("/metrics", &format!("{}}} 0\n", sample("up", ip)));
        assert!(!page.contains("finding=\"origin_"), "{page}");
        let hostname = serving.hostname();
        assert_eq!(
            (&hostname["origins"][0]["reason"], &hostname["origins"][0]["demand"]),
            (&"not_public".into(), &"unknown".into())
        );
        assert!(inward.is_none_or(|inward| inward.connections() == 0));
    })
    .await
    .unwrap();
}

#[test]
fn cloudflares_ranges_come_from_the_api_and_survive_a_reload() {
    let ip = "127.44.3.5";
    let probe = "private_addresses = true\nschedule = \"* * * * * *\"";
    let serving = Serving::start(probe, |api| {
        let ranges = json!({"ipv4_cidrs": [format!("{ip}/32")], "ipv6_cidrs": ["2606:4700::/32"]});
        let body = json!({"success": true, "errors": [], "messages": [], "result": ranges});
        let fault = json!({"path": "/ips", "effect": {"json": {"status": 200, "body": body}}});
        let answer = api.request_with("POST", "/_simulator/faults", &fault.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        points_to(api, ip);
    });
    let refused = |serving: &Serving| {
        serving.serve.until("/metrics", &format!("{}}} 0\n", sample("up", ip)));
        assert_eq!(serving.hostname()["origins"][0]["reason"], "not_public");
    };
    refused(&serving);
    let content = std::fs::read_to_string(&serving.path).unwrap();
    serving.folder.write("aop.toml", &content.replace("[probe]", "[probe]\ntimeout = \"5s\""));
    serving.serve.signal("HUP");
    serving.serve.wait_for(|serve| serve.read("err").contains("is in force"));
    let before = serving.hostname()["origins"][0]["probed_at"].clone();
    serving.serve.wait_for(|_| serving.hostname()["origins"][0]["probed_at"] != before);
    let before = serving.hostname()["origins"][0]["probed_at"].clone();
    serving.serve.wait_for(|_| serving.hostname()["origins"][0]["probed_at"] != before);
    refused(&serving);
}

#[test]
fn without_the_permission_there_are_no_origins_and_the_log_says_so_once() {
    let serving = Serving::start("private_addresses = true", |api| {
        points_to(api, "127.44.3.4");
        set(
            api,
            &format!("tokens/{TOKEN}"),
            &json!({"permissions": ["zone_read", "ssl_read", "settings_read"]}),
        );
    });
    let told = |serve: &Running| serve.read("err").matches("may not read the DNS records").count();
    serving.serve.wait_for(|serve| told(serve) > 0);
    let page = serving.serve.until("/metrics", "cloudflare_aop_zone_up{zone=\"example.com\"} 1\n");
    assert!(!page.contains("cloudflare_aop_origin_up{"), "{page}");
    let hostname = serving.hostname();
    assert_eq!((&hostname["origins"], &hostname["no_origin"]), (&json!([]), &json!([])));
    assert_eq!(told(&serving.serve), 1);
}
