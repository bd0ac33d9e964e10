//! Tests that the token never leaks, whatever the API or an impostor answers.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use cloudflare_aop_exporter::simulator;

use crate::support::authority::Authority;
use crate::support::breakable::Break;
use crate::support::front::{Answer, Front, Honest, Transport, Wrong};
use crate::support::harness::{Api, world};
use crate::support::program::{Folder, Running, TOKEN, program, run, text};
use crate::support::wrongs::{What, faults};

/// A simulated API on its own thread that gives malformed or malicious responses about hostnames.
struct Hostile {
    base_url: String,
    zone: String,
    ca: String,
    hostnames: usize,
    requests: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl Hostile {
    /// Starts an API that gives one of these responses for each hostname.
    fn start(transport: Transport, answers: Vec<Answer>) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let authority = Arc::new(Authority::of(&["127.0.0.1".to_owned()]));
                let simulator = simulator::Options { token: TOKEN.into(), ..Default::default() };
                let api = Api::start_with(world(&["app.example.com"]), &simulator).await;
                let honest = Honest::of(&api.base_url);
                let mut front = Front::start(&honest, transport, &authority, Ipv4Addr::LOCALHOST).await;
                let hostnames = answers.len();
                front.spoil(Wrong::Hostnames(answers)).await;
                let hostile = Self {
                    base_url: front.base_url.clone(),
                    zone: api.zone.to_string(),
                    ca: authority.pem.clone(),
                    hostnames,
                    requests: front.counter(),
                };
                sender.send(hostile).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().unwrap()
    }

    /// Returns a configuration that reads all hostnames at once.
    fn config(&self, state_file: &str, ca_file: &str) -> String {
        let names: Vec<_> = (0..self.hostnames).map(|number| format!("\"f{number}.example.com\"")).collect();
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
[poll]
{state_file}
[[account]]
api_token_env = "AOP_TOKEN"
base_url = "{}"
timeout = "2s"
max_concurrent_requests = 100
{ca_file}
[[account.zone]]
id = "{}"
strategy = "get"
hostnames = ["app.example.com", {}]
"#,
            self.base_url,
            self.zone,
            names.join(", ")
        )
    }
}

