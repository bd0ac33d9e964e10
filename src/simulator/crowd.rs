//! Many healthy hostnames, and accounts of many zones.

use jiff::{SignedDuration, Timestamp};

use super::facts::{INTERNAL, ZoneChange};
use super::world::{World, WorldError};
use super::zone::Zone;
use crate::domain::{Expectation, HostnameTarget, Level};

impl World {
    /// Adds healthy zones until the world has this many.
    ///
    /// One in ten has one to three hostnames, one in fifty has a zone-level certificate in use, and the
    /// others have neither. One is pending, one has moved away, and one is internal and has the name of
    /// another.
    ///
    /// # Errors
    /// Fails if a certificate cannot be signed.
    pub fn fill(&mut self, zones: usize, now: Timestamp) -> Result<(), WorldError> {
        for number in 0..zones.saturating_sub(self.zones().count()) {
            let named = if number == INTERNAL_ONE { 0 } else { number };
            let name = format!("zone-{named:05}.example").parse().map_err(|_| WorldError::NoZone)?;
            let zone = self.put_zone(&name, facts(number), now)?;
            let days = 60 + i64::try_from(number % 300).unwrap_or(0);
            match number % 50 {
                5 => {
                    zone.add_certificate_at(Level::Zone, now + SignedDuration::from_hours(days * 24))?;
                    zone.set_enabled(true);
                }
                remainder if remainder % 10 == 0 => {
                    crowd(zone, 1 + number / 10 % 3, days, now)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

const INTERNAL_ONE: usize = 3;

fn facts(number: usize) -> ZoneChange {
    let (mut status, mut kind, mut tls_client_auth, mut ssl) = (None, None, None, None);
    match number {
        1 => status = Some("pending"),
        2 => status = Some("moved"),
        INTERNAL_ONE => kind = Some(INTERNAL),
        // Cloudflare presents certificates only in these SSL modes
        _ if number.is_multiple_of(5) => ssl = Some(["full", "strict"][number / 5 % 2]),
        _ => {
            kind = number.is_multiple_of(7).then_some("partial");
            // on only in SSL modes with which Cloudflare presents a certificate
            tls_client_auth = (number.is_multiple_of(11) && number % 5 < 2).then_some("on");
            ssl = Some(["full", "strict", "flexible", "off", "origin_pull"][number % 5]);
        }
    }
    let [status, kind, tls_client_auth, ssl] =
        [status, kind, tls_client_auth, ssl].map(|word: Option<&str>| word.map(str::to_owned));
    ZoneChange { status, kind, tls_client_auth, ssl, ..ZoneChange::default() }
}

/// Associates healthy hostnames named `host-000000` and so on, a hundred with each new certificate.
///
/// The first certificate ends after `days` days.
pub(super) fn crowd(
    zone: &mut Zone,
    count: usize,
    days: i64,
    now: Timestamp,
) -> Result<Vec<HostnameTarget>, WorldError> {
    let mut targets = Vec::with_capacity(count);
    let name = zone.name().clone();
    let mut id = None;
    for number in 0..count {
        if number % 100 == 0 {
            // spread over a year, so that a graph of the expiries is not one line
            let days = days + i64::try_from(number / 100 % 300).unwrap_or(0);
            id = Some(zone.add_certificate(now + SignedDuration::from_hours(days * 24))?);
        }
        let hostname = format!("host-{number:06}.{name}").parse().map_err(|_| WorldError::NoAssociation)?;
        zone.associate(&hostname, id.as_ref().ok_or(WorldError::NoCertificate)?, Some(true))?;
        targets.push(HostnameTarget { hostname, expectation: Expectation::default() });
    }
    Ok(targets)
}
