//! Zones and their ids.

use std::collections::HashMap;

use reqwest::Url;
use tokio::time::Instant;

use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, Rows, zone};
use super::{Client, Error};
use crate::domain::{ZoneId, ZoneName};
use crate::telemetry::Endpoint;

/// The zones in one page of a list: the most that Cloudflare returns.
const PAGE: usize = 50;
/// More pages than the zones of one name can fill.
const MOST_PAGES: u32 = 20;

/// More zones than a page has.
const MOST_ROWS: usize = 1000;

/// A zone's name, its id and whether it is active; none for an internal one.
type Row = Option<(ZoneName, ZoneId, bool)>;
/// The zones of a name, and whether each is active. One that moves from page to page counts once.
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

/// Collects each zone's name and id, and whether it is active.
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
        let mut all = VisibleZones::default();
        for page in 1.. {
            if page as usize > most_pages {
                return Ok(None);
            }
            let url = self.url(&format!("zones?page={page}&per_page={PAGE}"))?;
            let (rows, pages) = self.zones_page(url, deadline).await?;
            // without a number of pages, one that is not full is the last
            let more = pages.map_or(rows.len() == PAGE, |pages| page < pages);
            all.extend(rows.into_iter().flatten().flatten());
            if pages.is_some_and(|pages| pages as usize > most_pages) {
                return Ok(None);
            }
            if !more {
                break;
            }
        }
        Ok(Some(all))
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
        let mut found = Found::new();
        for page in 1..=MOST_PAGES {
            let url = self.url(&format!("zones?name={asked}&page={page}&per_page={PAGE}"))?;
            let (rows, pages) = self.zones_page(url, deadline).await?;
            let rows = rows.into_iter().flatten().flatten().filter(|(of, ..)| of == name);
            found.extend(rows.map(|(_, id, active)| (id, active)));
            if pages.unwrap_or(1) <= page {
                break;
            }
        }
        Ok(found)
    }

    /// Whether no zone at all is visible to the token; false if the request fails.
    async fn sees_nothing(&self, deadline: Instant) -> bool {
        let Ok(url) = self.url("zones?page=1&per_page=5") else { return false };
        let page = self.zones_page(url, deadline).await;
        page.is_ok_and(|(rows, _)| rows.is_empty())
    }

    /// One page of zones, and how many pages there are.
    async fn zones_page(&self, url: Url, deadline: Instant) -> Result<(Rows<Row>, Option<u32>), Error> {
        let call = Call { endpoint: Endpoint::ZoneList, zone: None, deadline };
        let (rows, info) = self.get(call, url, decode_page).await?;
        Ok((rows, info.and_then(|info| info.total_pages)))
    }
}

/// One page of zones.
fn decode_page(body: &[u8]) -> Decoded<Rows<Row>> {
    Ok(Envelope::parse(body)?.rows(MOST_ROWS, zone))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_page_without_end_only_the_start_is_read() {
        let body = format!(r#"{{"success":true,"result":[{}{{}}]}}"#, "{},".repeat(1_400_000));
        let rows = decode_page(body.as_bytes()).unwrap().result.unwrap().unwrap();
        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows[MOST_ROWS].as_ref().unwrap_err().as_ref(), "all after the first 1000");
    }

    #[test]
    fn the_only_zone_counts_and_among_several_the_only_active_one() {
        let name: ZoneName = "example.com".parse().unwrap();
        let id = |digit: &str| digit.repeat(32).parse::<ZoneId>().unwrap();
        let chosen = |found: &[(ZoneId, bool)]| {
            choose(&name, &found.iter().copied().collect()).map_err(|error| error.to_string())
        };
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
