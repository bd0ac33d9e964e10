//! Answers requests for pages.

use askama::Template;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use hyper::http::request;

use super::layout::Layout;
use super::{Kind, View, policy};
use crate::domain::{Entry, Hostname, Snapshot, ZoneCertificate, ZoneKey, ZoneName, ZoneState};
use crate::http::App;
use crate::http::index::Thing;
use crate::http::query::{Query, QueryError, Sort, decode, encode};
use crate::http::response::{Body, respond};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

impl App {
    /// Answers with a page, or with an error page.
    pub(in crate::http) async fn page(&self, kind: Kind, request: &request::Parts) -> Response<Body> {
        let snapshot = self.source.snapshot.borrow().clone();
        let mut response = match view(kind, request, &snapshot) {
            Ok(view) => {
                let activity = (self.activity)();
                self.made(request, HTML, move |index| super::render(index, &activity, &view)).await
            }
            Err(refusal) => refusal.answer(),
        };
        policy::protect(response.headers_mut());
        response
    }
}

/// Returns the view that a request names. Refuses one whose path names an unknown subject.
fn view(kind: Kind, request: &request::Parts, snapshot: &Snapshot) -> Result<View, Box<Refusal>> {
    let mut segments =
        request.uri.path().rsplit('/').map(|segment| decode(segment).unwrap_or_else(|| segment.to_owned()));
    let mut next = || segments.next().unwrap_or_default();
    let query = request.uri.query();
    Ok(match kind {
        Kind::Overview => View::Overview(parse::<Entry>(query)?),
        Kind::Certificates => View::Certificates(parse::<ZoneCertificate>(query)?),
        Kind::Zones => View::Zones(parse::<ZoneState>(query)?),
        Kind::Runbooks => View::Runbooks,
        Kind::Hostname => {
            let (hostname, zone) = (next(), next());
            let known = found(snapshot, &zone).and_then(|(key, zone)| {
                let hostname: Hostname = hostname.parse().ok()?;
                zone.entry(&hostname).map(|_| View::Hostname(key, hostname))
            });
            known.ok_or_else(|| Refusal::unknown("hostname", &hostname, &zone))?
        }
        Kind::Certificate => {
            let (id, zone) = (next(), next());
            let known = found(snapshot, &zone).and_then(|(key, zone)| {
                let known = zone.certificates().iter().find(|known| known.id.as_str() == id);
                known.map(|known| View::Certificate(key, known.id.clone()))
            });
            known.ok_or_else(|| Refusal::unknown("certificate", &id, &zone))?
        }
    })
}

fn parse<T: Thing>(query: Option<&str>) -> Result<Query, Box<Refusal>> {
    Query::parse(query, Sort::Verdict).map_err(|error| Refusal::wrong(&error))
}

fn found<'a>(snapshot: &'a Snapshot, zone: &str) -> Option<(ZoneKey, &'a ZoneState)> {
    let key = ZoneKey::from(&zone.parse::<ZoneName>().ok()?);
    snapshot.zone(&key).map(|zone| (key, zone))
}

/// An error page.
#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal {
    layout: Layout,
    status: StatusCode,
    heading: String,
    /// A client's word, shown at the end of the heading.
    name: String,
    why: String,
    /// The link to a search instead.
    search: String,
}

impl Refusal {
    fn unknown(what: &str, name: &str, zone: &str) -> Box<Self> {
        let [name, zone] = [name, zone].map(|name| name.chars().take(253).collect::<String>());
        Box::new(Self {
            layout: Layout::plain(),
            status: StatusCode::NOT_FOUND,
            heading: format!("No {what} named"),
            why: format!(
                "The zone \u{2068}{zone}\u{2069} has no {what} of this name. It may have left the zone or the configuration, or may \
                 not have been read yet."
            ),
            search: format!("/?q={}", encode(&name)),
            name,
        })
    }

    fn wrong(error: &QueryError) -> Box<Self> {
        Box::new(Self {
            layout: Layout::plain(),
            status: StatusCode::BAD_REQUEST,
            heading: "This address is not valid".to_owned(),
            name: String::new(),
            why: error.to_string(),
            search: "/".to_owned(),
        })
    }

    fn answer(&self) -> Response<Body> {
        let page = Full::new(super::written(self).into()).map_err(|never| match never {});
        respond(self.status, HTML, page.boxed_unsync())
    }
}
