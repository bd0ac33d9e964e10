//! The parsers of untrusted bytes, and the properties that must hold for any input.
//!
//! Each function is a target of cargo-fuzz (`just fuzz`); `tests/seeds.rs` runs all of them over what the fuzzer found.

#[path = "../../tests/it/support/exposition.rs"]
mod exposition;

use std::error::Error;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::{BaseUrl, Budget, Change, Client, Options, RateLimit};
use cloudflare_aop_exporter::config::{Config, Files, Secrets};
use cloudflare_aop_exporter::domain::{
    AcceptedIssuers, CertId, Expectation, Expected, Extent, Hostname, HostnameTarget, IssuerMatch,
    IssuerName, Level, Outcome, Pem, Reading, Snapshot, Targets, ZoneId, ZoneName, ZoneTarget,
};
use cloudflare_aop_exporter::http::{self, App};
use cloudflare_aop_exporter::keeper::state_file;
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::{Format, Source, View};
use cloudflare_aop_exporter::probe::{Head, read_head};
use cloudflare_aop_exporter::schedule::Schedule;
use cloudflare_aop_exporter::telemetry::{Endpoint, Telemetry};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// A parser under test.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 11] = [
    ("config", config),
    ("hostname", hostname),
    ("answer", answer),
    ("pem", pem),
    ("cron", cron),
    ("names", names),
    ("accept", accept),
    ("request", request),
    ("state", state),
    ("issuer", issuer),
    ("head", head),
];

/// Parses a configuration file. Each error must name the file.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Err(errors) =
        Config::parse(text, Path::new("/aop.toml"), Secrets::Skip, &|_| None, &mut Files::default())
    {
        assert!(errors.count() > 0);
        assert!(errors.to_string().starts_with("/aop.toml:"), "{errors}");
    }
}

/// Parses a response about a hostname, which must give a short error or a valid page.
pub fn hostname(data: &[u8]) {
    match client().read_hostname(&asked().hostname, data) {
        Ok(reading) => check_pages(&source(snapshot(Some(reading)))),
        Err(error) => check_words(&error),
    }
}

/// Parses any response to the API method chosen by the first byte, which must give a result or a short error.
pub fn answer(data: &[u8]) {
    let [first, body @ ..] = data else { return };
    let api = api();
    *api.body.lock().expect("no answer panicked") = body.to_vec();
    let (zone, deadline) = (ZoneId::from_str(&"1".repeat(32)).expect("an id"), Duration::from_secs(10));
    let (client, change) = (&api.client, asked());
    let answered = api.runtime.lock().expect("no answer panicked").block_on(async {
        let deadline = tokio::time::Instant::now() + deadline;
        match Endpoint::ALL[usize::from(*first) % Endpoint::ALL.len()] {
            Endpoint::HostnameGet => client.hostname(zone, &change.hostname, deadline).await.map(drop),
            Endpoint::HostnameList => client.associations(zone, deadline, |_| true).await.map(drop),
            Endpoint::HostnamePut => {
                client.put_hostnames(zone, std::slice::from_ref(change), deadline).await.map(drop)
            }
            Endpoint::CertificateList => client.hostname_certificates(zone, deadline).await.map(drop),
            Endpoint::ZoneCertificateList => client.zone_certificates(zone, deadline).await.map(drop),
            Endpoint::ZoneSettings => client.zone_level_enabled(zone, deadline).await.map(drop),
            Endpoint::ZoneList => {
                let name = ZoneName::from_str("example.com").expect("a name");
                client.all_zones(deadline).await?;
                client.zone_id(&name, deadline).await.map(drop)
            }
            Endpoint::TokenVerify => client.verify_token(deadline).await.map(drop),
            Endpoint::ZoneGet => client.zone_status(zone, deadline).await.map(drop),
            Endpoint::GlobalSwitchGet => client.global_switch(zone, deadline).await.map(drop),
            Endpoint::SslModeGet => client.ssl_mode(zone, deadline).await.map(drop),
            Endpoint::DnsRecordList => client.dns_records(zone, deadline).await.map(drop),
            Endpoint::IpRangeList => client.ip_ranges(deadline).await.map(drop),
            Endpoint::CertificateGet | Endpoint::CertificatePost | Endpoint::CertificateDelete => {
                client.certificate(zone, Level::Hostname, &change.cert_id, deadline).await.map(drop)
            }
        }
    });
    if let Err(error) = answered {
        check_words(&error);
    }
}

