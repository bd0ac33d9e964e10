//! Access control by host name, client certificate and password.

use std::future::pending;
use std::sync::Arc;

use hyper::header::AUTHORIZATION;
use hyper::http::request;
use hyper::{Response, StatusCode};

use super::auth::Refusal;
use super::response::{Body, busy, refuse, text, unauthorized};
use super::{App, Tls, host};
use crate::listener::{Connection, Verified};

impl App {
    /// Refuses a request whose host is not this server.
    pub(super) fn refuse_host(&self, request: &request::Parts) -> Option<Response<Body>> {
        let options = Arc::clone(&self.options.borrow());
        let is_own = |name: &str| {
            let is_allowed = match &options.allowed_hosts {
                Some(names) => names.iter().any(|allowed| allowed == name),
                None => !self.is_loopback,
            };
            is_allowed || self.name.as_deref() == Some(name)
        };
        host::check(request, is_own).err().map(|refusal| match refusal {
            host::Refusal::Invalid => {
                text(StatusCode::BAD_REQUEST, "expected exactly one valid Host header\n")
            }
            host::Refusal::Foreign(name) => refuse(
                StatusCode::FORBIDDEN,
                format!("host name {name} is not allowed; to allow it, add it to server.allowed_hosts\n"),
                "host name not allowed",
            ),
        })
    }

    /// Refuses a client that lacks the certificate or the password required by the options.
    pub(super) async fn authenticate(&self, request: &request::Parts) -> Result<(), Response<Body>> {
        let options = Arc::clone(&self.options.borrow());
        let wants_certificate = options.tls.as_ref().is_some_and(Tls::wants_client);
        if wants_certificate && request.extensions.get::<Verified>().is_none() {
            let answer = "client certificate required\n";
            return Err(refuse(StatusCode::FORBIDDEN, answer, "no client certificate"));
        }
        let Some(users) = &options.users else { return Ok(()) };
        let gone = async {
            match request.extensions.get::<Connection>() {
                Some(connection) => connection.hung_up().await,
                None => pending().await,
            }
        };
        users.check(request.headers.get(AUTHORIZATION), gone).await.map_err(|refusal| match refusal {
            Refusal::Busy => busy("too many passwords are being checked"),
            Refusal::Unknown => unauthorized(),
        })
    }
}
