//! Attacks the exporter's port in several ways at once from one address while another address scrapes. It is a separate
//! crate because it raises the open file limit of its process.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "it/support/program.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod program;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::try_join_all;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_rustls::TlsConnector;

use program::{Folder, Running, TOKEN};

/// The page of this many hostnames has 6 MB, more than the sockets of a connection buffer.
const HOSTNAMES: usize = 1_500;
const READERS: usize = 150;
const IDLE: usize = 2_000;
const HALF_OPEN: usize = 200;
/// The interval between two password guesses.
const GUESS_INTERVAL: Duration = Duration::from_millis(20);
/// The time for which a slow reader reads. Its socket buffers would last for minutes, but cost the exporter nothing.
const PATIENCE: Duration = Duration::from_secs(2);
const SCRAPES: usize = 20;
/// The default scrape timeout of Prometheus. On an idle machine, a scrape during the attack takes 0.1 s.
const SLOWEST_SCRAPE: Duration = Duration::from_secs(10);

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The start of a TLS record with a ClientHello.
const HALF_A_HANDSHAKE: &[u8] = &[0x16, 3, 1, 2, 0, 1];

/// An exporter with TLS and users, as its clients see it.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Target {
    /// Connects from the attacker's address with a small receive buffer.
    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(16 << 10)?;
        socket.bind((ATTACKER, 0).into())?;
        socket.connect(self.address).await
    }

    /// Starts a TLS handshake, then waits until the server closes the connection.
    async fn half_open(self) -> io::Result<()> {
        let mut stream = self.connect().await?;
        stream.write_all(HALF_A_HANDSHAKE).await?;
        stream.read_u8().await?;
        Ok(())
    }

    /// Requests the metrics and reads `size` bytes of the response every 50 ms until `PATIENCE` has passed.
    async fn read(self, user: &str, size: usize) -> io::Result<()> {
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let mut stream = connector.connect(server_name(), self.connect().await?).await?;
        stream.write_all(request(user).as_bytes()).await?;
        let mut buffer = vec![0; size];
        let page = async {
            while stream.read(&mut buffer).await? > 0 {
                sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, page).await.unwrap_or(Ok(()))
    }

    /// Scrapes from 127.0.0.1 with blocking I/O, so that the attackers in this process do not delay it.
    fn scrape(&self, user: &str) -> io::Result<String> {
        let connection =
            ClientConnection::new(Arc::clone(&self.tls), server_name()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, std::net::TcpStream::connect(self.address)?);
        stream.write_all(request(user).as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

fn server_name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

fn request(user: &str) -> String {
    let credentials = BASE64_STANDARD.encode(user);
    format!("GET /metrics HTTP/1.0\r\nauthorization: Basic {credentials}\r\n\r\n")
}

/// Starts a simulated API and an exporter, and waits until the exporter has read all hostnames.
fn start() -> (Running, Running, Folder, Target) {
    let hostnames = HOSTNAMES.to_string();
    let api =
        Running::start(&["simulate", "--listen", "127.0.0.1:0", "--token", TOKEN, "--hostnames", &hostnames]);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = Folder::new();
    folder.write("tls.crt", &cert.pem());
    folder.write("tls.key", &signing_key.serialize_pem());
    let [prometheus, insider] = ["right", "known"].map(|password| bcrypt::hash(password, 8).unwrap());
    let zones = ["example.com", "example.org", "shop.example"];
    let zones = zones.map(|zone| format!("{{ name = \"{zone}\", discover = true }}")).join(", ");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ntls = {{ cert_file = \"tls.crt\", key_file = \"tls.key\" }}\n\
         basic_auth_users = {{ prometheus = \"{prometheus}\", insider = \"{insider}\" }}\n\
         [[account]]\napi_token_env = \"AOP_TOKEN\"\nbase_url = \"http://{}/client/v4\"\nzone = [{zones}]\n",
        api.address
    );
    let exporter = Running::start(&["serve", "--config", &folder.write("aop.toml", &config)]);
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let tls = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = Arc::new(tls.with_root_certificates(roots).with_no_client_auth());
    let target = Target { address: exporter.address.parse().unwrap(), tls };
    let started = Instant::now();
    while hostnames_in(&target.scrape("prometheus:right").unwrap()) < HOSTNAMES - 1 {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", exporter.read("err"));
        thread::sleep(Duration::from_millis(100));
    }
    // caches the password, so that this user does not wait for the checks of others
    assert!(target.scrape("insider:known").unwrap().starts_with("HTTP/1.0 200 OK\r\n"));
    (api, exporter, folder, target)
}

fn hostnames_in(page: &str) -> usize {
    page.matches("\ncloudflare_aop_hostname_up{").count()
}

/// Returns the value of one of the exporter's own metrics.
fn sample(page: &str, name: &str) -> f64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or("0").parse().unwrap()
}

/// Raises the open file limit and returns the number of idle connections that fit.
fn idle_connections() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let files = maximum.unwrap_or(u64::MAX).min(8_192);
    setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).unwrap();
    let others = READERS + HALF_OPEN + 500;
    usize::try_from(files).unwrap().saturating_sub(others).min(IDLE)
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let done = work();
    (started.elapsed(), done)
}

/// Repeats an attack one second after it ends. Faster repetition would be a flood of TLS handshakes, which costs CPU time.
fn repeat_attack<F: Future<Output = T> + Send, T>(attack: impl Fn() -> F + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            // refusals are expected
            drop(attack().await);
            sleep(Duration::from_secs(1)).await;
        }
    })
}

