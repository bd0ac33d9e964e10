//! The query of a list: filters, sort order and cursor. It is parsed once, when the request arrives.

mod cursor;
mod decode;

use std::fmt::{self, Write as _};

use crate::domain::{Finding, Hostname, Verdict, ZoneName};

pub(super) use cursor::{Cursor, SortKey};
pub(super) use decode::{decode, encode};

/// The default and the maximum of `limit`, the number of rows in a response.
pub(super) const DEFAULT_LIMIT: usize = 200;
const MOST_ROWS: usize = 1000;

/// A query. All of its filters must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The zone, by its key or its id.
    pub(super) zone: Option<ZoneName>,
    /// The configured account.
    pub(super) account: Option<String>,
    /// The hostname. It selects the certificates that the hostname uses and the zones that have it.
    pub(super) hostname: Option<Hostname>,
    /// The verdict.
    pub(super) verdict: Option<Verdict>,
    /// One of the findings.
    pub(super) finding: Option<Finding>,
    /// A part of a name or of a certificate id, in lower case.
    pub(super) q: Option<String>,
    /// The order.
    pub(super) sort: Sort,
    /// The maximum number of rows.
    pub(super) limit: usize,
    /// The last row of the previous page.
    pub(super) cursor: Option<Cursor>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// By verdict, worst first, then by end.
    Verdict,
    /// By end. Items without a known end come last.
    Ends,
    /// By hostname, then by zone. Items without a hostname are sorted by zone.
    Hostname,
    /// By zone, then by name.
    Zone,
}

impl Sort {
    /// Every order.
    pub(super) const ALL: [Self; 4] = [Self::Verdict, Self::Ends, Self::Hostname, Self::Zone];

    /// The value of the parameter `sort`.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Ends => "ends",
            Self::Hostname => "hostname",
            Self::Zone => "zone",
        }
    }
}

/// The error for an invalid query. It says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct QueryError(String);

impl QueryError {
    fn expected(key: &str, expected: impl fmt::Display, found: &str) -> Self {
        // a client's text may be too long for logs and terminals
        let found: String = found.chars().take(100).collect();
        Self(format!("{key}: expected {expected}, found {found:?}"))
    }
}

const KEYS: [&str; 9] = ["q", "zone", "account", "hostname", "verdict", "finding", "sort", "limit", "cursor"];

impl Query {
    /// Returns the query for all rows in this order.
    pub(super) const fn all(sort: Sort) -> Self {
        Self {
            zone: None,
            account: None,
            hostname: None,
            verdict: None,
            finding: None,
            q: None,
            sort,
            limit: DEFAULT_LIMIT,
            cursor: None,
        }
    }

    /// Refuses all parameters, for a route that takes none.
    pub(super) fn none(text: Option<&str>) -> Result<(), QueryError> {
        match text.unwrap_or_default().trim_matches('&') {
            "" => Ok(()),
            text => Err(QueryError::expected("query", "no parameter", text)),
        }
    }

    /// Parses the query string of a URI. The default order is `sort`. An empty parameter counts as absent.
    ///
    /// # Errors
    /// Fails if a parameter is unknown, given twice or wrong.
    pub(super) fn parse(text: Option<&str>, sort: Sort) -> Result<Self, QueryError> {
        let mut query = Self::all(sort);
        let mut seen = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| {
                let decoded = decode(&text.replace('+', " "));
                decoded.ok_or_else(|| QueryError::expected("query", "percent-encoded UTF-8", text))
            };
            let (key, value) = (decoded(key)?, decoded(value)?);
            let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
                return Err(QueryError::expected("query", one_of(KEYS), &key));
            };
            if seen.contains(&known) {
                return Err(QueryError(format!("{known}: expected once, found twice")));
            }
            seen.push(known);
            if !value.is_empty() {
                query.set(known, value)?;
            }
        }
        if query.cursor.as_ref().is_some_and(|cursor| cursor.sort() != query.sort) {
            let expected = format!("the cursor of an answer sorted by {}", query.sort.label());
            return Err(QueryError(format!("cursor: expected {expected}, found one of another order")));
        }
        Ok(query)
    }

    fn set(&mut self, key: &'static str, value: String) -> Result<(), QueryError> {
        let wrong = |expected: &dyn fmt::Display| QueryError::expected(key, expected, &value);
        match key {
            "zone" => {
                let zone = value.parse().map_err(|_| wrong(&"the name or id of a zone"))?;
                self.zone = Some(zone);
            }
            "hostname" => {
                let hostname = value.parse().map_err(|_| wrong(&"a hostname such as app.example.com"))?;
                self.hostname = Some(hostname);
            }
            "verdict" => {
                let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.label() == value);
                self.verdict = Some(verdict.ok_or_else(|| wrong(&one_of(Verdict::ALL.map(Verdict::label))))?);
            }
            "finding" => {
                let finding = Finding::ALL.into_iter().find(|finding| finding.code() == value);
                self.finding = Some(finding.ok_or_else(|| wrong(&one_of(Finding::ALL.map(Finding::code))))?);
            }
            "sort" => {
                let sort = Sort::ALL.into_iter().find(|sort| sort.label() == value);
                self.sort = sort.ok_or_else(|| wrong(&one_of(Sort::ALL.map(Sort::label))))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST_ROWS).contains(limit));
                self.limit = limit.ok_or_else(|| wrong(&format_args!("a number of 1 to {MOST_ROWS}")))?;
            }
            "cursor" => {
                let cursor = Cursor::parse(&value);
                self.cursor = Some(cursor.ok_or_else(|| wrong(&"the value of next in an answer"))?);
            }
            "account" => self.account = Some(value),
            // a search for spaces alone would hide everything
            _ => self.q = Some(lower(&value)).filter(|q| !q.is_empty()),
        }
        Ok(())
    }
}

/// Normalises a search like the names: to lower case, without the dot of the root, and to ASCII if it is a whole name.
fn lower(text: &str) -> String {
    let text = text.trim();
    match text.parse::<Hostname>() {
        Ok(name) if !text.is_ascii() => name.to_string(),
        // a dot after a single label is kept, since it searches for the end of a label
        _ => text.strip_suffix('.').filter(|name| name.contains('.')).unwrap_or(text).to_lowercase(),
    }
}

fn one_of(words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Formats the query string of a link, from its question mark on. It is empty for all rows sorted by verdict.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = (self.limit != DEFAULT_LIMIT).then(|| self.limit.to_string());
        let cursor = self.cursor.as_ref().map(ToString::to_string);
        let parameters = [
            self.q.as_deref(),
            self.zone.as_ref().map(ZoneName::as_str),
            self.account.as_deref(),
            self.hostname.as_ref().map(Hostname::as_str),
            self.verdict.map(Verdict::label),
            self.finding.map(Finding::code),
            Some(self.sort).filter(|sort| *sort != Sort::Verdict).map(Sort::label),
            limit.as_deref(),
            cursor.as_deref(),
        ];
        let mut separator = '?';
        for (key, value) in KEYS.into_iter().zip(parameters) {
            if let Some(value) = value {
                f.write_char(separator)?;
                write!(f, "{key}={}", encode(value))?;
                separator = '&';
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
