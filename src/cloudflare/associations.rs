//! All associations of a zone, page by page.

use std::collections::HashSet;

use tokio::time::Instant;

use super::transport::Decoded;
use super::wire::{AssociationObject, Envelope, ResultInfo};
use super::{Client, Error};
use crate::domain::{Association, CertId, Date, Hostname, Status, ZoneId};
use crate::telemetry::Endpoint;

/// The most that the API gives in one page.
const PER_PAGE: usize = 1000;
/// More pages than a zone can fill.
const MOST_PAGES: u32 = 1000;
/// More rows than these pages can have.
const MOST_ROWS: usize = PER_PAGE * MOST_PAGES as usize;

/// One row of the list: a hostname may have several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssociationRow {
    /// The hostname.
    pub hostname: Hostname,
    /// The certificate that it is associated with.
    pub cert_id: Option<CertId>,
    /// Whether that is presented; none where the row does not say, so that it cannot be trusted.
    pub association: Option<Association>,
    /// How far Cloudflare has brought it.
    pub status: Option<Status>,
    /// When the association was made.
    pub created_at: Option<Date>,
    /// When the association was last changed.
    pub updated_at: Option<Date>,
}

/// What the pages of a list had.
#[derive(Debug, Default)]
pub struct Associations {
    /// The rows, each once.
    pub rows: HashSet<AssociationRow>,
    /// Whether these are all, rather than what was left of a list that changed while it was read.
    pub complete: bool,
    /// In how many pages they came. Several are of different moments, also where nothing else shows that.
    pub pages: u32,
}

impl Client {
    /// All associations of a zone, whatever their status
    /// (`GET /zones/{zone_id}/origin_tls_client_auth/hostnames?status=all`).
    ///
    /// After the first page `proceed` is asked whether so many pages are worth it; none is the answer if not.
    ///
    /// # Errors
    /// Where a page cannot be read before `deadline`.
    pub async fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        proceed: impl Fn(u32) -> bool,
    ) -> Result<Option<Associations>, Error> {
        let mut pages = Pages::default();
        for page in 1.. {
            let path = format!("zones/{zone}/origin_tls_client_auth/hostnames");
            let url = self.url(&format!("{path}?status=all&page={page}&per_page={PER_PAGE}"))?;
            let (rows, info) = self.get(Endpoint::HostnameList, url, deadline, decode_page).await?;
            let more = pages.add(page, rows, info);
            if page == 1 && !proceed(pages.total_pages()) {
                return Ok(None);
            }
            if !more {
                break;
            }
        }
        Ok(Some(pages.finish()))
    }
}

/// The rows of a page; none stands for one that does not tell whose it is.
pub(super) fn decode_page(body: &[u8]) -> Decoded<Vec<Option<AssociationRow>>> {
    let envelope: Envelope<Vec<AssociationObject<'_>>> = serde_json::from_slice(body)?;
    Ok(envelope.listed().map(|objects| Ok(objects.iter().map(AssociationObject::row).collect())))
}

/// The pages read so far. They are of different moments: rows may repeat, move and be missing.
#[derive(Default)]
struct Pages {
    read: u32,
    rows: HashSet<AssociationRow>,
    /// Rows that came, those that repeat or cannot be read included.
    came: usize,
    total: Option<u64>,
    total_pages: Option<u32>,
    suspicious: bool,
}

impl Pages {
    /// Takes in a page and tells whether there is another.
    fn add(&mut self, page: u32, rows: Vec<Option<AssociationRow>>, info: Option<ResultInfo>) -> bool {
        let (empty, before) = (rows.is_empty(), self.rows.len());
        self.read = page;
        self.came += rows.len();
        for row in rows {
            match row {
                // a row that repeats has pushed another out of its page
                Some(row) => self.suspicious |= !self.rows.insert(row),
                None => self.suspicious = true,
            }
        }
        let total = info.and_then(|info| info.total_count);
        self.suspicious |= page > 1 && total != self.total;
        self.total = total.or(self.total);
        // no list has rows and yet no page
        self.total_pages =
            info.and_then(|info| info.total_pages).filter(|pages| *pages > 0).or(self.total_pages);
        // a page that brings nothing new would come again and again
        let new = self.rows.len() > before;
        let expected = match (self.total, self.total_pages) {
            (Some(total), _) => (self.came as u64) < total,
            (None, Some(pages)) => page < pages,
            (None, None) => !empty,
        };
        let announced = self.total.is_some() || self.total_pages.is_some_and(|pages| page <= pages);
        let more = expected && new;
        // whatever the size of its pages, a list does not fill the memory
        let too_long = self.came > MOST_ROWS || more && page >= MOST_PAGES;
        self.suspicious |= page > 1 && !new && announced || too_long;
        more && !too_long
    }

