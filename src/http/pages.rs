//! The pages for people. Each is made of the index, needs no script, and has its state in its address.

mod advice;
mod answer;
mod certificates;
mod commands;
mod facts;
mod hostname;
mod layout;
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

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is wrong first.
    Overview,
    /// Everything known about one hostname.
    Hostname,
    /// All certificates.
    Certificates,
    /// Everything known about one certificate.
    Certificate,
    /// All zones.
    Zones,
    /// What to do about a finding.
    Runbooks,
}

/// What a page shows.
enum View {
    Overview(Query),
    Hostname(ZoneKey, Hostname),
    Certificates(Query),
    Certificate(ZoneKey, CertId),
    Zones(Query),
    Runbooks,
}

/// Renders a page; none if what it is about has left the snapshot.
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

/// Rendering into memory cannot fail: no value of a template has a `Display` that does.
fn written(page: &impl Template) -> Vec<u8> {
    page.render().unwrap_or_default().into_bytes()
}
