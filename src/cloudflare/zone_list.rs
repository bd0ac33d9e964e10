//! The list of zones.

use tokio::time::Instant;

use super::pages::{PageRows, Pages, Paging};
use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, zone};
use super::{Client, Error};
use crate::domain::{ZoneId, ZoneName};
use crate::telemetry::Endpoint;

/// The API returns 20 zones per page by default and at most 50.
const PER_PAGE: usize = 50;
const SHORTEST_FULL_PAGE: usize = 20;
/// The maximum number of pages, which is enough for 50,000 zones.
const MOST_PAGES: u32 = 1000;

/// More rows than a page has.
const MOST_ROWS: usize = 1000;

/// A zone of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedZone {
    /// Its id.
    pub id: ZoneId,
    /// Its name.
    pub name: ZoneName,
    /// True if its status is `active`; none if the row has no readable status.
    pub active: Option<bool>,
    /// True if it is an internal DNS zone, which may have the name of a public one.
    pub internal: bool,
}

/// A list of zones, as far as it could be read.
#[derive(Debug, Default)]
pub struct ZoneList {
    /// The zones, without duplicates.
    pub zones: Vec<ListedZone>,
    /// True if the list is complete. It is incomplete if it changed while it was read or has unreadable rows.
    /// A complete list without zones may mean that the token has lost its permission.
    pub complete: bool,
    /// The number of pages.
    pub pages: u32,
    /// The identity in the first row whose name or id is unreadable.
    pub unreadable: Option<Box<str>>,
}

impl Client {
    /// Lists all zones that the token sees, or those of the configured account if its id is set (`GET
    /// /zones`).
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`. The other pages are lost then.
    pub async fn all_zones(&self, deadline: Instant) -> Result<ZoneList, Error> {
        let account = self.options.account_id.map(|id| format!("account.id={id}&"));
        let list = self.zone_pages(&account.unwrap_or_default(), MOST_PAGES, |_| true, deadline).await?;
        Ok(list.unwrap_or_default())
    }

    /// Lists the zones that `filter`, the start of a query, selects. None if `proceed` returns false for the
    /// number of pages.
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

    /// Returns true if the token sees no zone at all, and false if the request fails.
    pub(super) async fn sees_nothing(&self, deadline: Instant) -> bool {
        let Ok(url) = self.url("zones?page=1&per_page=5") else { return false };
        let call = Call { endpoint: Endpoint::ZoneList, zone: None, deadline };
        self.get(call, url, decode_page).await.is_ok_and(|(rows, _)| rows.is_empty())
    }
}

impl From<Pages<ZoneId, Option<ListedZone>>> for ZoneList {
    fn from(pages: Pages<ZoneId, Option<ListedZone>>) -> Self {
        // each zone has one row, so a second row of a zone may have displaced another zone
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
