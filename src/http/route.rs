//! The routes and their paths.

use hyper::Method;

use super::pages;

/// The route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// An HTML page.
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
    /// Readiness: every zone was polled, or the grace period has passed.
    Ready,
    /// Reloads the configuration.
    Reload,
}

impl Route {
    /// Returns the route of a path.
    pub(super) fn find(path: &str) -> Option<Self> {
        super::ROUTES.into_iter().find(|(known, _)| is_like(known, path)).map(|(_, route)| route)
    }

    /// Returns the label for metrics and logs: a path from the table, since clients choose their paths.
    pub(super) fn label(route: Option<Self>) -> &'static str {
        let known = super::ROUTES.into_iter().find(|(_, known)| Some(*known) == route);
        known.map_or("other", |(path, _)| path)
    }

    /// Returns true if it is a health check, which needs no authentication.
    pub(super) fn is_health(self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }

    /// Checks the method. Fails with a message and the allowed methods.
    pub(super) fn takes(self, method: &Method) -> Result<(), (&'static str, &'static str)> {
        match (self, method) {
            (Self::Reload, &Method::POST) => Ok(()),
            (Self::Reload, _) => Err(("method not allowed; use POST\n", "POST")),
            (_, &Method::GET | &Method::HEAD) => Ok(()),
            _ => Err(("method not allowed; use GET or HEAD\n", "GET, HEAD")),
        }
    }
}

/// Returns true if a path matches a path of the table, segment by segment.
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
