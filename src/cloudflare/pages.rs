//! Lists that come in pages.

use std::collections::HashMap;
use std::hash::Hash;

use super::request::Call;
use super::response::Decoded;
use super::wire::{ResultInfo, Rows};
use super::{Client, Error};

/// How one of the API's lists is paged.
#[derive(Clone, Copy)]
pub(super) struct Paging {
    /// Rows in a full page.
    pub(super) per_page: usize,
    /// A page with fewer rows is the last one of a list that says nothing about its length.
    pub(super) shortest_full_page: usize,
    /// The most pages that are read of a list.
    pub(super) most_pages: u32,
}

/// The rows of one page by their identities.
pub(super) type PageRows<K, R> = Rows<(K, R)>;

impl Client {
    /// Reads all pages of a list, of which `path` names each.
    ///
    /// After the first page `proceed` is asked whether so many pages are worth reading; if not, returns none.
    ///
    /// # Errors
    /// If a page cannot be read before the deadline.
    pub(super) async fn all_pages<K: Eq + Hash, R>(
        &self,
        call: Call,
        paging: Paging,
        path: impl Fn(u32) -> String,
        decode: impl Fn(&[u8]) -> Decoded<PageRows<K, R>>,
        proceed: impl Fn(u32) -> bool,
    ) -> Result<Option<Pages<K, R>>, Error> {
        let mut pages = Pages::new(paging);
        for page in 1.. {
            let (rows, info) = self.get(call, self.url(&path(page))?, &decode).await?;
            self.report_unreadable(call, &rows);
            let more = pages.add(rows, info);
            if page == 1 && !proceed(pages.total_pages()) {
                return Ok(None);
            }
            if !more {
                break;
            }
        }
        Ok(Some(pages))
    }

    /// Logs the rows that cannot be read by what they say of their identity.
    fn report_unreadable<R>(&self, call: Call, rows: &Rows<R>) {
        let unreadable = || rows.iter().filter_map(|row| row.as_ref().err());
        if unreadable().next().is_some() {
            let (account, list, zone) = (&*self.options.account, call.endpoint.label(), call.zone);
            let (count, first): (_, Vec<_>) = (unreadable().count(), unreadable().take(5).collect());
            // the poll reports once that the list is read in part
            tracing::debug!(account, ?zone, list, count, ?first, "rows of a list cannot be read");
        }
    }
}

/// The pages read so far. Each shows the list at another moment, so rows may repeat, move or be missing.
pub(super) struct Pages<K, R> {
    paging: Paging,
    read: u32,
    rows: HashMap<K, R>,
    /// Rows received, including those that repeat or cannot be read.
    received: usize,
    total: Option<u64>,
    total_pages: Option<u32>,
    suspicious: bool,
    /// What the first row that cannot be read says of its identity.
    unreadable: Option<Box<str>>,
}

impl<K: Eq + Hash, R> Pages<K, R> {
    pub(super) fn new(paging: Paging) -> Self {
        Self {
            paging,
            read: 0,
            rows: HashMap::new(),
            received: 0,
            total: None,
            total_pages: None,
            suspicious: false,
            unreadable: None,
        }
    }

    /// Adds the next page and returns whether there is another.
    pub(super) fn add(&mut self, rows: PageRows<K, R>, info: Option<ResultInfo>) -> bool {
        let (received, before) = (rows.len(), self.rows.len());
        self.read += 1;
        self.received += received;
        self.unreadable =
            self.unreadable.take().or_else(|| rows.iter().find_map(|row| row.as_ref().err()).cloned());
        self.suspicious |= self.unreadable.is_some();
        // identical rows of one page are of one moment
        let page: HashMap<K, R> = rows.into_iter().flatten().collect();
        for (key, row) in page {
            // a row that repeats on another page has pushed another out of its page
            self.suspicious |= self.rows.insert(key, row).is_some();
        }
        let total = info.and_then(|info| info.total_count);
        self.suspicious |= self.read > 1 && total != self.total;
        self.total = total.or(self.total);
        // no list has rows and yet no page
        self.total_pages =
            info.and_then(|info| info.total_pages).filter(|pages| *pages > 0).or(self.total_pages);
        // a page that brings nothing new would come again and again
        let new = self.rows.len() > before;
        let expected = match (self.total, self.total_pages) {
            (Some(total), _) => (self.received as u64) < total,
            (None, Some(pages)) => self.read < pages,
            (None, None) => received >= self.paging.shortest_full_page,
        };
        let announced = self.total.is_some() || self.total_pages.is_some_and(|pages| self.read <= pages);
        let more = expected && new;
        // whatever the size of its pages, a list does not fill the memory
        let Paging { per_page, most_pages, .. } = self.paging;
        let too_long = self.received > per_page * most_pages as usize || more && self.read >= most_pages;
        self.suspicious |= self.read > 1 && !new && announced || too_long;
        more && !too_long
    }

    /// The number of pages, as far as it is known.
    fn total_pages(&self) -> u32 {
        let of_rows =
            |total: u64| u32::try_from(total.div_ceil(self.paging.per_page as u64)).unwrap_or(u32::MAX);
        match self.total {
            // these are all, whatever number of pages is named
            Some(total) if total <= self.received as u64 => self.read,
            total => self.total_pages.or(total.map(of_rows)).unwrap_or(1),
        }
    }

    /// The number of pages that were read.
    pub(super) fn read(&self) -> u32 {
        self.read
    }

    /// Whether the rows are the whole list, rather than what was left of one that changed while it was read.
    pub(super) fn is_complete(&self) -> bool {
        let is_all = |total| self.received as u64 == total || self.rows.len() as u64 == total;
        !self.suspicious && self.total.is_none_or(is_all)
    }

    /// Whether each row came once. A list that is complete may repeat a row on one page.
    pub(super) fn is_distinct(&self) -> bool {
        self.rows.len() == self.received
    }

    /// What the first row that cannot be read says of its identity.
    pub(super) fn unreadable(&self) -> Option<Box<str>> {
        self.unreadable.clone()
    }

    /// The rows by their identities.
    pub(super) fn into_rows(self) -> HashMap<K, R> {
        self.rows
    }
}

#[cfg(test)]
mod tests;