    /// How many pages there are, as far as that is known.
    fn total_pages(&self) -> u32 {
        let of_rows = |total: u64| u32::try_from(total.div_ceil(PER_PAGE as u64)).unwrap_or(u32::MAX);
        match self.total {
            // these are all, whatever number of pages is named
            Some(total) if total <= self.came as u64 => self.read,
            total => self.total_pages.or(total.map(of_rows)).unwrap_or(1),
        }
    }

    fn finish(self) -> Associations {
        let all = self.total.is_none_or(|total| self.rows.len() as u64 == total);
        Associations { rows: self.rows, complete: all && !self.suspicious, pages: self.read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32) -> Option<AssociationRow> {
        Some(AssociationRow {
            hostname: format!("h{number}.example").parse().unwrap(),
            cert_id: None,
            association: Some(Association::Enabled),
            status: None,
            created_at: None,
            updated_at: None,
        })
    }

    fn info(total_pages: Option<u32>, total_count: Option<u64>) -> Option<ResultInfo> {
        Some(ResultInfo { total_pages, total_count })
    }

    /// Reads these pages as far as the list wants them, and tells how many, how many rows, and whether that is all.
    fn read(pages: Vec<(Vec<Option<AssociationRow>>, Option<ResultInfo>)>) -> (u32, usize, bool) {
        let (mut all, mut asked) = (Pages::default(), 0);
        for (rows, info) in pages {
            asked += 1;
            if !all.add(asked, rows, info) {
                break;
            }
        }
        let all = all.finish();
        (asked, all.rows.len(), all.complete)
    }

    #[test]
    fn a_list_ends_where_its_total_says() {
        let two = || vec![row(1), row(2)];
        assert_eq!(read(vec![(two(), info(Some(1), Some(2))), (vec![], None)]), (1, 2, true));
        assert_eq!(
            read(vec![(two(), info(Some(2), Some(3))), (vec![row(3)], info(Some(2), Some(3)))]),
            (2, 3, true)
        );
        assert_eq!(read(vec![(vec![], info(Some(0), Some(0)))]), (1, 0, true));
        assert_eq!(read(vec![(vec![], None)]), (1, 0, true));
    }

    #[test]
    fn a_list_that_says_nothing_of_its_length_ends_with_an_empty_page() {
        assert_eq!(read(vec![(vec![row(1)], None), (vec![row(2)], None), (vec![], None)]), (3, 2, true));
    }

    #[test]
    fn a_wrong_number_of_pages_gives_way_to_the_number_of_rows() {
        assert_eq!(
            read(vec![(vec![row(1)], info(Some(0), Some(2))), (vec![row(2)], info(Some(0), Some(2)))]),
            (2, 2, true)
        );
        assert_eq!(read(vec![(vec![row(1)], info(Some(9), Some(1))), (vec![], None)]), (1, 1, true));
    }

    #[test]
    fn the_first_page_tells_how_many_there_are_to_read() {
        let told = |total_pages, total_count| {
            let mut pages = Pages::default();
            pages.add(1, vec![row(1)], info(total_pages, total_count));
            pages.total_pages()
        };
        assert_eq!(told(Some(3), Some(2500)), 3);
        assert_eq!(told(None, Some(2500)), 3);
        assert_eq!(told(Some(3), None), 3);
        assert_eq!(told(None, None), 1);
        assert_eq!(told(Some(9), Some(1)), 1, "all of it came");
    }

    #[test]
    fn a_list_of_more_pages_than_a_zone_can_fill_is_left() {
        let mut pages = Pages::default();
        let read = (1..).take_while(|page| pages.add(*page, vec![row(*page)], None)).count();
        assert_eq!(read, 999);
        assert!(!pages.finish().complete);
    }

    #[test]
    fn what_repeats_moves_ends_early_or_cannot_be_read_is_not_complete() {
        let whole = info(Some(2), Some(2));
        assert_eq!(read(vec![(vec![row(1)], whole), (vec![row(1)], whole)]), (2, 1, false), "page loop");
        assert_eq!(
            read(vec![(vec![row(1)], None), (vec![row(1)], None)]),
            (2, 1, false),
            "page loop without a length"
        );
        assert_eq!(read(vec![(vec![row(1)], whole), (vec![], whole)]), (2, 1, false), "ends early");
        assert_eq!(
            read(vec![(vec![row(1)], info(Some(2), None)), (vec![], info(Some(2), None))]),
            (2, 1, false)
        );
        assert_eq!(read(vec![(vec![row(1), row(1)], whole)]), (1, 1, false), "a row repeats");
        assert_eq!(read(vec![(vec![row(1), None], whole)]), (1, 1, false), "a row of nobody");
        let mut long = vec![None; MOST_ROWS];
        long.push(row(1));
        let endless = info(Some(9), Some(9_000_000));
        assert_eq!(read(vec![(long, endless), (vec![row(2)], endless)]), (1, 1, false), "it never ends");
        let grown = info(Some(2), Some(3));
        assert_eq!(
            read(vec![(vec![row(1)], whole), (vec![row(2), row(3)], grown)]),
            (2, 3, false),
            "it grew"
        );
    }
}
