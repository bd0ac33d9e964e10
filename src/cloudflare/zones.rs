//! Zones and their ids.

use tokio::time::Instant;

use super::wire::{Envelope, Zone};
use super::{Client, Error};
use crate::domain::{ZoneId, ZoneName};
use crate::telemetry::Endpoint;

/// More pages than the zones of one name can fill.
const MOST_PAGES: u32 = 20;

impl Client {
    /// The id of the zone of that name, the active one where several have it (`GET /zones?name=…`).
    ///
    /// # Errors
    /// Where none or several are visible to the token, or no answer comes before `deadline`.
    pub async fn zone_id(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        let mut found: Vec<(ZoneId, bool)> = Vec::new();
        for page in 1..=MOST_PAGES {
            let url = self.url(&format!("zones?name={name}&page={page}&per_page=50"))?;
            let decode = |body: &[u8]| {
                let envelope: Envelope<Vec<Zone<'_>>> = serde_json::from_slice(body)?;
                let named = |zones: Vec<Zone<'_>>| {
                    zones.iter().filter_map(|zone| zone.named(name.as_str())).collect()
                };
                Ok(envelope.map(|zones| Ok::<Vec<_>, String>(named(zones))))
            };
            let (zones, info) = self.get(Endpoint::ZoneList, &url, deadline, decode).await?;
            found.extend(zones);
            if info.and_then(|info| info.total_pages).unwrap_or(1) <= page {
                break;
            }
        }
        choose(name, &found)
    }
}

fn choose(name: &ZoneName, found: &[(ZoneId, bool)]) -> Result<ZoneId, Error> {
    let active: Vec<_> = found.iter().filter(|(_, active)| *active).collect();
    match (found, &*active) {
        ([], _) => Err(Error::NoZone(name.clone())),
        ([(only, _)], _) | (_, [(only, _)]) => Ok(*only),
        _ => Err(Error::ManyZones(name.clone(), found.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_zone_counts_and_among_several_the_only_active_one() {
        let name: ZoneName = "example.com".parse().unwrap();
        let id = |digit: &str| digit.repeat(32).parse::<ZoneId>().unwrap();
        let chosen = |found: &[(ZoneId, bool)]| choose(&name, found).map_err(|error| error.to_string());
        assert_eq!(chosen(&[(id("1"), false)]), Ok(id("1")));
        assert_eq!(chosen(&[(id("1"), false), (id("2"), true)]), Ok(id("2")));
        assert_eq!(
            chosen(&[]).unwrap_err(),
            "no zone named example.com is visible to the token; its permission \"Zone Read\" must cover it"
        );
        for several in [[(id("1"), true), (id("2"), true)], [(id("1"), false), (id("2"), false)]] {
            assert_eq!(
                chosen(&several).unwrap_err(),
                "2 zones named example.com are visible to the token; give the id of the one that is meant"
            );
        }
    }
}
