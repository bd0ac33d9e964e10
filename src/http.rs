//! The routes: what is known, for Prometheus, for people and for scripts, and how the process fares.

mod auth;
mod negotiate;
mod page_body;
mod rendering;
mod status;
mod status_json;
mod status_page;
mod tls;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::domain::{Date, Snapshot, Thresholds};
use crate::listener::{self, Limits, Verified};
use crate::metrics::{Source, States};
use auth::Refusal;
use page_body::Fill;
use rendering::Renderings;
use status::Status;
use status_json::StatusJson;

pub use auth::{Hash, HashError, NoRandomness, Users};
pub use tls::{Material, MinVersion, Tls, TlsError};

/// How long after its start a process counts as ready, whatever it could read by then.
pub const GRACE: Duration = Duration::from_secs(60);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How is served: replaced as a whole when the configuration changes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which series a family of states has.
    pub states: States,
    /// Whether `POST /-/reload` is allowed.
    pub lifecycle: bool,
    /// How connections are secured, if they are.
    pub tls: Option<Tls>,
    /// Who may read anything but how the process fares; everybody where there is none.
    pub users: Option<Users>,
}

impl Options {
    /// Whether everybody may read all that is served.
    fn is_open(&self) -> bool {
        self.users.is_none() && !self.tls.as_ref().is_some_and(Tls::wants_client)
    }

    /// Warns where everybody who reaches `address` may read all that is served there.
    pub fn warn_if_open(&self, address: SocketAddr) {
        if self.is_open() && !address.ip().is_loopback() {
            tracing::warn!(%address, "everybody who reaches it may read: server.tls.client_ca_file and server.basic_auth_users say who may");
        }
    }

    /// These options in the place of those `before`, whose users need not show again who they are.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if let (Some(users), Some(before)) = (&mut self.users, &before.users) {
            users.succeed(before);
        }
        self
    }
}

/// The wish to have the configuration read again, answered once the new one is in force, or by what is wrong with it.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// What the routes answer from.
pub struct App {
    source: Source,
    options: watch::Receiver<Arc<Options>>,
    reload: mpsc::Sender<Reload>,
    ready_by: Instant,
    renderings: Renderings,
}

impl App {
    /// Answers from `source`, and is ready at `ready_by` at the latest.
    ///
    /// That is [`GRACE`] after the start, or the start itself where earlier readings were loaded. Wishes for another
    /// configuration are sent to `reload`.
    pub fn new(
        source: Source,
        options: watch::Receiver<Arc<Options>>,
        reload: mpsc::Sender<Reload>,
        ready_by: Instant,
    ) -> Self {
        Self { source, options, reload, ready_by, renderings: Renderings::default() }
    }
}

/// Serves the routes on `listener` until `shutdown`, then drains.
pub async fn serve(listener: TcpListener, app: App, limits: Limits, shutdown: impl Future<Output = ()>) {
    let app = Arc::new(app);
    let options = app.options.clone();
    let in_force = Arc::clone(&options.borrow());
    let (secure, secured) = watch::channel(in_force.tls.as_ref().map(Tls::acceptor));
    let address = listener.local_addr().ok();
    let service = move |request: Request<_>| {
        let app = Arc::clone(&app);
        async move {
            // no route reads a body
            let (head, _) = request.into_parts();
            app.answer(&head).await
        }
    };
    tokio::select! {
        // first, so that no connection is accepted by what is no longer in force
        biased;
        () = follow(options, in_force, address, secure) => {}
        () = listener::serve(listener, limits, secured, service, shutdown) => {}
    }
}

/// Has connections secured as the options say, and warns where they open the door; only where that has changed.
async fn follow(
    mut options: watch::Receiver<Arc<Options>>,
    mut in_force: Arc<Options>,
    address: Option<SocketAddr>,
    secure: watch::Sender<Option<TlsAcceptor>>,
) {
    while options.changed().await.is_ok() {
        let before = mem::replace(&mut in_force, Arc::clone(&options.borrow_and_update()));
        if in_force.tls != before.tls {
            secure.send_replace(in_force.tls.as_ref().map(Tls::acceptor));
        }
        if let Some(address) = address
            && !before.is_open()
        {
            in_force.warn_if_open(address);
        }
    }
    // nobody changes them any more
    pending::<()>().await;
}

/// Appends what is known as JSON, as `/api/v1/status` answers it.
pub fn status_json(snapshot: Arc<Snapshot>, thresholds: Thresholds, now: Date, out: &mut Vec<u8>) {
    let mut json = StatusJson::new(Status { snapshot, thresholds, now });
    while json.fill(out, usize::MAX) {}
}

