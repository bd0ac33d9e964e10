//! The routes: what is known, for Prometheus, for people and for scripts, and how the process fares.

mod negotiate;
mod page_body;
mod rendering;
mod status;
mod status_json;
mod status_page;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::domain::{Date, Snapshot, Thresholds};
use crate::listener::{self, Limits};
use crate::metrics::{Format, Source};
use page_body::Fill;
use rendering::Renderings;
use status::Status;
use status_json::StatusJson;

/// How long after its start a process counts as ready, whatever it could read by then.
pub const GRACE: Duration = Duration::from_secs(60);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the routes answer from.
pub struct App {
    source: Source,
    ready_by: Instant,
    renderings: Renderings,
}

impl App {
    /// Answers from `source`, and is ready at `ready_by` at the latest.
    ///
    /// That is [`GRACE`] after the start, or the start itself where earlier readings were loaded.
    pub fn new(source: Source, ready_by: Instant) -> Self {
        Self { source, ready_by, renderings: Renderings::default() }
    }
}

/// Serves the routes on `listener` until `shutdown`, then drains.
pub async fn serve(listener: TcpListener, app: App, limits: Limits, shutdown: impl Future<Output = ()>) {
    let app = Arc::new(app);
    let service = move |request: Request<_>| ready(app.answer(&request));
    listener::serve(listener, limits, service, shutdown).await;
}

/// Appends what is known as JSON, as `/api/v1/status` answers it.
pub fn status_json(snapshot: Arc<Snapshot>, thresholds: Thresholds, now: Date, out: &mut Vec<u8>) {
    let mut json = StatusJson::new(Status { snapshot, thresholds, now });
    while json.fill(out, usize::MAX) {}
}

impl App {
    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let route = match request.uri().path() {
            "/" => Self::status_page,
            "/metrics" => Self::metrics,
            "/api/v1/status" => Self::status_json,
            "/-/healthy" => Self::healthy,
            "/-/ready" => Self::ready,
            _ => return text(StatusCode::NOT_FOUND, "not found, / lists what there is\n"),
        };
        let head = *request.method() == Method::HEAD;
        if head || *request.method() == Method::GET {
            route(self, Asked { head, headers: request.headers() })
        } else {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    }

    fn metrics(&self, asked: Asked<'_>) -> Response<Body> {
        let format = negotiate::format(asked.headers);
        let content_type = HeaderValue::from_static(match format {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        });
        let mut response = self.renderings.answer(asked, content_type, || self.source.page(format));
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        response
    }

    fn status_page(&self, asked: Asked<'_>) -> Response<Body> {
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let page = || status_page::render(&self.status());
        let mut response = self.renderings.answer(asked, content_type, page);
        status_page::protect(response.headers_mut());
        response
    }

    fn status_json(&self, asked: Asked<'_>) -> Response<Body> {
        let content_type = HeaderValue::from_static("application/json");
        self.renderings.answer(asked, content_type, || StatusJson::new(self.status()))
    }

    fn status(&self) -> Status {
        let snapshot = Arc::clone(&self.source.snapshot.borrow());
        Status { snapshot, thresholds: Thresholds::default(), now: self.source.clock.now().into() }
    }

    fn healthy(&self, _: Asked<'_>) -> Response<Body> {
        text(StatusCode::OK, "healthy\n")
    }

    fn ready(&self, _: Asked<'_>) -> Response<Body> {
        let all_tried = self.source.snapshot.borrow().zones().iter().all(|zone| zone.is_tried());
        if all_tried || Instant::now() >= self.ready_by {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: some zones were not tried yet\n")
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
fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::from(text).map_err(|never: Infallible| match never {});
    respond(status, TEXT, body.boxed_unsync())
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
