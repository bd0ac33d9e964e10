//! The HTTP server: the routes, and who may use them.

mod activity;
mod auth;
mod complaints;
mod host;
mod index;
mod json;
mod listen;
mod negotiate;
mod options;
mod page;
mod query;
mod response;
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

use crate::domain::{Entry, Judge, ZoneCertificate, ZoneState};
use crate::listener::{self, Connection, Limits, Observer, Peer, Verified};
use crate::metrics::Source;
use auth::Refusal;
use complaints::Complaints;
use index::{Index, Indexes};
use json::Listed;
use page::{Pages, Prepared};
use query::{Query, Sort};
use response::{Body, Why, busy, not_allowed, not_found, refuse, text, unauthorized};

pub use activity::{Activity, LookUp, Quota, Reloads};
pub use auth::{Hash, HashError, NoRandomness, Users};
pub use json::{Judged, ReadingFields, everything};
pub use listen::{Listen, ListenError, name as host_name};
pub use options::Options;
pub use tls::{Material, MinVersion, Tls, TlsError};

/// How long after its start a process counts as ready, whatever it has read by then.
pub const GRACE: Duration = Duration::from_secs(60);

/// The slots of `/metrics`, which pages for people cannot take.
const SCRAPES: page::Limits = page::Limits { pages: 8, of_peer: 6 };

/// The slots of all other pages.
const PAGES: page::Limits = page::Limits { pages: 4, of_peer: 3 };

const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
    indexes: Indexes,
    activity: LookUp,
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
        let (indexes, activity): (_, LookUp) = (Indexes::default(), Arc::new(Activity::default));
        let (name, is_loopback) = (None, false);
        Self {
            source,
            options,
            reload,
            ready_by,
            scrapes,
            pages,
            indexes,
            activity,
            complaints,
            name,
            is_loopback,
        }
    }

    /// Shows what the daemon does beside serving.
    #[must_use]
    pub fn showing(self, activity: LookUp) -> Self {
        Self { activity, ..self }
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
            (
                "/"
                | "/metrics"
                | "/api/v1/status"
                | "/api/v1/hostnames"
                | "/api/v1/certificates"
                | "/api/v1/zones"
                | "/-/healthy"
                | "/-/ready",
                method,
            ) if !matches!(*method, Method::GET | Method::HEAD) =>
            {
                not_allowed("method not allowed; use GET or HEAD\n", "GET, HEAD")
            }
            ("/", _) => self.status_page(request).await,
            ("/metrics", _) => self.metrics(request).await,
            ("/api/v1/status", _) => self.status_json(request).await,
            ("/api/v1/hostnames", _) => self.list::<Entry>(request).await,
            ("/api/v1/certificates", _) => self.list::<ZoneCertificate>(request).await,
            ("/api/v1/zones", _) => self.list::<ZoneState>(request).await,
            ("/-/healthy", _) => text(StatusCode::OK, "healthy\n"),
            ("/-/ready", _) => self.ready(),
            _ => not_found(),
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
        let page = || Prepared::from(status_page::render(&self.judge()).into_bytes());
        let mut response = self.pages.answer(request, content_type, page).await;
        status_page::protect(response.headers_mut());
        response
    }

    async fn status_json(&self, request: &request::Parts) -> Response<Body> {
        let activity = (self.activity)();
        self.made(request, JSON, move |index| Some(json::status(index, &activity))).await
    }

    /// A list as JSON.
    async fn list<T: Listed>(&self, request: &request::Parts) -> Response<Body> {
        match Query::parse(request.uri.query(), T::SORTS, Sort::Zone) {
            Ok(query) => self.made(request, JSON, move |index| Some(json::list::<T>(index, &query))).await,
            Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }

    /// Answers with a page that is made of the index, off the runtime's thread; 404 if `make` makes none.
    async fn made(
        &self,
        request: &request::Parts,
        content_type: HeaderValue,
        make: impl FnOnce(&Index) -> Option<Vec<u8>> + Send + 'static,
    ) -> Response<Body> {
        // asked for once there is a slot, so that a page shows the latest snapshot
        let index = async {
            let snapshot = Arc::clone(&self.source.snapshot.borrow());
            let thresholds = self.options.borrow().view.thresholds;
            self.indexes.get(snapshot, thresholds, self.source.clock.now().into()).await
        };
        self.pages.answer_made(request, content_type, index, move |index| make(&index)).await
    }

    fn judge(&self) -> Judge {
        self.source.judge(self.options.borrow().view.thresholds)
    }

    fn ready(&self) -> Response<Body> {
        let all_tried = self.source.snapshot.borrow().zones().iter().all(|zone| zone.is_tried());
        if all_tried || Instant::now() >= self.ready_by {
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
    const ROUTES: [&str; 9] = [
        "/",
        "/metrics",
        "/api/v1/status",
        "/api/v1/hostnames",
        "/api/v1/certificates",
        "/api/v1/zones",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
    ];
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
