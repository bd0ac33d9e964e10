//! Tests of TLS, client certificates and passwords on the exporter's own port.

use std::fs;
use std::io::{Read, Write};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cloudflare_aop_exporter::config::{Config, Files, Secrets};
use cloudflare_aop_exporter::http::Hash;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity, Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::{self, Folder, Running, TOKEN};

/// All routes except the health checks.
const GUARDED: [(&str, &str); 6] = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/hostnames"),
    ("POST", "/-/reload"),
    ("GET", "/nowhere"),
];

/// A certificate authority for one test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Issues a certificate for `name` and returns it with its key in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn identity(&self) -> Identity {
        let (certificate, key) = self.issue("prometheus");
        Identity::from_pem((certificate + &key).as_bytes()).unwrap()
    }

    /// Returns a client that trusts this authority.
    fn client(&self, with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Client {
        let trusted = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(120)).pool_max_idle_per_host(0);
        with(client.tls_certs_only([trusted])).build().unwrap()
    }
}

/// A running `serve` with access control and an unreachable API.
struct Guarded {
    folder: Folder,
    serve: Running,
    authority: Authority,
}

impl Guarded {
    fn start(server: &str) -> Self {
        let (folder, authority) = (Folder::new(), Authority::new());
        let (certificate, key) = authority.issue("localhost");
        folder.write("tls.crt", &certificate);
        folder.write("tls.key", &key);
        folder.write("clients.pem", &authority.0.pem());
        let path = folder.write("aop.toml", &config(server));
        Self { serve: Running::start(&["serve", "--config", &path]), folder, authority }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.serve.address.rsplit(':').next().unwrap())
    }

    async fn get(&self, client: &Client, path: &str) -> reqwest::Result<Response> {
        client.get(self.url(path)).send().await
    }

    /// Returns the statuses of all routes except the health checks.
    async fn guarded(&self, client: &Client) -> Vec<StatusCode> {
        let mut answers = Vec::new();
        for (method, path) in GUARDED {
            let request = client.request(method.parse().unwrap(), self.url(path));
            answers.push(request.send().await.unwrap().status());
        }
        answers
    }
}

fn config(server: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nlifecycle = true\n{server}\n[[account]]\napi_token_env = \"AOP_TOKEN\"\n\
         base_url = \"http://127.0.0.1:1\"\n[[account.zone]]\nname = \"example.com\"\nhostnames = [\"app.example.com\"]\n"
    )
}

const TLS: &str = "tls = { cert_file = \"tls.crt\", key_file = \"tls.key\" }";
const MUTUAL: &str =
    "tls = { cert_file = \"tls.crt\", key_file = \"tls.key\", client_ca_file = \"clients.pem\" }";

#[tokio::test]
async fn with_tls_plain_http_is_refused() {
    let guarded = Guarded::start(TLS);
    let client = guarded.authority.client(|client| client);
    assert_eq!(guarded.get(&client, "/metrics").await.unwrap().status(), 200);
    let plain = format!("http://{}/metrics", guarded.serve.address);
    assert!(Client::builder().no_proxy().build().unwrap().get(plain).send().await.is_err());
    let stranger = Authority::new().client(|client| client);
    assert!(guarded.get(&stranger, "/metrics").await.unwrap_err().is_connect());
}

