//! The HTML pages. Each is rendered from the index, works without scripts, and keeps its state in its URL.

mod advice;
mod answer;
mod certificates;
mod commands;
mod facts;
mod hostname;
mod layout;
mod links;
mod notes;
mod overview;
mod policy;
mod rows;
mod runbooks;
mod weeks;
mod words;
mod zones;

use askama::Template;

use super::activity::Activity;
use super::index::Index;
use super::query::Query;
use crate::domain::{CertId, Hostname, ZoneKey};
use layout::Layout;

/// The kinds of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The overview, worst first.
    Overview,
    /// Everything known about one hostname.
    Hostname,
    /// All certificates.
    Certificates,
    /// Everything known about one certificate.
    Certificate,
    /// All zones.
    Zones,
    /// The runbooks.
    Runbooks,
}

/// The content of a page.
enum View {
    Overview(Query),
    Hostname(ZoneKey, Hostname),
    Certificates(Query),
    Certificate(ZoneKey, CertId),
    Zones(Query),
    Runbooks,
}

/// Renders a page, or returns none if its subject has left the snapshot.
fn render(index: &Index, activity: &Activity, view: &View) -> Option<Vec<u8>> {
    let page = match view {
        View::Overview(query) => written(&overview::Page::new(index, activity, query)),
        View::Hostname(zone, hostname) => written(&hostname::Page::new(index, zone, hostname)?),
        View::Certificates(query) => written(&certificates::ListPage::new(index, query)),
        View::Certificate(zone, id) => written(&certificates::Page::new(index, zone, id)?),
        View::Zones(query) => written(&zones::Page::new(index, activity, query)),
        View::Runbooks => written(&runbooks::Page { layout: Layout::new(index, "/runbooks") }),
    };
    Some(page)
}

/// Renders a template to memory. This cannot fail: no value of a template has a `Display` that fails.
fn written(page: &impl Template) -> Vec<u8> {
    page.render().unwrap_or_default().into_bytes()
}
