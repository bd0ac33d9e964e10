//! Links that change the order or the filters of a list.

use crate::domain::{Hostname, Verdict, ZoneName};
use crate::http::index::Counts;
use crate::http::query::{Query, Sort};

/// A link. Its target may be the current page.
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: String,
    /// Text after the link.
    pub(super) more: String,
    pub(super) verdict: &'static str,
    pub(super) is_current: bool,
}

impl Link {
    pub(super) fn new(href: String, text: impl Into<String>) -> Self {
        Self { href, text: text.into(), more: String::new(), verdict: "", is_current: false }
    }
}

/// An active filter. Its link removes it.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) href: String,
}

/// The number of hostnames with one verdict.
pub(super) struct Count {
    pub(super) verdict: &'static str,
    pub(super) count: usize,
    pub(super) href: String,
}

/// Returns the counts above zero, worst verdict first. Each links to its part of the hostnames that `query` matches.
pub(super) fn counted(counts: Counts, query: &Query) -> Vec<Count> {
    let of_verdict = |verdict: Verdict| Count {
        verdict: verdict.label(),
        count: counts.of(verdict),
        href: format!("/{}", Query { verdict: Some(verdict), ..query.clone() }),
    };
    Verdict::ALL.into_iter().map(of_verdict).filter(|count| count.count > 0).collect()
}

/// Returns a column, with a link that sorts by it if possible.
pub(super) fn column(query: &Query, path: &str, name: &str, sort: Option<Sort>) -> Link {
    let href = sort.map(|sort| format!("{path}{}", Query { sort, cursor: None, ..query.clone() }));
    Link { is_current: sort == Some(query.sort), ..Link::new(href.unwrap_or_default(), name) }
}

/// Returns the active filters of the page at `path`.
pub(super) fn filters(query: &Query, path: &str) -> Vec<Filter> {
    let Query { q, zone, account, hostname, verdict, finding, .. } = query;
    let values = [
        ("search", q.clone()),
        ("zone", zone.as_ref().map(ZoneName::to_string)),
        ("account", account.clone()),
        ("hostname", hostname.as_ref().map(Hostname::to_string)),
        ("verdict", verdict.map(Verdict::label).map(str::to_owned)),
        ("finding", finding.map(|finding| finding.code().to_owned())),
    ];
    let filter = |(name, value): (&'static str, Option<String>)| {
        let mut without = Query { cursor: None, ..query.clone() };
        match name {
            "search" => without.q = None,
            "zone" => without.zone = None,
            "account" => without.account = None,
            "hostname" => without.hostname = None,
            "verdict" => without.verdict = None,
            _ => without.finding = None,
        }
        Some(Filter { name, value: value?, href: format!("{path}{without}") })
    };
    values.into_iter().filter_map(filter).collect()
}
