//! Paginated lists.

use std::collections::HashMap;
use std::hash::Hash;

use super::request::Call;
use super::response::Decoded;
use super::wire::{ResultInfo, Rows};
use super::{Client, Error};

/// The pagination of one of the API's lists.
#[derive(Clone, Copy)]
pub(super) struct Paging {
    /// The number of rows in a full page.
    pub(super) per_page: usize,
    /// A page with fewer rows is the last one, if the list does not announce its length.
    pub(super) shortest_full_page: usize,
    /// The maximum number of pages to read.
    pub(super) most_pages: u32,
}

/// The rows of one page with their keys.
pub(super) type PageRows<K, R> = Rows<(K, R)>;

impl Client {
    /// Reads all pages of a list. `path` returns the path of a page.
    ///
    /// After the first page, `proceed` is called with the number of pages. If it returns false, the result is none.
    ///
    /// # Errors
    /// Fails if a page cannot be read before the deadline.
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

    /// Logs unreadable rows with the known parts of their identity.
    fn report_unreadable<R>(&self, call: Call, rows: &Rows<R>) {
        let unreadable = || rows.iter().filter_map(|row| row.as_ref().err());
        if unreadable().next().is_some() {
            let (account, list, zone) = (&*self.options.account, call.endpoint.label(), call.zone);
            let (count, first): (_, Vec<_>) = (unreadable().count(), unreadable().take(5).collect());
            // the poll itself reports once that the list is incomplete
            tracing::debug!(account, ?zone, list, count, ?first, "rows of a list cannot be read");
        }
    }
}

/// The pages read so far. Each shows the list at a different moment, so rows may repeat, move or be missing.
pub(super) struct Pages<K, R> {
    paging: Paging,
    read: u32,
    rows: HashMap<K, R>,
    /// The number of rows received, including repeated and unreadable ones.
    received: usize,
    total: Option<u64>,
    total_pages: Option<u32>,
    suspicious: bool,
    /// The number of rows that could not be read.
    unreadable: usize,
    /// The identity of the first unreadable row, as far as the row has one.
    first_unreadable: Option<Box<str>>,
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
            unreadable: 0,
            first_unreadable: None,
        }
    }

    /// Adds the next page. Returns true if there is another one.
    pub(super) fn add(&mut self, rows: PageRows<K, R>, info: Option<ResultInfo>) -> bool {
        let (received, before) = (rows.len(), self.rows.len());
        self.read += 1;
        self.received += received;
        let unreadable = rows.iter().filter_map(|row| row.as_ref().err());
        self.first_unreadable = self.first_unreadable.take().or_else(|| unreadable.clone().next().cloned());
        self.unreadable += unreadable.count();
        self.suspicious |= self.unreadable > 0;
        // rows repeated within one page are from the same moment, so no other row is missing
        let page: HashMap<K, R> = rows.into_iter().flatten().collect();
        for (key, row) in page {
            // a row repeated on another page may have displaced a row that was never seen
            self.suspicious |= self.rows.insert(key, row).is_some();
        }
        let total = info.and_then(|info| info.total_count);
        self.suspicious |= self.read > 1 && total != self.total;
        self.total = total.or(self.total);
        // a list with rows cannot have zero pages
        self.total_pages =
            info.and_then(|info| info.total_pages).filter(|pages| *pages > 0).or(self.total_pages);
        // stop at a page without new rows, which might repeat forever
        let new = self.rows.len() > before;
        let expected = match (self.total, self.total_pages) {
            (Some(total), _) => (self.received as u64) < total,
            (None, Some(pages)) => self.read < pages,
            (None, None) => received >= self.paging.shortest_full_page,
        };
        let announced = self.total.is_some() || self.total_pages.is_some_and(|pages| self.read <= pages);
        let more = expected && new;
        // bounds memory, whatever the size of the pages
        let Paging { per_page, most_pages, .. } = self.paging;
        let too_long = self.received > per_page * most_pages as usize || more && self.read >= most_pages;
        self.suspicious |= self.read > 1 && !new && announced || too_long;
        more && !too_long
    }

    /// Returns the total number of pages, as far as it is known.
    fn total_pages(&self) -> u32 {
        let of_rows =
            |total: u64| u32::try_from(total.div_ceil(self.paging.per_page as u64)).unwrap_or(u32::MAX);
        match self.total {
            // all rows have arrived, whatever the announced number of pages
            Some(total) if total <= self.received as u64 => self.read,
            total => self.total_pages.or(total.map(of_rows)).unwrap_or(1),
        }
    }

    /// Returns the number of pages read.
    pub(super) fn read(&self) -> u32 {
        self.read
    }

    /// Returns the number of rows that could not be read.
    pub(super) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Returns true if the rows are the whole list, which did not change while it was read.
    pub(super) fn is_complete(&self) -> bool {
        let is_all = |total| self.received as u64 == total || self.rows.len() as u64 == total;
        !self.suspicious && self.total.is_none_or(is_all)
    }

    /// Returns true if no row was repeated. Even a complete list may repeat a row within one page.
    pub(super) fn is_distinct(&self) -> bool {
        self.rows.len() == self.received
    }

    /// Returns the identity of the first unreadable row, as far as the row has one.
    pub(super) fn first_unreadable(&self) -> Option<Box<str>> {
        self.first_unreadable.clone()
    }

    /// Returns the rows by their keys.
    pub(super) fn into_rows(self) -> HashMap<K, R> {
        self.rows
    }
}

#[cfg(test)]
mod tests;
