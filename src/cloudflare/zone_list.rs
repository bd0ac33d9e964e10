//! The list of zones.

use tokio::time::Instant;

use super::pages::{PageRows, Pages, Paging};
use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, zone};
use super::{Client, Error};
use crate::domain::{ZoneId, ZoneName};
use crate::telemetry::Endpoint;

/// 50 zones are the most that the API returns in one page, and 20 are a page unless more are asked for.
const PER_PAGE: usize = 50;
const SHORTEST_FULL_PAGE: usize = 20;
/// Pages of 50,000 zones.
const MOST_PAGES: u32 = 1000;

/// More zones than a page has.
const MOST_ROWS: usize = 1000;

/// One zone of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedZone {
    /// Its id.
    pub id: ZoneId,
    /// Its name.
    pub name: ZoneName,
    /// True if its status is `active`; none if the row has no status that can be read.
    pub active: Option<bool>,
    /// True if it is an internal DNS zone, which may have the name of a public one.
    pub internal: bool,
}

/// A list of zones, as far as it could be read.
#[derive(Debug, Default)]
pub struct ZoneList {
    /// The zones by their ids, each once.
    pub zones: Vec<ListedZone>,
    /// True if these are all, rather than what was left of a list that changed while it was read, or that has rows
    /// which cannot be read. A complete list without zones may mean that the token has lost its permission.
    pub complete: bool,
    /// The number of pages they came in.
    pub pages: u32,
    /// What the first row says of its name or id that has none that can be read.
    pub unreadable: Option<Box<str>>,
}

impl Client {
    /// Lists all zones that the token sees, those of the account with the configured id if there is one (`GET /zones`).
    ///
    /// # Errors
    /// If a page cannot be read before `deadline`. What other pages had is lost.
    pub async fn all_zones(&self, deadline: Instant) -> Result<ZoneList, Error> {
        let account = self.options.account_id.map(|id| format!("account.id={id}&"));
        let list = self.zone_pages(&account.unwrap_or_default(), MOST_PAGES, |_| true, deadline).await?;
        Ok(list.unwrap_or_default())
    }

    /// Lists the zones that `filter`, the start of a query, leaves. None if `proceed` is false for the number of pages.
    pub(super) async fn zone_pages(
        &self,
        filter: &str,
        most_pages: u32,
        proceed: impl Fn(u32) -> bool,
        deadline: Instant,
    ) -> Result<Option<ZoneList>, Error> {
        let most_pages = most_pages.min(MOST_PAGES);
        let paging = Paging { per_page: PER_PAGE, shortest_full_page: SHORTEST_FULL_PAGE, most_pages };
        let path = |page| format!("zones?{filter}page={page}&per_page={PER_PAGE}");
        let call = Call { endpoint: Endpoint::ZoneList, zone: None, deadline };
        Ok(self.all_pages(call, paging, path, decode_page, proceed).await?.map(ZoneList::from))
    }

    /// Returns true if the token sees no zone at all; false if the request fails.
    pub(super) async fn sees_nothing(&self, deadline: Instant) -> bool {
        let Ok(url) = self.url("zones?page=1&per_page=5") else { return false };
        let call = Call { endpoint: Endpoint::ZoneList, zone: None, deadline };
        self.get(call, url, decode_page).await.is_ok_and(|(rows, _)| rows.is_empty())
    }
}

impl From<Pages<ZoneId, Option<ListedZone>>> for ZoneList {
    fn from(pages: Pages<ZoneId, Option<ListedZone>>) -> Self {
        // a zone has one row: where it has two, they may stand in the place of another zone
        let (complete, read) = (pages.is_complete() && pages.is_distinct(), pages.read());
        let unreadable = pages.first_unreadable();
        let mut zones: Vec<_> = pages.into_rows().into_values().flatten().collect();
        zones.sort_unstable_by_key(|zone| zone.id);
        Self { zones, complete, pages: read, unreadable }
    }
}

/// Reads one page.
fn decode_page(body: &[u8]) -> Decoded<PageRows<ZoneId, Option<ListedZone>>> {
    Ok(Envelope::parse(body)?.rows(MOST_ROWS, zone))
}

#[cfg(test)]
mod tests;
