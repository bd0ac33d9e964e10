//! A reverse proxy in front of the simulated API, over plain HTTP/1.1 or TLS with HTTP/2. It corrupts the responses of one
//! endpoint or breaks all connections.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cloudflare_aop_exporter::telemetry::Endpoint;
use flate2::{Compress, Compression, FlushCompress};
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::support::authority::Authority;
use crate::support::breakable::{Break, Breakable, Breaker, Io};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A fault, in force until it is cleared.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// Affects the responses of one endpoint.
    Answers(Endpoint, Answer),
    /// Affects the responses for pages of zones after the first.
    LaterPages(Answer),
    /// Affects the responses about zones requested by id, while the list of zones lacks [`LOST`].
    Lost(Answer),
    /// Affects all responses about a zone requested by id.
    Zone(Answer),
    /// Affects the responses about the hostnames `f0.example.com`, `f1.example.com` and so on, each differently.
    Hostnames(Vec<Answer>),
    /// Affects one response, and is cleared by it.
    Once(Once),
    /// The port is closed.
    Refused,
    /// The certificate is signed by an untrusted authority.
    Untrusted,
    /// The certificate has expired.
    Expired,
}

/// A fault of one response.
#[derive(Clone, Debug)]
pub struct Once {
    pub endpoint: Endpoint,
    /// The number of responses of this endpoint to pass through first.
    pub skip: usize,
    pub answer: Answer,
    /// True if the API carries out the request despite the fault.
    pub is_carried_out: bool,
}

/// The zone that a list may lack.
pub const LOST: &str = "second.example";

