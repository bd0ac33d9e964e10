//! Many healthy hostnames.

use jiff::{SignedDuration, Timestamp};

use super::world::WorldError;
use super::zone::Zone;
use crate::domain::{Expectation, HostnameTarget};

/// Associates the healthy hostnames `host-000000` and so on, a hundred of them to a new certificate.
pub(super) fn crowd(
    zone: &mut Zone,
    count: usize,
    now: Timestamp,
) -> Result<Vec<HostnameTarget>, WorldError> {
    let mut targets = Vec::with_capacity(count);
    let name = zone.name().clone();
    let mut id = None;
    for number in 0..count {
        if number % 100 == 0 {
            // spread over a year, so that a graph of the expiries is not one line
            let days = 60 + i64::try_from(number / 100 % 300).unwrap_or(0);
            id = Some(zone.add_certificate(now + SignedDuration::from_hours(days * 24))?);
        }
        let hostname = format!("host-{number:06}.{name}").parse().map_err(|_| WorldError::NoAssociation)?;
        zone.associate(&hostname, id.as_ref().ok_or(WorldError::NoCertificate)?, Some(true))?;
        targets.push(HostnameTarget { hostname, expectation: Expectation::default() });
    }
    Ok(targets)
}
