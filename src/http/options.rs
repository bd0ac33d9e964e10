//! The options of the server and the effects of changing them.

use std::future::pending;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Tls, Users};
use crate::metrics::View;

/// Options for serving pages. A new configuration replaces them as a whole.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The content of pages and the thresholds of their findings.
    pub view: View,
    /// Allows `POST /-/reload`.
    pub lifecycle: bool,
    /// The host names that requests may name in `Host`. None allows every name, or no name if the listen address is a
    /// loopback address. IP addresses, `localhost` and the name in the listen address are always allowed.
    pub allowed_hosts: Option<Vec<String>>,
    /// The TLS configuration, or none for plain HTTP.
    pub tls: Option<Tls>,
    /// The users who may access all routes except the health checks. None allows everyone.
    pub users: Option<Users>,
}

impl Options {
    /// Returns true if anyone may read all pages.
    pub(crate) fn is_open(&self) -> bool {
        self.users.is_none() && !self.tls.as_ref().is_some_and(Tls::wants_client)
    }

    /// Logs a warning if anyone who can reach `address` may read all pages.
    pub fn warn_if_open(&self, address: SocketAddr) {
        if self.is_open() && !address.ip().is_loopback() {
            tracing::warn!(%address, "anyone who reaches this address can read everything; to restrict access, set server.tls.client_ca_file or server.basic_auth_users");
        }
    }

    /// Makes these options the successor of `before`, taking over its cache of checked passwords.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if let (Some(users), Some(before)) = (&mut self.users, &before.users) {
            users.inherit(before);
        }
        self
    }
}

/// Replaces the acceptor of the listener when the TLS configuration changes.
pub(super) async fn follow(
    mut options: watch::Receiver<Arc<Options>>,
    mut in_force: Arc<Options>,
    tls: watch::Sender<Option<TlsAcceptor>>,
) {
    while options.changed().await.is_ok() {
        let before = mem::replace(&mut in_force, Arc::clone(&options.borrow_and_update()));
        if in_force.tls != before.tls {
            tls.send_replace(in_force.tls.as_ref().map(Tls::acceptor));
        }
    }
    // the sender is gone, so the options no longer change
    pending::<()>().await;
}