/// The response sent instead of the real one.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status, headers and a body.
    Whole(u16, Vec<(&'static str, String)>, Bytes),
    /// A 200 with these headers and bytes, followed by an endless repetition of the last bytes.
    Endless(Vec<(&'static str, String)>, Bytes, Bytes),
    /// A 200 with a byte of whitespace every 20 ms.
    Drip,
    /// No response, while the connection stays open.
    Hang,
    /// The first half of the real response, after which the connection or stream ends.
    Cut {
        /// Announces the full length first.
        announced: bool,
    },
    /// The end of the connection or stream.
    Dropped,
    /// A reset, or bytes that are not HTTP.
    Broken(Break),
}

impl Answer {
    /// Returns an endless gzip stream of zeros, which decompresses to a thousand times its size.
    pub fn bomb() -> Self {
        let header = Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        // after a full flush, the piece can be repeated
        let mut piece = Vec::with_capacity(1 << 16);
        let mut compress = Compress::new(Compression::best(), false);
        compress.compress_vec(&vec![0; 1 << 20], &mut piece, FlushCompress::Full).unwrap();
        Self::Endless(vec![("content-encoding", "gzip".to_owned())], header, piece.into())
    }
}

/// The protocol of a front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP/1.1.
    Plain,
    /// TLS, with HTTP/2 if the client supports it.
    Tls,
}

/// A front that listens until it is dropped.
pub struct Front {
    pub base_url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// The real responses of an API.
pub struct Honest {
    api: String,
    /// True if each is requested only once.
    is_kept: bool,
    http: reqwest::Client,
    answers: tokio::sync::Mutex<BTreeMap<String, (StatusCode, HeaderMap, Bytes)>>,
}

struct Shared {
    honest: Arc<Honest>,
    transport: Transport,
    authority: Arc<Authority>,
    wrong: Mutex<Option<Wrong>>,
    requests: AtomicUsize,
    /// The number of POSTs.
    posts: AtomicUsize,
    /// Closes the open connections.
    connections: Mutex<CancellationToken>,
}

impl Front {
    /// Starts a front on a free port of this address.
    pub async fn start(
        honest: &Arc<Honest>,
        transport: Transport,
        authority: &Arc<Authority>,
        address: Ipv4Addr,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if transport == Transport::Plain { "http" } else { "https" };
        let shared = Arc::new(Shared {
            honest: Arc::clone(honest),
            transport,
            authority: Arc::clone(authority),
            wrong: Mutex::default(),
            requests: AtomicUsize::new(0),
            posts: AtomicUsize::new(0),
            connections: Mutex::default(),
        });
        let listening = tokio::spawn(Arc::clone(&shared).listen(listener));
        Self { base_url: format!("{scheme}://{address}/client/v4"), address, shared, listening }
    }

    /// Puts a fault in force.
    pub async fn spoil(&mut self, wrong: Wrong) {
        if matches!(wrong, Wrong::Refused) {
            self.listening.abort();
            let _ = (&mut self.listening).await;
        }
        if matches!(wrong, Wrong::Refused | Wrong::Untrusted | Wrong::Expired) {
            self.shared.disconnect();
        }
        *self.shared.wrong.lock().unwrap() = Some(wrong);
    }

    /// Puts a fault in force and closes all connections, whatever the client is doing.
    pub fn spoil_at_once(&self, wrong: &Wrong) {
        if matches!(wrong, Wrong::Refused) {
            self.listening.abort();
        }
        *self.shared.wrong.lock().unwrap() = Some(wrong.clone());
        self.shared.disconnect();
    }

    /// Spoils one response.
    pub fn spoil_once(&self, once: Once) {
        *self.shared.wrong.lock().unwrap() = Some(Wrong::Once(once));
    }

    /// Clears the fault.
    pub async fn mend(&mut self) {
        let wrong = self.shared.wrong.lock().unwrap().take();
        if matches!(wrong, Some(Wrong::Refused)) {
            while !self.listening.is_finished() {
                tokio::task::yield_now().await;
            }
            let listener = TcpListener::bind(self.address).await.unwrap();
            self.listening = tokio::spawn(Arc::clone(&self.shared).listen(listener));
        }
    }

    /// Returns the number of requests received.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Returns the number of POSTs received.
    pub fn posts(&self) -> usize {
        self.shared.posts.load(Ordering::Relaxed)
    }

    /// Returns a function that returns the number of requests received.
    pub fn counter(&self) -> Arc<dyn Fn() -> usize + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || shared.requests.load(Ordering::Relaxed))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.listening.abort();
        self.shared.disconnect();
    }
}

impl Shared {
    fn disconnect(&self) {
        std::mem::take(&mut *self.connections.lock().unwrap()).cancel();
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (shared, ended) = (Arc::clone(&self), self.connections.lock().unwrap().clone());
            tokio::spawn(async move { ended.run_until_cancelled(shared.converse(stream)).await });
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let breaker = Breaker::default();
        let (shared, tripped) = (Arc::clone(&self), breaker.clone());
        let service = service_fn(move |request| Arc::clone(&shared).answer(request, tripped.clone()));
        // the end of a connection is up to the client
        if self.transport == Transport::Plain {
            let stream = TokioIo::new(Breakable::new(Io::Plain(stream), breaker.clone()));
            let _ = http1::Builder::new().serve_connection(stream, service).await;
        } else if let Ok(stream) = self.acceptor().accept(stream).await {
            let stream = TokioIo::new(Breakable::new(Io::Tls(Box::new(stream)), breaker.clone()));
            let builder = http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(stream, service).await;
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(match *self.wrong.lock().unwrap() {
            Some(Wrong::Untrusted) => &self.authority.untrusted,
            Some(Wrong::Expired) => &self.authority.expired,
            _ => &self.authority.good,
        }))
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        breaker: Breaker,
    ) -> io::Result<Response<Body>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or(""));
        let asked = endpoint(&head.method, path);
        self.posts.fetch_add(usize::from(head.method == Method::POST), Ordering::Relaxed);
        let mut lacks = false;
        let once = self.once(asked);
        if once.as_ref().is_some_and(|once| once.is_carried_out) {
            self.honest.answer(&head, &body).await?;
        }
        let wrong = match &*self.wrong.lock().unwrap() {
            _ if once.is_some() => once.map(|once| once.answer),
            Some(Wrong::Answers(endpoint, answer)) if *endpoint == asked => Some(answer.clone()),
            Some(Wrong::LaterPages(answer)) if asked == Endpoint::ZoneList && query.contains("page=2&") => {
                Some(answer.clone())
            }
            Some(Wrong::Lost(answer)) if asked == Endpoint::ZoneGet => Some(answer.clone()),
            Some(Wrong::Lost(_)) => {
                lacks = asked == Endpoint::ZoneList;
                None
            }
            Some(Wrong::Zone(answer)) if !matches!(asked, Endpoint::ZoneList | Endpoint::TokenVerify) => {
                Some(answer.clone())
            }
            Some(Wrong::Hostnames(answers)) => numbered(path).and_then(|number| answers.get(number).cloned()),
            _ => None,
        };
        let Some(wrong) = wrong else {
            let (answer, body) = self.honest.answer(&head, &body).await?;
            return Ok(if lacks { answer.map(|_| whole(without_lost(&body))) } else { answer });
        };
        match wrong {
            Answer::Whole(status, headers, body) => Ok(response(status, headers, whole(body))),
            Answer::Endless(headers, first, again) => {
                let chunks = stream::iter([first]).chain(stream::repeat(again));
                Ok(response(200, headers, streamed(chunks.map(Ok))))
            }
            Answer::Drip => {
                let drops = stream::repeat(()).then(async |()| {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(Bytes::from_static(b" "))
                });
                Ok(response(200, Vec::new(), streamed(drops)))
            }
            Answer::Hang => std::future::pending().await,
            Answer::Cut { announced } => {
                let (honest, body) = self.honest.answer(&head, &body).await?;
                let length = announced.then(|| ("content-length", body.len().to_string()));
                let half = stream::iter([Ok(body.slice(..body.len() / 2))]);
                let end = stream::once(async {
                    // an immediate error would discard data not yet sent
                    tokio::task::yield_now().await;
                    Err(io::ErrorKind::ConnectionAborted.into())
                });
                let status = honest.status().as_u16();
                Ok(response(status, length.into_iter().collect(), streamed(half.chain(end))))
            }
            Answer::Dropped => Err(io::ErrorKind::ConnectionAborted.into()),
            Answer::Broken(how) => {
                breaker.trip(how);
                Ok(response(200, Vec::new(), whole(Bytes::new())))
            }
        }
    }
}

