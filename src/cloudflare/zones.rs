//! Zones and their ids.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{Client, Error, ListedZone};
use crate::domain::{ZoneId, ZoneName};

/// More pages than the zones of one name can fill.
const MOST_PAGES: u32 = 20;

/// The zones of a name, each true if it is active. One that moves from page to page counts once.
type Found = HashMap<ZoneId, bool>;

/// All zones that are visible to a token.
#[derive(Debug, Default)]
pub struct VisibleZones(HashMap<ZoneName, Found>);

impl VisibleZones {
    /// Returns the id of the zone of that name, chosen as [`Client::zone_id`] does. A list that changed while its
    /// pages were read may lack a zone that exists.
    ///
    /// # Errors
    /// If the list is empty, lacks the name, or has several zones of it.
    pub fn find(&self, name: &ZoneName) -> Result<ZoneId, Error> {
        match self.0.get(name) {
            Some(found) => choose(name, found),
            None if self.0.is_empty() => Err(Error::NoZones(name.clone())),
            None => Err(Error::NoZone(name.clone())),
        }
    }
}

/// Collects the name and id of each zone, and true if it is active.
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
    /// Looks up the id of a zone by its name, that of the active one if there are several (`GET /zones?name=…`).
    ///
    /// # Errors
    /// If none or several are visible to the token, or a request fails.
    pub async fn zone_id(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        let found = self.zones_named(name, deadline).await?;
        // a token without any zone is answered like one that lacks only this
        if found.is_empty() && self.sees_nothing(deadline).await {
            return Err(Error::NoZones(name.clone()));
        }
        choose(name, &found)
    }

    /// All zones that the token sees, 50 a page (`GET /zones`). None if that takes more than `most_pages`, so that it
    /// costs less to look for one name after the other.
    ///
    /// # Errors
    /// If a page cannot be read before `deadline`.
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

    /// The zones of that name. Cloudflare may know an internationalised one by its Unicode form alone.
    async fn zones_named(&self, name: &ZoneName, deadline: Instant) -> Result<Found, Error> {
        let found = self.zones_asked_for(name.as_str(), name, deadline).await?;
        match idna::domain_to_unicode(name.as_str()) {
            (unicode, Ok(())) if found.is_empty() && unicode != name.as_str() => {
                self.zones_asked_for(&unicode, name, deadline).await
            }
            _ => Ok(found),
        }
    }

    /// The zones of that name among those returned for `asked`.
    async fn zones_asked_for(&self, asked: &str, name: &ZoneName, deadline: Instant) -> Result<Found, Error> {
        let list = self.zone_pages(&format!("name={asked}&"), MOST_PAGES, |_| true, deadline).await?;
        let zones = list.map(|list| list.zones).unwrap_or_default().into_iter().filter_map(named);
        Ok(zones.filter(|(of, ..)| of == name).map(|(_, id, active)| (id, active)).collect())
    }
}

/// Returns a zone's name and id, and true if it is active. None for an internal one, which may have the name of a
/// public one.
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
