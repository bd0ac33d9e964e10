//! Construction of the HTTP client with its TLS, proxy, timeout and keep-alive settings.

use std::time::Duration;

use super::{BuildError, Options, check_proxy};

/// The user agent, with a URL for contact.
const USER_AGENT: &str =
    concat!("cloudflare-aop-exporter/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

/// HTTP/2 keep-alive. It detects connections whose peer has gone silent, for example because a firewall dropped their
/// state. Without it, polls more frequent than the idle timeout would reuse such a connection again and again.
#[derive(Clone, Copy)]
struct KeepAlive {
    /// The interval between pings, even while no request is in flight.
    interval: Duration,
    /// The timeout of a ping, after which the connection is closed.
    timeout: Duration,
}

const KEEP_ALIVE: KeepAlive =
    KeepAlive { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) };

/// Builds the HTTP client of one account.
pub(super) fn http_client(options: &Options) -> Result<reqwest::Client, BuildError> {
    build(options, KEEP_ALIVE)
}

fn build(options: &Options, keep_alive: KeepAlive) -> Result<reqwest::Client, BuildError> {
    if !options.base_url.is_loopback() {
        check_proxy(&|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))?;
    }
    let extra = match &options.extra_ca {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(BuildError::Authorities)?,
        None => Vec::new(),
    };
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            // reqwest must not retry, since every request must pass the budget
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .http2_keep_alive_interval(keep_alive.interval)
            .http2_keep_alive_timeout(keep_alive.timeout)
            .http2_keep_alive_while_idle(true)
            .pool_max_idle_per_host(options.max_concurrent_requests);
        if options.base_url.is_loopback() { builder.no_proxy() } else { builder.https_only(true) }
    };
    builder().tls_certs_merge(extra.clone()).build().or_else(|_| {
        // the system has no certificate store, as in a minimal container, so use Mozilla's
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let mozilla = mozilla.filter_map(|der| reqwest::Certificate::from_der(der).ok());
        let builder = builder().tls_certs_only(mozilla.chain(extra));
        builder.build().map_err(BuildError::Client)
    })
}

#[cfg(test)]
mod tests;