impl Shared {
    /// Returns the fault of this one response, and clears it.
    fn once(&self, asked: Endpoint) -> Option<Once> {
        let mut wrong = self.wrong.lock().unwrap();
        let Some(Wrong::Once(once)) = &mut *wrong else { return None };
        if once.endpoint != asked {
            return None;
        }
        if once.skip > 0 {
            once.skip -= 1;
            return None;
        }
        let once = once.clone();
        *wrong = None;
        Some(once)
    }
}

impl Honest {
    /// Returns the responses of the API at this URL, each requested only once.
    pub fn of(api: &str) -> Arc<Self> {
        Self::new(api, true)
    }

    /// Returns the responses of the API at this URL, requested again each time.
    pub fn changing(api: &str) -> Arc<Self> {
        Self::new(api, false)
    }

    fn new(api: &str, is_kept: bool) -> Arc<Self> {
        let http = reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]).build().unwrap();
        Arc::new(Self {
            api: api.trim_end_matches("/client/v4").to_owned(),
            is_kept,
            http,
            answers: Default::default(),
        })
    }

    /// Returns the response, and its body again.
    async fn answer(&self, head: &Parts, body: &Bytes) -> io::Result<(Response<Body>, Bytes)> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut answers = self.answers.lock().await;
        let key = format!("{} {target}", head.method);
        if !self.is_kept || !answers.contains_key(&key) {
            let mut asked = self.http.request(head.method.clone(), format!("{}{target}", self.api));
            for name in [AUTHORIZATION, CONTENT_TYPE] {
                if let Some(value) = head.headers.get(&name) {
                    asked = asked.header(name, value);
                }
            }
            let mut answer = asked.body(body.clone()).send().await.map_err(io::Error::other)?;
            let (status, mut headers) = (answer.status(), std::mem::take(answer.headers_mut()));
            headers.remove(CONTENT_LENGTH);
            let body = answer.bytes().await.map_err(io::Error::other)?;
            answers.insert(key.clone(), (status, headers, body));
        }
        let (status, headers, body) = answers[&key].clone();
        let mut response = Response::new(whole(body.clone()));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok((response, body))
    }
}

/// Returns the API method of a request.
fn endpoint(method: &Method, path: &str) -> Endpoint {
    let path = path.strip_prefix("/client/v4/").unwrap_or(path);
    let parts: Vec<_> = path.split('/').collect();
    match parts[..] {
        ["zones"] => Endpoint::ZoneList,
        ["zones", _] => Endpoint::ZoneGet,
        ["zones", _, "settings", "tls_client_auth"] => Endpoint::GlobalSwitchGet,
        ["zones", _, "settings", "ssl"] => Endpoint::SslModeGet,
        ["zones", _, "dns_records"] => Endpoint::DnsRecordList,
        ["ips"] => Endpoint::IpRangeList,
        ["zones", _, "origin_tls_client_auth"] => Endpoint::ZoneCertificateList,
        ["zones", _, _, "settings"] => Endpoint::ZoneSettings,
        ["zones", _, _, "hostnames"] if method == Method::PUT => Endpoint::HostnamePut,
        ["zones", _, _, "hostnames"] => Endpoint::HostnameList,
        ["zones", _, _, "hostnames", "certificates"] if method == Method::POST => Endpoint::CertificatePost,
        ["zones", _, _, "hostnames", "certificates"] => Endpoint::CertificateList,
        ["zones", _, _, "hostnames", "certificates", _] if method == Method::DELETE => {
            Endpoint::CertificateDelete
        }
        ["zones", _, _, "hostnames", "certificates", _] => Endpoint::CertificateGet,
        ["zones", _, _, "hostnames", _] => Endpoint::HostnameGet,
        [.., "tokens", "verify"] => Endpoint::TokenVerify,
        _ => panic!("unexpected request {method} {path}"),
    }
}

/// Removes the lost zone from a page of zones.
fn without_lost(page: &[u8]) -> Bytes {
    let mut page: serde_json::Value = serde_json::from_slice(page).unwrap();
    page["result"].as_array_mut().unwrap().retain(|zone| zone["name"] != LOST);
    let total = page["result_info"]["total_count"].as_u64().unwrap();
    page["result_info"]["total_count"] = (total - 1).into();
    page.to_string().into()
}

/// Returns the number of the hostname at the end of a path.
fn numbered(path: &str) -> Option<usize> {
    path.rsplit_once("/f")?.1.strip_suffix(".example.com")?.parse().ok()
}

fn response(status: u16, headers: Vec<(&'static str, String)>, body: Body) -> Response<Body> {
    let response = Response::builder().status(status);
    headers
        .into_iter()
        .fold(response, |response, header| response.header(header.0, header.1))
        .body(body)
        .unwrap()
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn streamed(chunks: impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}