/// Parses a certificate.
pub fn pem(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let _ = Pem::parse(text);
    }
}

/// Parses a schedule. Its next tick must be later, and its shortest gap positive and at most its longest gap.
pub fn cron(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(schedule) = text.parse::<Schedule>() else { return };
    let start = Timestamp::UNIX_EPOCH;
    assert!(schedule.next(start).is_some_and(|next| next > start), "{text:?}");
    let (shortest, longest) = (schedule.shortest_gap(start), schedule.longest_gap(start));
    assert!(Duration::ZERO < shortest && shortest <= longest, "{text:?}: {shortest:?} to {longest:?}");
}

/// Parses names. The canonical form of a name must parse to itself.
pub fn names(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(name) = text.parse::<Hostname>() {
        assert_eq!(name.as_str().parse().as_ref(), Ok(&name));
    }
    if let Ok(name) = text.parse::<ZoneName>() {
        assert_eq!(name.as_str().parse().as_ref(), Ok(&name));
    }
    if let Ok(id) = text.parse::<ZoneId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<CertId>() {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(url) = text.parse::<BaseUrl>() {
        assert_eq!(url.as_url().as_str().parse().as_ref(), Ok(&url));
        assert!(url.as_url().scheme() == "https" || url.is_loopback());
    }
}

/// Negotiates a page, which any scrape must get. A line feed separates `Accept` from `Accept-Encoding`.
pub fn accept(data: &[u8]) {
    let value = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    let mut values = data.split(|byte| *byte == b'\n');
    let (accept, encoding) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    if accept.iter().chain(encoding).all(value) && data.len() < 4096 {
        let head =
            [b"GET /metrics HTTP/1.0\r\naccept: ", accept, b"\r\naccept-encoding: ", encoding, b"\r\n\r\n"];
        let answer = exchange(&head.concat());
        assert!(answer.starts_with(b"HTTP/1.0 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    }
}

/// Sends any bytes to the server, which must still serve other connections afterwards.
pub fn request(data: &[u8]) {
    let mut stream = connect();
    // the server may close the connection before it has read everything
    if stream.write_all(data).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok() {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(exchange(b"GET /-/healthy HTTP/1.0\r\n\r\n").ends_with(b"\r\n\r\nhealthy\n"));
}

/// Reads a state file, which must give a short error or a valid page, and must be unchanged when written and read
/// again.
pub fn state(data: &[u8]) {
    let read = |data: &[u8]| state_file::read(Cursor::new(data), targets());
    match read(data) {
        Ok(known) => {
            let [mut written, mut again] = [Vec::new(), Vec::new()];
            state_file::write(&known, &mut written).expect("it is written");
            state_file::write(&read(&written).expect("a written file can be read"), &mut again)
                .expect("it is written");
            assert_eq!(String::from_utf8(written), String::from_utf8(again));
            check_pages(&source(known));
        }
        Err(error) => check_words(&error),
    }
}

/// Parses the names that an origin sends, separated by line feeds. Each must match itself and have a short text.
pub fn issuer(data: &[u8]) {
    let names: Vec<_> = data.split(|byte| *byte == b'\n').take(AcceptedIssuers::MAX_NAMES).collect();
    let accepted = AcceptedIssuers::from_ders(names.iter().copied());
    for name in names {
        assert_eq!(accepted.find(&[IssuerName::from_der(name)]), Some(IssuerMatch::Exact));
        let text = IssuerName::text(name);
        assert!(text.chars().count() <= 256 && !text.contains(char::is_control), "{text:?}");
    }
}

/// Parses the head of a response. Once a prefix gives a result, more bytes must not change it.
pub fn head(data: &[u8]) {
    let whole = read_head(data);
    for part in [data.len() / 4, data.len() / 2, data.len().saturating_sub(1)] {
        match (read_head(&data[..part]), whole) {
            (Head::Partial, _) => {}
            (
                Head::Whole { status, location, length, .. },
                Head::Whole { status: s, location: l, length: n, .. },
            ) => {
                assert_eq!((status, location, length), (s, l, n));
            }
            (part, whole) => assert_eq!(part, whole),
        }
    }
    if let Head::Whole { status, body, .. } = whole {
        assert!((100..1000).contains(&status) && data.ends_with(body));
    }
}

/// Checks that the pages are valid.
fn check_pages(source: &Source) {
    for format in [Format::Text, Format::OpenMetrics] {
        let (mut page, mut text) = (source.page(format, View::default()), Vec::new());
        while page.fill(&mut text, usize::MAX) {}
        let text = String::from_utf8(text).expect("a page is UTF-8");
        exposition::samples(&text, format == Format::OpenMetrics).expect("a page can be read");
    }
}

/// Checks that an error message is short and has no control characters.
fn check_words(error: &impl Error) {
    let words = error.to_string();
    assert!(words.chars().count() < 3000 && !words.contains(char::is_control), "{words:?}");
}

/// Returns the server's response to a request, after which the server closes the connection.
fn exchange(request: &[u8]) -> Vec<u8> {
    let (mut stream, mut answer) = (connect(), Vec::new());
    stream.write_all(request).expect("the server reads");
    stream.read_to_end(&mut answer).expect("the server answers");
    answer
}

fn connect() -> TcpStream {
    let stream = TcpStream::connect(server()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

/// Returns the address of a server that runs as long as this process.
fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let (options, reload) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
                let app = App::new(source(snapshot(None)), options, reload, tokio::time::Instant::now());
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                http::serve(listener, app, Limits::default(), std::future::pending()).await;
            });
        });
        address
    })
}

