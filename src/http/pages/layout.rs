//! The layout that all pages share: title, icon, navigation and search.

use super::policy::{SCRIPT, STYLE};
use super::words::minute;
use crate::domain::Verdict;
use crate::http::index::Index;
use crate::http::query::{Query, Sort};

/// The navigation links on every page.
const NAVIGATION: [(&str, &str); 4] =
    [("/", "Overview"), ("/certificates", "Certificates"), ("/zones", "Zones"), ("/runbooks", "Runbooks")];

const NAME: &str = "Authenticated Origin Pulls";

/// The layout of a page.
pub(super) struct Layout {
    pub(super) title: String,
    /// The colour of the icon, in hexadecimal digits.
    pub(super) colour: &'static str,
    pub(super) current: &'static str,
    /// The text in the search field.
    pub(super) q: String,
    /// The filters and the order that a new search keeps.
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) now: String,
}

impl Layout {
    /// Creates the layout of the page at `current`.
    pub(super) fn new(index: &Index, current: &'static str) -> Self {
        let title = match index.hostnames().counts().of(Verdict::Critical) {
            0 => NAME.to_owned(),
            count => format!("({count}) {NAME}"),
        };
        let now = minute(index.judge().now());
        Self { title, colour: colour(index.verdict()), current, now, ..Self::plain() }
    }

    /// Creates the layout of a page without readings.
    pub(super) fn plain() -> Self {
        let (title, colour) = (NAME.to_owned(), "55606b");
        Self { title, colour, current: "", q: String::new(), kept: Vec::new(), now: String::new() }
    }

    /// Puts the subject of the page first in its title.
    #[must_use]
    pub(super) fn about(self, what: &str) -> Self {
        Self { title: format!("{what} – {}", self.title), ..self }
    }

    /// Shows the current search, and keeps its filters for the next one.
    #[must_use]
    pub(super) fn searching(self, query: &Query) -> Self {
        let kept = [
            ("zone", query.zone.as_ref().map(ToString::to_string)),
            ("account", query.account.clone()),
            ("hostname", query.hostname.as_ref().map(ToString::to_string)),
            ("verdict", query.verdict.map(|verdict| verdict.label().to_owned())),
            ("finding", query.finding.map(|finding| finding.code().to_owned())),
            (
                "sort",
                Some(query.sort).filter(|sort| *sort != Sort::Verdict).map(|sort| sort.label().to_owned()),
            ),
        ];
        let kept = kept.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { q: query.q.clone().unwrap_or_default(), kept, ..self }
    }

    pub(super) fn navigation(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        NAVIGATION.into_iter().map(|(href, name)| (href, name, href == self.current))
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE
    }

    pub(super) fn script(&self) -> &'static str {
        SCRIPT
    }

    pub(super) fn home(&self) -> &'static str {
        env!("CARGO_PKG_REPOSITORY")
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// Returns the icon's colour, which contrasts with light and dark tabs.
fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Critical => "d93025",
        Verdict::Warning => "d98a00",
        Verdict::Unknown => "8363d6",
        Verdict::Info => "2f7fd0",
        Verdict::Ok => "2b9348",
    }
}
