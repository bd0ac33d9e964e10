//! Short responses and the headers that all responses share.

use std::convert::Infallible;
use std::io;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Builds a response with the common headers.
pub(super) fn respond(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    // every response describes the moment of its request, so it must not be cached
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Builds a response with one line of text. hyper omits the body for HEAD.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never: Infallible| match never {});
    respond(status, TEXT, body.boxed_unsync())
}

/// A response extension with the reason for a refusal, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Why(pub(super) &'static str);

/// Builds a refusal with its reason for the log.
pub(super) fn refuse(status: StatusCode, answer: impl Into<Bytes>, why: &'static str) -> Response<Body> {
    let mut response = text(status, answer);
    response.extensions_mut().insert(Why(why));
    response
}

/// Builds a 503 with `Retry-After`.
pub(super) fn busy(why: &'static str) -> Response<Body> {
    let answer = format!("{why}; try again\n");
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, answer, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Builds a 404.
pub(super) fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "not found; see / for the available pages\n")
}

/// Builds a 500, for a panic that was already logged.
pub(super) fn failed() -> Response<Body> {
    text(StatusCode::INTERNAL_SERVER_ERROR, "failed to render this page; see the exporter's log\n")
}

/// Builds a 405 with `Allow`.
pub(super) fn not_allowed(why: &'static str, methods: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, why);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Builds a 401 with a challenge for the scheme `Basic`.
pub(super) fn unauthorized() -> Response<Body> {
    const CHALLENGE: HeaderValue =
        HeaderValue::from_static("Basic realm=\"cloudflare-aop-exporter\", charset=\"UTF-8\"");
    let answer = "user and password required\n";
    let mut response = refuse(StatusCode::UNAUTHORIZED, answer, "unknown user or wrong password");
    response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    response
}
