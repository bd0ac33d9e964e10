//! Zones and their ids.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{Client, Error, ListedZone};
use crate::domain::{ZoneId, ZoneName};

/// More pages than the zones of one name can fill.
const MOST_PAGES: u32 = 20;

/// The zones of one name, each true if it is active. A zone that moves between pages counts once.
type Found = HashMap<ZoneId, bool>;

/// All zones that a token sees.
#[derive(Debug, Default)]
pub struct VisibleZones(HashMap<ZoneName, Found>);

impl VisibleZones {
    /// Returns the id of the zone with this name, chosen like in [`Client::zone_id`]. A list that changed
    /// while it was read may lack an existing zone.
    ///
    /// # Errors
    /// Fails if the list is empty, lacks the name, or has several zones with it.
    pub fn find(&self, name: &ZoneName) -> Result<ZoneId, Error> {
        match self.0.get(name) {
            Some(found) => choose(name, found),
            None if self.0.is_empty() => Err(Error::NoZones(name.clone())),
            None => Err(Error::NoZone(name.clone())),
        }
    }
}

/// Collects zones from their name, their id, and true if they are active.
impl FromIterator<(ZoneName, ZoneId, bool)> for VisibleZones {
    fn from_iter<I: IntoIterator<Item = (ZoneName, ZoneId, bool)>>(rows: I) -> Self {
        let mut all = Self::default();
        all.extend(rows);
        all
    }
}

impl Extend<(ZoneName, ZoneId, bool)> for VisibleZones {
    fn extend<I: IntoIterator<Item = (ZoneName, ZoneId, bool)>>(&mut self, rows: I) {
        for (name, id, active) in rows {
            self.0.entry(name).or_default().insert(id, active);
        }
    }
}

impl Client {
    /// Looks up the id of a zone by its name (`GET /zones?name=…`). If there are several, the active one is
    /// chosen.
    ///
    /// # Errors
    /// Fails if none or several are visible to the token, or a request fails.
    pub async fn zone_id(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        let found = self.zones_named(name, deadline).await?;
        // a token without any zone gets the same response as one that lacks only this zone
        if found.is_empty() && self.sees_nothing(deadline).await {
            return Err(Error::NoZones(name.clone()));
        }
        choose(name, &found)
    }

    /// Lists all zones that the token sees, 50 per page (`GET /zones`). None if that takes more than
    /// `most_pages`, so that separate look-ups cost less.
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`.
    pub async fn visible_zones(
        &self,
        most_pages: usize,
        deadline: Instant,
    ) -> Result<Option<VisibleZones>, Error> {
        let most = u32::try_from(most_pages).unwrap_or(u32::MAX);
        let list = self.zone_pages("", most, |pages| pages <= most, deadline).await?;
        let list = list.filter(|list| list.complete || list.pages < most);
        Ok(list.map(|list| list.zones.into_iter().filter_map(named).collect()))
    }

    /// Lists the zones with this name. Cloudflare may know an internationalised name only in its Unicode
    /// form.
    async fn zones_named(&self, name: &ZoneName, deadline: Instant) -> Result<Found, Error> {
        let found = self.zones_asked_for(name.as_str(), name, deadline).await?;
        match idna::domain_to_unicode(name.as_str()) {
            (unicode, Ok(())) if found.is_empty() && unicode != name.as_str() => {
                self.zones_asked_for(&unicode, name, deadline).await
            }
            _ => Ok(found),
        }
    }

    /// Lists the zones with this name among those returned for `asked`.
    async fn zones_asked_for(&self, asked: &str, name: &ZoneName, deadline: Instant) -> Result<Found, Error> {
        let list = self.zone_pages(&format!("name={asked}&"), MOST_PAGES, |_| true, deadline).await?;
        let zones = list.map(|list| list.zones).unwrap_or_default().into_iter().filter_map(named);
        Ok(zones.filter(|(of, ..)| of == name).map(|(_, id, active)| (id, active)).collect())
    }
}

/// Returns a zone's name and id, and true if it is active. None for an internal zone, which may have the same
/// name as a public one.
fn named(zone: ListedZone) -> Option<(ZoneName, ZoneId, bool)> {
    let ListedZone { id, name, active, internal } = zone;
    (!internal).then_some((name, id, active == Some(true)))
}

fn choose(name: &ZoneName, found: &Found) -> Result<ZoneId, Error> {
    let all: Vec<_> = found.keys().collect();
    let active: Vec<_> = found.iter().filter(|(_, active)| **active).map(|(id, _)| id).collect();
    match (&*all, &*active) {
        ([], _) => Err(Error::NoZone(name.clone())),
        ([only], _) | (_, [only]) => Ok(**only),
        _ => Err(Error::ManyZones(name.clone(), found.len())),
    }
}