impl App {
    async fn answer(&self, request: &request::Parts) -> Response<Body> {
        // a probe has neither certificate nor password, and learns nothing that a port scan would not tell
        if !matches!(request.uri.path(), "/-/healthy" | "/-/ready")
            && let Err(refused) = self.admit(request).await
        {
            return refused;
        }
        let head = request.method == Method::HEAD;
        let asked = Asked { head, headers: &request.headers };
        match request.uri.path() {
            "/-/reload" => self.reload(&request.method).await,
            _ if !head && request.method != Method::GET => {
                not_allowed("only GET and HEAD are answered here\n", "GET, HEAD")
            }
            "/" => self.status_page(asked).await,
            "/metrics" => self.metrics(asked).await,
            "/api/v1/status" => self.status_json(asked).await,
            "/-/healthy" => text(StatusCode::OK, "healthy\n"),
            "/-/ready" => self.ready(),
            _ => text(StatusCode::NOT_FOUND, "not found, / lists what there is\n"),
        }
    }

    /// Refuses a client without the certificate or the password that are asked for.
    async fn admit(&self, request: &request::Parts) -> Result<(), Response<Body>> {
        let options = Arc::clone(&self.options.borrow());
        let wants_certificate = options.tls.as_ref().is_some_and(Tls::wants_client);
        if wants_certificate && request.extensions.get::<Verified>().is_none() {
            return Err(text(StatusCode::FORBIDDEN, "a client certificate is needed here\n"));
        }
        let Some(users) = &options.users else { return Ok(()) };
        users.admit(request.headers.get(AUTHORIZATION)).await.map_err(|refusal| match refusal {
            Refusal::Busy => busy("too many passwords are being tried\n"),
            Refusal::Unknown => {
                let mut response = text(StatusCode::UNAUTHORIZED, "user and password are needed here\n");
                let challenge =
                    HeaderValue::from_static("Basic realm=\"cloudflare-aop-exporter\", charset=\"UTF-8\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                response
            }
        })
    }

    async fn metrics(&self, asked: Asked<'_>) -> Response<Body> {
        let format = negotiate::format(asked.headers);
        let states = self.options.borrow().states;
        let content_type = HeaderValue::from_static(format.content_type());
        let mut response =
            self.renderings.answer(asked, content_type, || self.source.page(format, states)).await;
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        response
    }

    async fn status_page(&self, asked: Asked<'_>) -> Response<Body> {
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let page = || status_page::render(&self.status());
        let mut response = self.renderings.answer(asked, content_type, page).await;
        status_page::protect(response.headers_mut());
        response
    }

    async fn status_json(&self, asked: Asked<'_>) -> Response<Body> {
        let content_type = HeaderValue::from_static("application/json");
        self.renderings.answer(asked, content_type, || StatusJson::new(self.status())).await
    }

    fn status(&self) -> Status {
        let snapshot = Arc::clone(&self.source.snapshot.borrow());
        Status { snapshot, thresholds: Thresholds::default(), now: self.source.clock.now().into() }
    }

    fn ready(&self) -> Response<Body> {
        let all_tried = self.source.snapshot.borrow().zones().iter().all(|zone| zone.is_tried());
        if all_tried || Instant::now() >= self.ready_by {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: some zones were not tried yet\n")
        }
    }

    /// Has the configuration read again, and answers when the new one is in force.
    async fn reload(&self, method: &Method) -> Response<Body> {
        if *method != Method::POST {
            return not_allowed("only POST is answered here\n", "POST");
        }
        if !self.options.borrow().lifecycle {
            return text(StatusCode::FORBIDDEN, "server.lifecycle is not true in the configuration\n");
        }
        let (answer, reloaded) = oneshot::channel();
        // where nobody listens any more, nobody answers either
        let _ = self.reload.send(answer).await;
        match reloaded.await {
            Ok(Ok(())) => text(StatusCode::OK, "reloaded\n"),
            Ok(Err(errors)) => text(StatusCode::BAD_REQUEST, errors + "\n"),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is stopping\n"),
        }
    }
}

/// What of a request matters to a route.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Whether the headers alone are wanted.
    head: bool,
    headers: &'a HeaderMap,
}

/// A short answer; hyper leaves its body out where only the head was asked for.
fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never: Infallible| match never {});
    respond(status, TEXT, body.boxed_unsync())
}

/// Asks to come again.
fn busy(why: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn not_allowed(why: &'static str, methods: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, why);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn respond(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    // every answer is about this very moment
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
