//! The HTTP server: the routes, and who may use them.

mod auth;
mod complaints;
mod host;
mod listen;
mod negotiate;
mod options;
mod page;
mod response;
mod status_json;
mod status_page;
mod tls;

use std::fmt::Display;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderValue, VARY};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::Judge;
use crate::listener::{self, Connection, Limits, Observer, Peer, Verified};
use crate::metrics::Source;
use auth::Refusal;
use complaints::Complaints;
use page::{Fill, Pages};
use response::{Body, Why, busy, not_allowed, refuse, text, unauthorized};
use status_json::StatusJson;

pub use auth::{Hash, HashError, NoRandomness, Users};
pub use listen::{Listen, ListenError, name as host_name};
pub use options::Options;
pub use status_json::Judged;
pub use tls::{Material, MinVersion, Tls, TlsError};

/// How long after its start a process counts as ready, whatever it has read by then.
pub const GRACE: Duration = Duration::from_secs(60);

/// The slots of `/metrics`, which pages for people cannot take.
const SCRAPES: page::Limits = page::Limits { pages: 8, of_peer: 6 };

/// The slots of all other pages.
const PAGES: page::Limits = page::Limits { pages: 4, of_peer: 3 };

/// A reload request, answered once the new configuration is in force or with its errors.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// What the routes answer from.
pub struct App {
    source: Source,
    options: watch::Receiver<Arc<Options>>,
    reload: mpsc::Sender<Reload>,
    ready_by: Instant,
    scrapes: Pages,
    pages: Pages,
    complaints: Complaints,
    /// The host name in the listen address.
    name: Option<String>,
    /// Whether only this machine reaches the listener.
    is_loopback: bool,
}

impl App {
    /// Answers from `source`, and sends reload requests to `reload`.
    ///
    /// It is ready at `ready_by` at the latest: [`GRACE`] after the start, or at once if earlier readings were loaded.
    pub fn new(
        source: Source,
        options: watch::Receiver<Arc<Options>>,
        reload: mpsc::Sender<Reload>,
        ready_by: Instant,
    ) -> Self {
        let [scrapes, pages] = [SCRAPES, PAGES].map(|limits| {
            let telemetry = Arc::clone(&source.telemetry);
            Pages::new(limits, move || telemetry.http_page_evicted())
        });
        let complaints = Complaints::default();
        let (name, is_loopback) = (None, false);
        Self { source, options, reload, ready_by, scrapes, pages, complaints, name, is_loopback }
    }

    /// Answers to this host name as well, the one in the listen address.
    #[must_use]
    pub fn named(self, name: Option<&str>) -> Self {
        Self { name: name.map(str::to_owned), ..self }
    }

