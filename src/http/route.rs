//! Which path leads where.

use hyper::Method;

use super::pages;

/// Where a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A page for people.
    Page(pages::Kind),
    /// The metrics.
    Metrics,
    /// The summary as JSON.
    Status,
    /// Hostnames as JSON.
    Hostnames,
    /// Certificates as JSON.
    Certificates,
    /// Zones as JSON.
    Zones,
    /// Liveness: the process serves.
    Healthy,
    /// Readiness: it has read something.
    Ready,
    /// Reads the configuration again.
    Reload,
}

impl Route {
    /// The route of a path.
    pub(super) fn find(path: &str) -> Option<Self> {
        super::ROUTES.into_iter().find(|(known, _)| is_like(known, path)).map(|(_, route)| route)
    }

    /// The label in metrics and logs: a path of the table, since clients choose paths.
    pub(super) fn label(route: Option<Self>) -> &'static str {
        let known = super::ROUTES.into_iter().find(|(_, known)| Some(*known) == route);
        known.map_or("other", |(path, _)| path)
    }

    /// Returns true if it is a health probe's, which needs no authentication.
    pub(super) fn is_health(self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }

    /// Fails if it does not take the method, with those that it takes.
    pub(super) fn takes(self, method: &Method) -> Result<(), (&'static str, &'static str)> {
        match (self, method) {
            (Self::Reload, &Method::POST) => Ok(()),
            (Self::Reload, _) => Err(("method not allowed; use POST\n", "POST")),
            (_, &Method::GET | &Method::HEAD) => Ok(()),
            _ => Err(("method not allowed; use GET or HEAD\n", "GET, HEAD")),
        }
    }
}

/// Returns true if a path is like one of the table, segment by segment.
fn is_like(known: &str, path: &str) -> bool {
    let (mut known, mut path) = (known.split('/'), path.split('/'));
    loop {
        match (known.next(), path.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {}
            (Some(name), Some(segment)) if name == segment => {}
            _ => return false,
        }
    }
}
