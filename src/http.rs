//! The HTTP server: the routes, and who may use them.

mod activity;
mod auth;
mod complaints;
mod guard;
mod host;
mod index;
mod json;
mod listen;
mod negotiate;
mod options;
mod page;
mod pages;
mod query;
mod response;
mod route;
mod tls;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderValue, VARY};
use hyper::http::request;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::{Entry, ZoneCertificate, ZoneState};
use crate::listener::{self, Limits, Observer, Peer};
use crate::metrics::Source;
use complaints::Complaints;
use index::{Index, Indexes};
use json::Listed;
use page::Pages;
use query::{Query, Sort};
use response::{Body, Why, not_allowed, not_found, refuse, text};
use route::Route;

pub use activity::{Activity, LookUp, Quota, Reloads};
pub use auth::{Hash, HashError, NoRandomness, Users};
pub use json::{CertificateRow, Judged, ReadingFields, everything};
pub use listen::{Listen, ListenError, name as host_name};
pub use options::Options;
pub use tls::{Material, MinVersion, Tls, TlsError};

/// The routes by path. A name in braces matches one path segment.
const ROUTES: [(&str, Route); 14] = [
    ("/", Route::Page(pages::Kind::Overview)),
    ("/hostnames/{zone}/{hostname}", Route::Page(pages::Kind::Hostname)),
    ("/certificates", Route::Page(pages::Kind::Certificates)),
    ("/certificates/{zone}/{cert_id}", Route::Page(pages::Kind::Certificate)),
    ("/zones", Route::Page(pages::Kind::Zones)),
    ("/runbooks", Route::Page(pages::Kind::Runbooks)),
    ("/metrics", Route::Metrics),
    ("/api/v1/status", Route::Status),
    ("/api/v1/hostnames", Route::Hostnames),
    ("/api/v1/certificates", Route::Certificates),
    ("/api/v1/zones", Route::Zones),
    ("/-/healthy", Route::Healthy),
    ("/-/ready", Route::Ready),
    ("/-/reload", Route::Reload),
];

/// The time after the start of a process from which it counts as ready, even if it has read nothing.
pub const GRACE: Duration = Duration::from_secs(60);

/// The slots for `/metrics`. Other pages cannot take them.
const SCRAPES: page::Limits = page::Limits { pages: 8, of_peer: 6 };

/// The slots for all other pages.
const PAGES: page::Limits = page::Limits { pages: 4, of_peer: 3 };

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A reload request, answered once the new configuration is in force or with its errors.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// The state behind the routes.
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
    /// True if the listener is reachable only from this machine.
    is_loopback: bool,
}

impl App {
    /// Creates an app that serves `source` and sends reload requests to `reload`.
    ///
    /// It reports ready at `ready_by` at the latest: [`GRACE`] after the start, or at once if earlier
    /// readings were loaded.
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

    /// Includes the daemon's activity in status responses and pages.
    #[must_use]
    pub fn showing(self, activity: LookUp) -> Self {
        Self { activity, ..self }
    }

    /// Also accepts `name`, the host name in the listen address, in `Host`.
    #[must_use]
    pub fn named(self, name: Option<&str>) -> Self {
        Self { name: name.map(str::to_owned), ..self }
    }

    /// Answers and counts a request. Logs a warning if the client is refused.
    async fn answer(&self, request: &request::Parts) -> Response<Body> {
        let route = Route::find(request.uri.path());
        let response = self.route(route, request).await;
        let (label, status) = (Route::label(route), response.status());
        self.source.telemetry.http_request(label, status.as_u16());
        let is_refused = matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE
        );
        if is_refused
            && !route.is_some_and(Route::is_health)
            && let Some(peer) = request.extensions.get::<Peer>()
        {
            let why = response.extensions().get().map_or("stopping", |Why(why)| *why);
            let what = format_args!("refused a request for {label}: {status}: {why}");
            self.complaints.warn(peer.network(), what);
        }
        response
    }

    async fn route(&self, route: Option<Route>, request: &request::Parts) -> Response<Body> {
        // health checks have no credentials and reveal no more than a port scan
        if !route.is_some_and(Route::is_health) {
            if let Some(refused) = self.refuse_host(request) {
                return refused;
            }
            if let Err(refused) = self.authenticate(request).await {
                return refused;
            }
        }
        let Some(route) = route else { return not_found() };
        if let Err((why, methods)) = route.takes(&request.method) {
            return not_allowed(why, methods);
        }
        match route {
            Route::Page(kind) => self.page(kind, request).await,
            Route::Metrics => self.metrics(request).await,
            Route::Status => self.status_json(request).await,
            Route::Hostnames => self.list::<Entry>(request).await,
            Route::Certificates => self.list::<ZoneCertificate>(request).await,
            Route::Zones => self.list::<ZoneState>(request).await,
            Route::Healthy => text(StatusCode::OK, "healthy\n"),
            Route::Ready => self.ready(),
            Route::Reload => self.reload().await,
        }
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

    async fn status_json(&self, request: &request::Parts) -> Response<Body> {
        if let Err(error) = Query::none(request.uri.query()) {
            return text(StatusCode::BAD_REQUEST, format!("{error}\n"));
        }
        let activity = (self.activity)();
        self.made(request, JSON, move |index| Some(json::status(index, &activity))).await
    }

    /// Answers with a list as JSON.
    async fn list<T: Listed>(&self, request: &request::Parts) -> Response<Body> {
        match Query::parse(request.uri.query(), Sort::Zone) {
            Ok(query) => self.made(request, JSON, move |index| Some(json::list::<T>(index, &query))).await,
            Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }

    /// Answers with a page that `make` builds from the index on a blocking thread, or with 404 if it returns
    /// none.
    async fn made(
        &self,
        request: &request::Parts,
        content_type: HeaderValue,
        make: impl FnOnce(&Index) -> Option<Vec<u8>> + Send + 'static,
    ) -> Response<Body> {
        // runs once the request has a slot, so that the page shows the latest snapshot
        let index = async {
            let snapshot = Arc::clone(&self.source.snapshot.borrow());
            let thresholds = self.options.borrow().view.thresholds;
            self.indexes.get(snapshot, thresholds, self.source.clock.now().into()).await
        };
        self.pages.answer_made(request, content_type, index, move |index| make(&index)).await
    }

    fn ready(&self) -> Response<Body> {
        if self.source.snapshot.borrow().is_tried() || Instant::now() >= self.ready_by {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: some zones have not been polled yet\n")
        }
    }

    /// Requests a reload and answers once it is done.
    async fn reload(&self) -> Response<Body> {
        if !self.options.borrow().lifecycle {
            let answer = "reload is disabled; set server.lifecycle = true\n";
            return refuse(StatusCode::FORBIDDEN, answer, "reload is disabled");
        }
        let (answer, reloaded) = oneshot::channel();
        // if the receiver is gone, waiting for the result fails as well
        let _ = self.reload.send(answer).await;
        match reloaded.await {
            Ok(Ok(())) => text(StatusCode::OK, "reloaded\n"),
            Ok(Err(errors)) => text(StatusCode::BAD_REQUEST, errors + "\n"),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is stopping\n"),
        }
    }
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
    app.is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
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
        // options first, so that no connection is accepted under outdated ones
        biased;
        () = options::follow(options, in_force, sender) => {}
        () = listener::serve(listener, limits, tls, service, observer, shutdown) => {}
    }
}
