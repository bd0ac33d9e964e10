//! The HTTP client: TLS, proxies, timeouts and connections.

use std::time::Duration;

use super::{BuildError, Options};
use crate::telemetry::VERSION;

/// Builds the HTTP client of one account.
pub(super) fn http_client(options: &Options) -> Result<reqwest::Client, BuildError> {
    let extra = match &options.extra_ca {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(BuildError::Authorities)?,
        None => Vec::new(),
    };
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(format!("cloudflare-aop-exporter/{VERSION}"))
            .redirect(reqwest::redirect::Policy::none())
            // a request that is sent again has to pass the budget again
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
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