#[tokio::test]
async fn the_minimum_tls_version_is_configurable() {
    for (min_version, speaks_1_2) in [("1.2", true), ("1.3", false)] {
        let guarded = Guarded::start(&TLS.replace(" }", &format!(", min_version = \"{min_version}\" }}")));
        let old = guarded.authority.client(|client| client.tls_version_max(reqwest::tls::Version::TLS_1_2));
        assert_eq!(guarded.get(&old, "/metrics").await.is_ok(), speaks_1_2, "{min_version}");
        let new = guarded.authority.client(|client| client.tls_version_min(reqwest::tls::Version::TLS_1_3));
        assert_eq!(guarded.get(&new, "/metrics").await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn without_a_client_certificate_only_health_checks_are_served() {
    let guarded = Guarded::start(MUTUAL);
    let anonymous = guarded.authority.client(|client| client);
    assert_eq!(guarded.guarded(&anonymous).await, [StatusCode::FORBIDDEN; GUARDED.len()]);
    assert_eq!(guarded.get(&anonymous, "/-/healthy").await.unwrap().status(), 200);
    assert_eq!(guarded.get(&anonymous, "/-/ready").await.unwrap().status(), 503);

    let logs = guarded.serve.read("err");
    assert!(
        logs.contains("refused a request for /: 403 Forbidden: no client certificate peer=127.0.0.1"),
        "{logs}"
    );

    let known = guarded.authority.client(|client| client.identity(guarded.authority.identity()));
    assert_eq!(guarded.guarded(&known).await, [200, 200, 200, 200, 200, 404]);

    let foreign = guarded.authority.client(|client| client.identity(Authority::new().identity()));
    assert!(guarded.get(&foreign, "/-/healthy").await.is_err());
}

#[tokio::test]
async fn a_new_certificate_is_used_unless_its_key_does_not_match() {
    let mut guarded = Guarded::start(TLS);
    let client = guarded.authority.client(|client| client);
    let reload = async || client.post(guarded.url("/-/reload")).send().await.unwrap().status();
    let other = Authority::new();
    let (certificate, key) = other.issue("localhost");

    guarded.folder.write("tls.crt", &certificate);
    assert_eq!(reload().await, 400);
    assert_eq!(guarded.get(&client, "/metrics").await.unwrap().status(), 200);
    guarded.folder.write("tls.key", &key);
    assert_eq!(reload().await, 200);
    assert!(guarded.get(&client, "/metrics").await.unwrap_err().is_connect());
    guarded.authority = other;
    let client = guarded.authority.client(|client| client);
    assert_eq!(guarded.get(&client, "/metrics").await.unwrap().status(), 200);
    let logs = guarded.serve.read("err");
    assert!(
        logs.contains("tls.key") && logs.contains("expected the private key of the certificate"),
        "{logs}"
    );
    assert!(!logs.contains("PRIVATE KEY"));
}

/// Sends a request on a persistent connection. Returns the status and true if the connection stays open.
async fn ask(connection: &mut TcpStream, request: &str) -> (String, bool) {
    connection.write_all(format!("{request} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n") || answer.ends_with(b"\r\n") {
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    (answer[9..12].to_owned(), !answer.contains("connection: close"))
}

#[tokio::test]
async fn a_connection_follows_the_current_access_rules_or_is_closed() {
    let guarded = Guarded::start("");
    // reads responses completely, so that the client reuses the connection while it is open
    let whole = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.ok()?;
        let status = answer.status();
        answer.bytes().await.ok().map(|_| status)
    };
    let open = |client: reqwest::ClientBuilder| client.pool_max_idle_per_host(1);
    let identity = guarded.authority.identity();
    let client = guarded.authority.client(|client| open(client).identity(identity));

    // a reload that does not change TLS closes no connection
    let mut plain = TcpStream::connect(&guarded.serve.address).await.unwrap();
    assert_eq!(ask(&mut plain, "POST /-/reload").await, ("200".into(), true));
    assert_eq!(ask(&mut plain, "GET /-/healthy").await, ("200".into(), true));
    // once TLS is on, plain connections are closed
    guarded.folder.write("aop.toml", &config(TLS));
    assert_eq!(ask(&mut plain, "POST /-/reload").await, ("200".into(), false));
    assert_eq!(plain.read(&mut [0]).await.unwrap(), 0);
    let read = async || whole(client.get(guarded.url("/metrics"))).await;
    let reload =
        async || assert_eq!(whole(client.post(guarded.url("/-/reload"))).await, Some(StatusCode::OK));
    // a client with a certificate presents it once one is required
    assert_eq!(read().await, Some(StatusCode::OK));
    guarded.folder.write("aop.toml", &config(MUTUAL));
    for _nothing_changes_the_second_time in 0..2 {
        reload().await;
        assert_eq!(read().await, Some(StatusCode::OK));
    }
    // the certificate is refused once its authority is no longer trusted
    let (other, former) = (Authority::new(), guarded.authority.identity());
    guarded.folder.write("clients.pem", &other.0.pem());
    reload().await;
    assert_eq!(read().await, None);
    for (identity, answer) in [(former, None), (other.identity(), Some(StatusCode::OK))] {
        let client = guarded.authority.client(|client| client.identity(identity));
        assert_eq!(whole(client.get(guarded.url("/metrics"))).await, answer);
    }
}

#[tokio::test]
async fn a_password_is_required_for_everything_but_health_checks() {
    let hash = bcrypt::hash("pass:word", 4).unwrap();
    let guarded = Guarded::start(&format!("{TLS}\nbasic_auth_users = {{ prometheus = \"{hash}\" }}"));
    let client = guarded.authority.client(|client| client);
    assert_eq!(guarded.guarded(&client).await, [StatusCode::UNAUTHORIZED; GUARDED.len()]);
    let refused = guarded.get(&client, "/metrics").await.unwrap();
    let challenge = "Basic realm=\"cloudflare-aop-exporter\", charset=\"UTF-8\"";
    assert_eq!(refused.headers()["www-authenticate"], challenge);
    assert_eq!(guarded.get(&client, "/-/healthy").await.unwrap().status(), 200);

    let ask = async |user: &str, password: &str| {
        let request = client.get(guarded.url("/metrics")).basic_auth(user, Some(password));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("prometheus", "pass:word").await, 200);
    assert_eq!(ask("prometheus", "pass:word").await, 200);
    for (user, password) in [
        ("prometheus", "password"),
        ("prometheus", ""),
        ("", "pass:word"),
        ("grafana", "pass:word"),
        ("prometheus", &"x".repeat(73)),
        ("prometheus", &"x".repeat(100)),
    ] {
        assert_eq!(ask(user, password).await, 401, "{user} {password}");
    }
    for other in ["", "Basic", "Basic !", "Bearer cHJvbWV0aGV1czpwYXNzOndvcmQ=", "Basic cHJvbWV0aGV1cw=="] {
        let request = client.get(guarded.url("/metrics")).header("authorization", other);
        assert_eq!(request.send().await.unwrap().status(), 401, "{other}");
    }
    let scheme =
        client.get(guarded.url("/metrics")).header("authorization", "bASIC  cHJvbWV0aGV1czpwYXNzOndvcmQ=");
    assert_eq!(scheme.send().await.unwrap().status(), 200);
    let logs = guarded.serve.read("err");
    assert!(!logs.contains("pass:word") && !logs.contains(&hash) && !logs.contains(TOKEN));
    assert!(!logs.contains("xxx"));
    assert_eq!(logs.matches("a password of more than 72 bytes").count(), 1, "{logs}");
}

#[tokio::test]
async fn a_cached_user_does_not_wait_behind_password_guesses_after_a_reload() {
    let hash = bcrypt::hash("password", 11).unwrap();
    let guarded = Guarded::start(&format!("{TLS}\nbasic_auth_users = {{ prometheus = \"{hash}\" }}"));
    let client = guarded.authority.client(|client| client);
    let ask = |method: Method, path, password: &str| {
        client.request(method, guarded.url(path)).basic_auth("prometheus", Some(password)).send()
    };
    assert_eq!(ask(Method::GET, "/metrics", "password").await.unwrap().status(), 200);
    // more checks than the queue holds
    let guesses: Vec<_> = (0..12).map(|_| tokio::spawn(ask(Method::GET, "/metrics", "guess"))).collect();
    assert_eq!(ask(Method::POST, "/-/reload", "password").await.unwrap().status(), 200);
    assert!(!guesses.iter().all(tokio::task::JoinHandle::is_finished));
    let (mut answers, mut scrapes) = (Vec::new(), 0);
    for guess in guesses {
        while !guess.is_finished() {
            assert_eq!(ask(Method::GET, "/metrics", "password").await.unwrap().status(), 200);
            scrapes += 1;
        }
        answers.push(guess.await.unwrap().unwrap());
    }
    // the guesses were checked one after the other, and no scrape waited behind all of them
    assert!(scrapes >= 4, "{scrapes} scrapes");
    let (refused, tried): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 503);
    assert!(!refused.is_empty() && refused.iter().all(|answer| answer.headers()["retry-after"] == "1"));
    assert!(tried.len() >= 8 && tried.iter().all(|answer| answer.status() == 401));
}

#[test]
fn errors_of_access_settings_are_named_without_secrets() {
    let folder = Folder::new();
    let (certificate, key) = Authority::new().issue("localhost");
    folder.write("tls.crt", &certificate);
    folder.write("other.key", &Authority::new().issue("localhost").1);
    folder.write("nothing", "nothing");
    let hash = bcrypt::hash("password", 4).unwrap();
    let dir = folder.0.path().display();
    for (server, expected) in [
        ("tls = {}", "server.tls: expected both cert_file and key_file".to_owned()),
        ("tls = { cert_file = \"tls.crt\" }", "server.tls: expected both cert_file and key_file".to_owned()),
        (
            "tls = { cert_file = \"tls.crt\", key_file = \"none\" }",
            format!("server.tls.key_file = \"none\": file {dir}/none cannot be read: No such file or directory (os error 2)"),
        ),
        (
            "tls = { cert_file = \"nothing\", key_file = \"other.key\" }",
            "server.tls.cert_file = \"nothing\": expected certificates in PEM: no items found".to_owned(),
        ),
        (
            "tls = { cert_file = \"tls.crt\", key_file = \"nothing\" }",
            "server.tls.key_file = \"nothing\": expected a private key in PEM: no items found".to_owned(),
        ),
        (
            "tls = { cert_file = \"tls.crt\", key_file = \"other.key\" }",
            "server.tls.key_file = \"other.key\": expected the private key of the certificate: keys may not be consistent: KeyMismatch".to_owned(),
        ),
        (
            "tls = { cert_file = \"tls.crt\", key_file = \"other.key\", min_version = \"1.1\" }",
            "server.tls.min_version = \"1.1\": expected \"1.2\" or \"1.3\"".to_owned(),
        ),
        ("basic_auth_users = {}", "server.basic_auth_users: expected at least one name = \"bcrypt hash\"".to_owned()),
        (
            "basic_auth_users = { a = \"plain-secret\" }",
            "server.basic_auth_users.a: expected the bcrypt hash of a password, as htpasswd -nB prints it".to_owned(),
        ),
        (
            &format!("basic_auth_users = {{ a = \"{}\" }}", hash.replace("$04$", "$17$")),
            "server.basic_auth_users.a: expected a bcrypt hash of cost 4 to 16".to_owned(),
        ),
        (
            &format!("basic_auth_users = {{ a = \"{}\" }}", hash.replace("$04$", "$03$")),
            "server.basic_auth_users.a: expected a bcrypt hash of cost 4 to 16".to_owned(),
        ),
    ] {
        let path = folder.write("aop.toml", &config(server));
        let output = program::run(&["config", "check", "--config", &path]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(&format!("{path}:4: {expected}\n")), "{server}\n{errors}");
        assert!(!errors.contains("plain-secret") && !errors.contains(&hash[7..]) && !errors.contains(&key));
    }
    fs::remove_file(folder.path("tls.crt")).unwrap();
    let path = folder.write("aop.toml", &config(MUTUAL));
    let unchecked = program::run(&["config", "check", "--no-secrets", "--config", &path]);
    assert!(unchecked.status.success());
}

#[test]
fn a_configuration_is_printed_without_its_secrets() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let (certificate, key) = authority.issue("localhost");
    folder.write("tls.crt", &certificate);
    folder.write("tls.key", &key);
    folder.write("clients.pem", &authority.0.pem());
    let hash = bcrypt::hash("password", 4).unwrap();
    let text = config(&format!("{MUTUAL}\nbasic_auth_users = {{ prometheus = \"{hash}\" }}"));
    let token = |_: &str| Some(TOKEN.to_owned());
    let config =
        Config::parse(&text, &folder.path("aop.toml"), Secrets::Check, &token, &mut Files::default())
            .unwrap();
    let printed = format!("{config:?}");
    let tls = "tls: Some(Tls { wants_client: true, .. }), users: Some({\"prometheus\"})";
    assert!(printed.contains(tls), "{printed}");
    for secret in [TOKEN, &hash, &hash[29..], &key, "PRIVATE"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(format!("{:?}", hash.parse::<Hash>().unwrap()), "Hash(redacted)");
}

#[test]
fn missing_access_control_on_a_reachable_address_is_warned_about_once() {
    let folder = Folder::new();
    let locked = format!("basic_auth_users = {{ a = \"{}\" }}", bcrypt::hash("password", 4).unwrap());
    let write = |server: &str| folder.write("aop.toml", &config(server).replace("127.0.0.1:0", "0.0.0.0:0"));
    for (first, warned) in [("", 1), (&locked, 0)] {
        let path = write(first);
        let mut serve = Running::start(&["serve", "--config", &path]);
        serve.get("/-/healthy");
        let said = |what| serve.read("err").matches(what).count();
        let warnings = || said("anyone who reaches this address can read everything");
        assert_eq!(warnings(), warned);
        // a reload that removes access control causes a warning, and one that leaves it off does not
        for (server, warned) in [(&*locked, warned), ("", warned + 1), ("", warned + 1)] {
            let reloads = said("is in force");
            write(server);
            serve.signal("HUP");
            // the change may also have been noticed without SIGHUP, so there may be two
            serve.wait_for(|_| said("is in force") > reloads);
            serve.wait_for(|_| warnings() >= warned);
            assert_eq!(warnings(), warned);
        }
        serve.stop("TERM");
    }
}

#[tokio::test]
async fn metrics_and_log_show_refused_clients() {
    let hash = bcrypt::hash("password", 4).unwrap();
    let guarded = Guarded::start(&format!("{TLS}\nbasic_auth_users = {{ prometheus = \"{hash}\" }}"));
    let client = guarded.authority.client(|client| client);
    for _ in 0..3 {
        assert_eq!(guarded.get(&client, "/metrics").await.unwrap().status(), 401);
    }
    assert_eq!(guarded.get(&client, "/any/path").await.unwrap().status(), 401);
    // a readiness probe that fails causes no warning
    assert_eq!(guarded.get(&client, "/-/ready").await.unwrap().status(), 503);
    let stranger =
        Authority::new().client(|client| client.local_address(std::net::IpAddr::from([127, 0, 0, 3])));
    assert!(guarded.get(&stranger, "/metrics").await.unwrap_err().is_connect());

    let page = client.get(guarded.url("/metrics")).basic_auth("prometheus", Some("password"));
    let page = page.send().await.unwrap().text().await.unwrap();
    for sample in [
        "cloudflare_aop_exporter_http_requests_total{code=\"401\",route=\"/metrics\"} 3\n",
        "cloudflare_aop_exporter_http_requests_total{code=\"401\",route=\"other\"} 1\n",
        "cloudflare_aop_exporter_http_requests_total{code=\"503\",route=\"/-/ready\"} 1\n",
        "cloudflare_aop_exporter_http_connections 1\n",
        "cloudflare_aop_exporter_http_pages_evicted_total 0\n",
    ] {
        assert!(page.contains(sample), "{sample}{page}");
    }
    guarded.serve.wait_for(|serve| serve.read("err").contains("a TLS handshake failed: "));
    let logs = guarded.serve.read("err");
    let warnings: Vec<_> = logs.lines().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warnings.len(), 2, "{logs}");
    assert!(
        warnings[0].contains(
            "refused a request for /metrics: 401 Unauthorized: unknown user or wrong password peer=127.0.0.1"
        ),
        "{logs}"
    );
    assert!(warnings[1].contains("peer=127.0.0.3"), "{logs}");
}

#[test]
fn a_client_that_hung_up_leaves_the_queue_of_password_checks() {
    let hash = bcrypt::hash("password", 12).unwrap();
    let folder = Folder::new();
    let path = folder.write("aop.toml", &config(&format!("basic_auth_users = {{ a = \"{hash}\" }}")));
    let serve = Running::start(&["serve", "--config", &path]);
    let client = |credentials: &str| {
        let mut stream = std::net::TcpStream::connect(&serve.address).unwrap();
        let head = format!(
            "GET /metrics HTTP/1.0\r\nauthorization: Basic {}\r\n\r\n",
            BASE64_STANDARD.encode(credentials)
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    // one check runs and eight are queued
    let guesses: Vec<_> = (0..9).map(|_| client("a:guess")).collect();
    std::thread::sleep(Duration::from_millis(100));
    drop(guesses);
    std::thread::sleep(Duration::from_millis(250));
    let mut answer = String::new();
    client("a:password").read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}
