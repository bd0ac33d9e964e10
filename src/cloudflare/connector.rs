//! The HTTP client: TLS, proxies, timeouts and connections.

use std::time::Duration;

use super::{BuildError, Options, check_proxy};

/// Says to Cloudflare who asks, and where to complain.
const USER_AGENT: &str =
    concat!("cloudflare-aop-exporter/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

/// When an HTTP/2 connection is checked, and given up. A peer that has gone silent, behind a firewall that forgot the
/// connection say, would else be asked again and again by polls that come more often than idle connections are closed.
#[derive(Clone, Copy)]
struct KeepAlive {
    /// The time between two pings, also while no request is under way.
    interval: Duration,
    /// The time to answer one.
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
            // a request that is sent again has to pass the budget again
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .http2_keep_alive_interval(keep_alive.interval)
            .http2_keep_alive_timeout(keep_alive.timeout)
            .http2_keep_alive_while_idle(true)
            .pool_max_idle_per_host(options.max_concurrent_requests);
        if options.base_url.is_loopback() { builder.no_proxy() } else { builder.https_only(true) }
    };
    builder().tls_certs_merge(extra.clone()).build().or_else(|_| {
        // a container without any authority of its own: Mozilla's stand in
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let mozilla = mozilla.filter_map(|der| reqwest::Certificate::from_der(der).ok());
        let builder = builder().tls_certs_only(mozilla.chain(extra));
        builder.build().map_err(BuildError::Client)
    })
}

#[cfg(test)]
mod tests;
