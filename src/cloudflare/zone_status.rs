//! The status of one zone, requested by its id.

use tokio::time::Instant;

use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, presence};
use super::{Client, Error};
use crate::domain::{AccountId, Reason, ZoneId};
use crate::telemetry::Endpoint;

/// Cloudflare's code for missing access, either to a zone or with this token at all.
const NO_ACCESS: i64 = 9109;

/// The presence of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The zone is active and not an internal DNS zone, so it can be watched.
    Active,
    /// The token sees the zone, but with another status, as an internal DNS zone, or in another account than
    /// the configured one.
    Other,
    /// The zone does not exist, or the token does not see it.
    Gone,
}

impl Client {
    /// Reads whether a zone is active and visible to the token (`GET /zones/{zone_id}`). A 404 or 403 by
    /// which Cloudflare denies the zone is an answer.
    ///
    /// # Errors
    /// Fails if there is no such answer before `deadline`, or if the response is about the token instead of
    /// the zone.
    pub async fn zone_status(&self, zone: ZoneId, deadline: Instant) -> Result<Presence, Error> {
        let url = self.url(&format!("zones/{zone}"))?;
        let call = Call { endpoint: Endpoint::ZoneGet, zone: Some(zone), deadline };
        let account = self.options.account_id;
        match self.get(call, url, |body| decode(zone, account, body)).await {
            Ok((presence, _)) => Ok(presence),
            Err(error) if is_gone(&error) => Ok(Presence::Gone),
            Err(error) => Err(error),
        }
    }
}

/// Reads the response about a zone.
fn decode(zone: ZoneId, account: Option<AccountId>, body: &[u8]) -> Decoded<Presence> {
    Ok(Envelope::parse(body)?.object(|object| presence(object, zone, account)))
}

/// Returns true if the API itself says that the token has no such zone. A challenge or a proxy's page has the
/// same statuses, but contains no error of the API.
fn is_gone(error: &Error) -> bool {
    let Error::Api { errors, .. } = error else { return false };
    // "Invalid access token", "Cannot use the access token from location: …"
    let of_token = errors
        .iter()
        .any(|error| error.code == NO_ACCESS && error.message.to_ascii_lowercase().contains("access token"));
    !errors.is_empty() && !of_token && matches!(error.reason(), Reason::NotFound | Reason::Forbidden)
}

#[cfg(test)]
mod tests;