#[tokio::test]
async fn attacks_from_one_address_do_not_delay_scrapes_of_another_and_are_logged() {
    let idle = idle_connections();
    let (_api, exporter, _folder, target) = tokio::task::spawn_blocking(start).await.unwrap();
    let before = target.clone();
    let alone =
        tokio::task::spawn_blocking(move || timed(|| before.scrape("prometheus:right")).0).await.unwrap();
    let logged_before = exporter.read("err").lines().count();

    let attacked = Instant::now();
    let (mut attacks, mut idlers) = (Vec::new(), Vec::new());
    // batches of a hundred fit into the listener's backlog
    for _ in 0..idle / 100 {
        idlers.extend(try_join_all((0..100).map(|_| target.connect())).await.unwrap());
    }
    let again = target.clone();
    attacks.extend((0..HALF_OPEN).map(|_| {
        let target = again.clone();
        repeat_attack(move || target.clone().half_open())
    }));
    attacks.extend((0..READERS).map(|_| {
        let target = again.clone();
        repeat_attack(move || target.clone().read("insider:known", 512))
    }));
    let guessed = target.clone();
    attacks.push(tokio::spawn(async move {
        let mut ticks = interval(GUESS_INTERVAL);
        loop {
            ticks.tick().await;
            let attack = guessed.clone().read("prometheus:wrong", 4096);
            tokio::spawn(async { drop(attack.await) });
        }
    }));
    let scraped = tokio::task::spawn_blocking(move || {
        let mut pages = Vec::new();
        for _ in 0..SCRAPES {
            pages.push(timed(|| target.scrape("prometheus:right")));
            thread::sleep(Duration::from_millis(100));
        }
        pages
    });
    let pages = scraped.await.unwrap();
    let seconds = attacked.elapsed().as_secs();
    attacks.iter().for_each(JoinHandle::abort);

    let slowest = pages.iter().map(|(took, _)| *took).max().unwrap();
    let logs = exporter.read("err");
    let logged: Vec<_> = logs.lines().skip(logged_before).collect();
    let shown: Vec<_> = pages.iter().filter_map(|(_, page)| page.as_deref().ok()).collect();
    // idle connections are closed within 30 s
    let own = |name: &str| {
        let samples = shown.iter().map(|page| sample(page, &format!("cloudflare_aop_exporter_http_{name}")));
        samples.fold(0.0, f64::max)
    };
    println!(
        "{idle} idle, {HALF_OPEN} half-open, {READERS} slow: the slowest of {SCRAPES} scrapes of {} KiB took {slowest:?}, one alone {alone:?}; \
         {} connections, {} pages evicted, {} times 401, {} times 503; {} lines in {seconds} s:\n{}",
        shown.iter().map(|page| page.len() >> 10).max().unwrap_or_default(),
        own("connections"),
        own("pages_evicted_total"),
        own("requests_total{code=\"401\",route=\"/metrics\"}"),
        own("requests_total{code=\"503\",route=\"/metrics\"}"),
        logged.len(),
        logged.join("\n"),
    );
    for (took, page) in &pages {
        let page = page.as_ref().unwrap();
        assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{}", page.lines().next().unwrap_or_default());
        assert_eq!(hostnames_in(page), HOSTNAMES - 1);
        assert!(*took < SLOWEST_SCRAPE, "{took:?}");
    }
    assert!(own("connections") > f64::from(u32::try_from(idle / 2).unwrap()));
    assert!(own("pages_evicted_total") > 0.0);
    assert!(own("requests_total{code=\"401\",route=\"/metrics\"}") > 0.0);
    assert!(own("requests_total{code=\"503\",route=\"/metrics\"}") > 0.0);
    assert!(logged.len() < 20, "{} lines in {seconds} s", logged.len());
    assert!(logged.iter().any(|line| line.contains(" WARN ") && line.contains("peer=127.0.0.2")));
    assert!(!logged.iter().any(|line| line.contains("peer=127.0.0.1")));
}