/// Returns all faulty responses, and responses that echo the request.
fn answers() -> Vec<Answer> {
    // without the faults that delay a poll by a minute or block its other requests
    let faults = faults("https://elsewhere.invalid/")
        .into_iter()
        .filter(|fault| fault.name != "503 for a day" && !fault.name.starts_with("429"));
    let mut answers: Vec<_> = faults
        .filter_map(|fault| if let What::Answer(answer) = fault.what { Some(answer) } else { None })
        .collect();
    let sent = format!("authorization: Bearer {TOKEN}");
    let refused = format!(r#"{{"success":false,"errors":[{{"code":6003,"message":"\u001b[31m{sent}"}}]}}"#);
    let (long, wrong) =
        (format!(r#"{{"success":"{}{sent}"}}"#, "x".repeat(180)), format!(r#"{{"success":"{sent}"}}"#));
    for (status, body) in [(400, &refused), (200, &refused), (200, &wrong), (200, &long), (403, &sent)] {
        answers.push(Answer::Whole(status, vec![("cf-ray", TOKEN.to_owned())], body.clone().into()));
    }
    answers.push(farewell());
    answers
}

/// Returns an HTTP/2 GOAWAY with the token as its reason. With HTTP/1.1, it is garbage.
fn farewell() -> Answer {
    Answer::Broken(Break::Raw(go_away(&format!("authorization: Bearer {TOKEN}")).leak()))
}

/// Encodes the HTTP/2 GOAWAY frame with debug data (RFC 9113, section 6.8).
fn go_away(why: &str) -> Vec<u8> {
    const ENHANCE_YOUR_CALM: u8 = 11;
    let length = u8::try_from(8 + why.len()).unwrap();
    let head = [0, 0, length, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ENHANCE_YOUR_CALM];
    [&head, why.as_bytes()].concat()
}

#[test]
fn no_failure_shows_the_token_or_a_control_character_at_any_level() {
    let received = "http2 error: connection error received: detected excessive load generating behavior";
    // over HTTP/2 one response may end the connection of all others, so the errors vary
    for (transport, format, answers, shown) in [
        (Transport::Plain, "text", answers(), "authorization: Bearer [token]"),
        (Transport::Tls, "json", answers(), "request failed"),
        (Transport::Tls, "json", vec![farewell()], received),
    ] {
        let (hostile, folder) = (Hostile::start(transport, answers), Folder::new());
        let ca_file = format!("ca_file = \"{}\"", folder.write("ca.pem", &hostile.ca));
        let state_file = format!("state_file = \"{}\"", folder.path("state.json").display());
        let path = folder.write("aop.toml", &hostile.config(&state_file, &ca_file));
        let mut serve =
            Running::start(&["serve", "--config", &path, "--log-level", "trace", "--log-format", format]);
        serve.until("/metrics", "\ncloudflare_aop_exporter_polls_total 1\n");
        let pages =
            ["/", "/metrics", "/api/v1/status", "/api/v1/hostnames"].map(|path| serve.get(path)).concat();
        serve.stop("TERM");
        let known = fs::read_to_string(folder.path("state.json")).unwrap();
        let logs = serve.read("out") + &serve.read("err");
        assert!(logs.matches("request failed").count() >= hostile.hostnames, "{logs}");
        assert!(logs.contains(shown), "{logs}");
        for part in [TOKEN, &TOKEN[..TOKEN.len() / 2]] {
            assert!(![&logs, &pages, &known].iter().any(|text| text.contains(part)), "{logs}");
        }
        assert!(!logs.contains(|char: char| char.is_control() && char != '\n'));
        let longest = logs.lines().map(str::len).max().unwrap();
        assert!(longest < 1500, "a line of {longest} bytes");
    }
}

#[test]
fn the_token_is_not_sent_to_a_server_with_an_untrusted_certificate() {
    let (hostile, folder) = (Hostile::start(Transport::Tls, answers()), Folder::new());
    let path = folder.write("aop.toml", &hostile.config("", ""));
    let output = run(&["check", "--config", &path, "--log-level", "trace", "--timeout", "5s"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("not read: the TLS connection failed"), "{}", text(&output.stdout));
    assert_eq!((hostile.requests)(), 0);
}

#[test]
fn an_invalid_proxy_is_refused_rather_than_bypassed() {
    let folder = Folder::new();
    let path = folder.write("aop.toml", CONFIG);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        for command in [&["check"][..], &["config", "check"]] {
            let output = program(command)
                .args(["--config", &path])
                .env(name, "http://user:s3cret-word@proxy.example:port")
                .output()
                .unwrap();
            let expected = format!(
                "error: {path}:1: account: {name}: expected the URL of a proxy, such as \
                 http://proxy.example.com:3128, found something else\n"
            );
            assert_eq!(text(&output.stderr), expected, "{command:?}");
        }
    }
}

/// A configuration whose API is not on loopback, so that the proxy is used.
const CONFIG: &str = "[[account]]\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"https://api.example/client/v4\"\n\
     [[account.zone]]\nname = \"example.com\"\nhostnames = [\"a.example.com\"]\n";

#[test]
fn a_proxy_receives_a_connect_request_and_nothing_else() {
    let (proxy, folder) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), Folder::new());
    let address = proxy.local_addr().unwrap();
    let path = folder.write("aop.toml", CONFIG);
    let asked = thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let lines = BufReader::new(client.try_clone().unwrap()).lines();
        let head: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
        head
    });
    let check = ["check", "--config", &path, "--timeout", "5s"];
    let output = program(&check).env("HTTPS_PROXY", format!("http://{address}")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stdout).contains("not read: no connection could be made"),
        "{}",
        text(&output.stdout)
    );
    // unblocks the proxy if no request arrived
    drop(TcpStream::connect(address));
    let asked = asked.join().unwrap();
    assert_eq!(asked[0], "CONNECT api.example:443 HTTP/1.1");
    assert!(!asked.iter().any(|line| line.to_lowercase().contains("authorization")), "{asked:?}");
}
