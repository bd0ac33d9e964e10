//! The options in force, and what follows when they change.

use std::future::pending;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Tls, Users};
use crate::metrics::View;

/// Options for serving pages, replaced as a whole when the configuration changes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What pages show, and by which thresholds.
    pub view: View,
    /// Whether `POST /-/reload` is allowed.
    pub lifecycle: bool,
    /// The host names that requests may name; none for every name, or on a loopback address for no name. Addresses,
    /// `localhost` and the name in the listen address always pass.
    pub allowed_hosts: Option<Vec<String>>,
    /// How to secure connections; none for plain HTTP.
    pub tls: Option<Tls>,
    /// Who may use all routes but those of health; none for everybody.
    pub users: Option<Users>,
}

impl Options {
    /// Whether everybody may read all that is served.
    fn is_open(&self) -> bool {
        self.users.is_none() && !self.tls.as_ref().is_some_and(Tls::wants_client)
    }

    /// Warns if everybody who reaches `address` may read all that is served there.
    pub fn warn_if_open(&self, address: SocketAddr) {
        if self.is_open() && !address.ip().is_loopback() {
            tracing::warn!(%address, "anyone who reaches this address can read everything; to restrict access, set server.tls.client_ca_file or server.basic_auth_users");
        }
    }

    /// These options as the successor of `before`: users who have authenticated there need not do so again.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if let (Some(users), Some(before)) = (&mut self.users, &before.users) {
            users.inherit(before);
        }
        self
    }
}

/// Applies changes of the options to the listener: replaces the acceptor if TLS has changed, and warns if they now let
/// everybody in.
pub(super) async fn follow(
    mut options: watch::Receiver<Arc<Options>>,
    mut in_force: Arc<Options>,
    address: Option<SocketAddr>,
    tls: watch::Sender<Option<TlsAcceptor>>,
) {
    while options.changed().await.is_ok() {
        let before = mem::replace(&mut in_force, Arc::clone(&options.borrow_and_update()));
        if in_force.tls != before.tls {
            tls.send_replace(in_force.tls.as_ref().map(Tls::acceptor));
        }
        if let Some(address) = address
            && !before.is_open()
        {
            in_force.warn_if_open(address);
        }
    }
    // they will not change any more
    pending::<()>().await;
}