    /// Answers a request, and counts it. Warns if its client is refused.
    async fn answer(&self, request: &request::Parts) -> Response<Body> {
        let response = self.route(request).await;
        let (route, status) = (route_label(request.uri.path()), response.status());
        self.source.telemetry.http_request(route, status.as_u16());
        let is_refused = matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE
        );
        if is_refused
            && !is_health(route)
            && let Some(peer) = request.extensions.get::<Peer>()
        {
            let why = response.extensions().get().map_or("stopping", |Why(why)| *why);
            let what = format_args!("refused a request for {route}: {status}: {why}");
            self.complaints.warn(peer.network(), what);
        }
        response
    }

    /// The routes.
    async fn route(&self, request: &request::Parts) -> Response<Body> {
        let path = request.uri.path();
        // a health probe has neither certificate nor password, and learns no more than from a port scan
        if !is_health(path) {
            if let Some(refused) = self.refuse_host(request) {
                return refused;
            }
            if let Err(refused) = self.authenticate(request).await {
                return refused;
            }
        }
        match (path, &request.method) {
            ("/-/reload", &Method::POST) => self.reload().await,
            ("/-/reload", _) => not_allowed("method not allowed; use POST\n", "POST"),
            ("/" | "/metrics" | "/api/v1/status" | "/-/healthy" | "/-/ready", method)
                if !matches!(*method, Method::GET | Method::HEAD) =>
            {
                not_allowed("method not allowed; use GET or HEAD\n", "GET, HEAD")
            }
            ("/", _) => self.status_page(request).await,
            ("/metrics", _) => self.metrics(request).await,
            ("/api/v1/status", _) => self.status_json(request).await,
            ("/-/healthy", _) => text(StatusCode::OK, "healthy\n"),
            ("/-/ready", _) => self.ready(),
            _ => text(StatusCode::NOT_FOUND, "not found; / links to what is served\n"),
        }
    }

    /// Refuses a request that does not name this server as its host.
    fn refuse_host(&self, request: &request::Parts) -> Option<Response<Body>> {
        let options = Arc::clone(&self.options.borrow());
        let is_own = |name: &str| {
            let is_allowed = match &options.allowed_hosts {
                Some(names) => names.iter().any(|allowed| allowed == name),
                None => !self.is_loopback,
            };
            is_allowed || self.name.as_deref() == Some(name)
        };
        host::check(request, is_own).err().map(|refusal| match refusal {
            host::Refusal::Invalid => {
                text(StatusCode::BAD_REQUEST, "expected exactly one valid Host header\n")
            }
            host::Refusal::Foreign(name) => refuse(
                StatusCode::FORBIDDEN,
                format!("host name {name} is not allowed; to allow it, add it to server.allowed_hosts\n"),
                "host name not allowed",
            ),
        })
    }

    /// Refuses a client without the certificate or the password that the options require.
    async fn authenticate(&self, request: &request::Parts) -> Result<(), Response<Body>> {
        let options = Arc::clone(&self.options.borrow());
        let wants_certificate = options.tls.as_ref().is_some_and(Tls::wants_client);
        if wants_certificate && request.extensions.get::<Verified>().is_none() {
            let answer = "client certificate required\n";
            return Err(refuse(StatusCode::FORBIDDEN, answer, "no client certificate"));
        }
        let Some(users) = &options.users else { return Ok(()) };
        let gone = async {
            match request.extensions.get::<Connection>() {
                Some(connection) => connection.hung_up().await,
                None => pending().await,
            }
        };
        users.check(request.headers.get(AUTHORIZATION), gone).await.map_err(|refusal| match refusal {
            Refusal::Busy => busy("too many passwords are being checked"),
            Refusal::Unknown => unauthorized(),
        })
    }

    async fn metrics(&self, request: &request::Parts) -> Response<Body> {
        let format = negotiate::format(&request.headers);
        let view = self.options.borrow().view;
        let content_type = HeaderValue::from_static(format.content_type());
        let page = || self.source.page(format, view);
        let mut response = self.scrapes.answer(request, content_type, page).await;
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        response
    }

    async fn status_page(&self, request: &request::Parts) -> Response<Body> {
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let page = || status_page::render(&self.judge());
        let mut response = self.pages.answer(request, content_type, page).await;
        status_page::protect(response.headers_mut());
        response
    }

    async fn status_json(&self, request: &request::Parts) -> Response<Body> {
        let content_type = HeaderValue::from_static("application/json");
        self.pages.answer(request, content_type, || StatusJson::new(self.judge())).await
    }

    fn judge(&self) -> Judge {
        self.source.judge(self.options.borrow().view.thresholds)
    }

    fn ready(&self) -> Response<Body> {
        if self.source.snapshot.borrow().is_tried() || Instant::now() >= self.ready_by {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: some zones have not been polled yet\n")
        }
    }

    /// Requests a reload, and answers once it is done.
    async fn reload(&self) -> Response<Body> {
        if !self.options.borrow().lifecycle {
            let answer = "reload is disabled; set server.lifecycle = true\n";
            return refuse(StatusCode::FORBIDDEN, answer, "reload is disabled");
        }
        let (answer, reloaded) = oneshot::channel();
        // if nothing receives requests any more, the answer fails as well
        let _ = self.reload.send(answer).await;
        match reloaded.await {
            Ok(Ok(())) => text(StatusCode::OK, "reloaded\n"),
            Ok(Err(errors)) => text(StatusCode::BAD_REQUEST, errors + "\n"),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is stopping\n"),
        }
    }
}

/// Whether a path is one of the health routes.
fn is_health(path: &str) -> bool {
    matches!(path, "/-/healthy" | "/-/ready")
}

/// The label of a path in metrics and logs: one of a closed set, since clients choose paths.
fn route_label(path: &str) -> &'static str {
    const ROUTES: [&str; 6] = ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/-/reload"];
    ROUTES.into_iter().find(|route| *route == path).unwrap_or("other")
}

impl Observer for App {
    fn connections(&self, open: usize) {
        self.source.telemetry.http_connections(open);
    }

    fn handshake_failed(&self, peer: Peer, why: &dyn Display) {
        self.complaints.warn(peer.network(), format_args!("a TLS handshake failed: {why}"));
    }
}

/// Serves the routes on `listener` until `shutdown`, then drains.
pub async fn serve(listener: TcpListener, mut app: App, limits: Limits, shutdown: impl Future<Output = ()>) {
    let address = listener.local_addr().ok();
    app.is_loopback = address.is_some_and(|address| address.ip().is_loopback());
    let app = Arc::new(app);
    let observer = Arc::clone(&app);
    let options = app.options.clone();
    let in_force = Arc::clone(&options.borrow());
    let (sender, tls) = watch::channel(in_force.tls.as_ref().map(Tls::acceptor));
    let service = move |request: Request<_>| {
        let app = Arc::clone(&app);
        async move {
            // no route reads a body
            let (head, _) = request.into_parts();
            app.answer(&head).await
        }
    };
    tokio::select! {
        // first, so that no connection is accepted with options that are no longer in force
        biased;
        () = options::follow(options, in_force, address, sender) => {}
        () = listener::serve(listener, limits, tls, service, observer, shutdown) => {}
    }
}

/// Appends the status as JSON, as `/api/v1/status` answers it.
pub fn status_json(judge: Judge, out: &mut Vec<u8>) {
    let mut json = StatusJson::new(judge);
    while json.fill(out, usize::MAX) {}
}