/// Returns the hostname that is requested or changed.
fn asked() -> &'static Change {
    static ASKED: OnceLock<Change> = OnceLock::new();
    ASKED.get_or_init(|| Change {
        hostname: "app.example.com".parse().expect("a name"),
        cert_id: "one".parse().expect("an id"),
        enabled: Some(true),
    })
}

/// Returns the source of a page of this snapshot.
fn source(known: Snapshot) -> Source {
    static TELEMETRY: OnceLock<Arc<Telemetry>> = OnceLock::new();
    let telemetry = TELEMETRY.get_or_init(|| Arc::new(Telemetry::new().expect("metrics")));
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    Source { snapshot: watch::channel(Arc::new(known)).1, telemetry: Arc::clone(telemetry), clock }
}

/// Returns a snapshot with this reading of the hostname.
fn snapshot(reading: Option<Reading>) -> Snapshot {
    let hostname = asked().hostname.clone();
    let outcome = |reading| (targets().zones()[0].key().clone(), Outcome::Read(hostname, Ok(reading)));
    Snapshot::default().retarget(targets()).fold(reading.map(outcome))
}

/// Returns the hostname in a zone whose parts are all watched.
fn targets() -> &'static Targets {
    static TARGETS: OnceLock<Targets> = OnceLock::new();
    TARGETS.get_or_init(|| {
        let hostname = asked().hostname.clone();
        let target = HostnameTarget { hostname, expectation: Expectation::default() };
        let zone = ZoneTarget::named("default".into(), "example.com".parse().expect("a name"), None);
        let extent = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
        Targets::new([zone.with_hostnames(vec![target]).with_extent(extent)])
    })
}

/// Returns a client that sends no requests.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| client_of("http://127.0.0.1:9/"))
}

/// A client, and an API that answers each of its requests with the same body.
struct Api {
    client: Client,
    body: Arc<Mutex<Vec<u8>>>,
    runtime: Mutex<Runtime>,
}

/// Returns an API that runs as long as this process.
fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = client_of(&format!("http://{}/", listener.local_addr().expect("an address")));
        let body = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::clone(&body);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answers = Arc::clone(&answers);
                // the client ends the connection
                std::thread::spawn(move || answer_all(&stream.expect("a connection"), &answers));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Api { client, body, runtime: Mutex::new(runtime.expect("a runtime")) }
    })
}

/// Responds to each request of a connection with a 200 and this body.
fn answer_all(mut stream: &TcpStream, body: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut requests = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            requests.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            match line.as_str() {
                "" => return Ok(()),
                "\r\n" => break,
                _ => {}
            }
        }
        requests.read_exact(&mut vec![0; length])?;
        let body = body.lock().expect("no answer panicked").clone();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
}

fn client_of(base_url: &str) -> Client {
    let options = Options {
        account: "default".into(),
        account_id: None,
        base_url: base_url.parse().expect("a URL"),
        timeout: Duration::from_secs(10),
        max_concurrent_requests: 1,
        extra_ca: None,
    };
    let limit = RateLimit { requests: NonZeroU32::MAX, per: Duration::from_secs(1) };
    let token = watch::channel("token".parse().expect("a token")).1;
    let telemetry = Arc::new(Telemetry::new().expect("metrics"));
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    Client::new(options, token, Arc::new(Budget::new(limit)), telemetry, clock).expect("a client")
}
