//! The settings of a zone that decide whether a certificate is presented: the global switch and the SSL mode.
//! Reading them needs a separate permission.

use tokio::time::Instant;

use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, on_or_off, ssl_mode};
use super::{Client, Error};
use crate::domain::{SslMode, ZoneId};
use crate::telemetry::Endpoint;

impl Client {
    /// Reads the global switch, which makes Cloudflare present its own shared certificate (`GET
    /// /zones/{zone_id}/settings/tls_client_auth`).
    ///
    /// # Errors
    /// Fails if the response lacks it or does not arrive before `deadline`.
    pub async fn global_switch(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        let url = self.url(&format!("zones/{zone}/settings/tls_client_auth"))?;
        let call = Call { endpoint: Endpoint::GlobalSwitchGet, zone: Some(zone), deadline };
        let (enabled, _) = self.get(call, url, decode_switch).await?;
        Ok(enabled)
    }

    /// Reads the SSL mode (`GET /zones/{zone_id}/settings/ssl`).
    ///
    /// # Errors
    /// Fails if the response lacks it or does not arrive before `deadline`.
    pub async fn ssl_mode(&self, zone: ZoneId, deadline: Instant) -> Result<SslMode, Error> {
        let url = self.url(&format!("zones/{zone}/settings/ssl"))?;
        let call = Call { endpoint: Endpoint::SslModeGet, zone: Some(zone), deadline };
        let (mode, _) = self.get(call, url, decode_mode).await?;
        Ok(mode)
    }
}

/// Reads the global switch.
fn decode_switch(body: &[u8]) -> Decoded<bool> {
    Ok(Envelope::parse(body)?.object(on_or_off))
}

/// Reads the SSL mode.
fn decode_mode(body: &[u8]) -> Decoded<SslMode> {
    Ok(Envelope::parse(body)?.object(ssl_mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(value: &str) -> Result<bool, String> {
        let body = format!(r#"{{"success":true,"result":{{"id":"tls_client_auth","value":{value}}}}}"#);
        decode_switch(body.as_bytes()).unwrap().result.unwrap()
    }

    fn mode(value: &str) -> Result<SslMode, String> {
        let body = format!(r#"{{"success":true,"result":{{"id":"ssl","value":{value}}}}}"#);
        decode_mode(body.as_bytes()).unwrap().result.unwrap()
    }

    #[test]
    fn the_global_switch_is_on_or_off_and_nothing_else() {
        assert_eq!(switch(r#""on""#), Ok(true));
        assert_eq!(switch(r#""off""#), Ok(false));
        assert_eq!(switch(r#""perhaps""#), Err("the field value is neither on nor off".to_owned()));
        for value in [r#""""#, "null", "true", "1", "{}"] {
            assert_eq!(switch(value), Err("the field value is missing".to_owned()), "{value}");
        }
    }

    #[test]
    fn an_unknown_ssl_mode_is_accepted() {
        for known in SslMode::ALL {
            assert_eq!(mode(&format!("{:?}", known.label())), Ok(known));
        }
        assert_eq!(mode(r#""strictest""#), Ok(SslMode::Unknown));
        for value in [r#""""#, "null", "7", "[]"] {
            assert_eq!(mode(value), Err("the field value is missing".to_owned()), "{value}");
        }
    }
}
