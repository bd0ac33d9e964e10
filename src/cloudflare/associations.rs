//! The list of a zone's associations.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use tokio::time::Instant;

use super::pages::{PageRows, Paging};
use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, Object, association};
use super::{Client, Error};
use crate::domain::{Association, CertId, Date, Hostname, Status, ZoneId};
use crate::telemetry::Endpoint;

/// The API returns at most 1,000 rows per page.
const PAGING: Paging = Paging { per_page: 1000, shortest_full_page: 1, most_pages: 1000 };

/// More rows than a page has, and than a zone can have associations.
pub(super) const MOST_ROWS: usize = 5000;

/// One row of the list. A hostname may have several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssociationRow {
    /// The hostname.
    pub hostname: Hostname,
    /// The associated certificate.
    pub cert_id: Option<CertId>,
    /// The association. None if the row lacks it and so cannot be trusted.
    pub association: Option<Association>,
    /// The status of its deployment.
    pub status: Option<Status>,
    /// When the association was created.
    pub created_at: Option<Date>,
    /// When the association was last changed.
    pub updated_at: Option<Date>,
}

impl AssociationRow {
    /// If a hostname has several rows, the one with the lowest rank counts: the furthest in deployment, then the newest.
    pub fn rank(&self) -> (u8, Reverse<Option<Date>>, Option<&CertId>) {
        let status = self.status.unwrap_or(Status::Unknown);
        // the id makes the choice the same whatever the order of the rows
        (status.precedence(), Reverse(self.updated_at), self.cert_id.as_ref())
    }
}

/// A list of associations, as far as it could be read.
#[derive(Debug, Default)]
pub struct Associations {
    /// The rows, without duplicates.
    pub rows: HashSet<AssociationRow>,
    /// True if the list is complete. It is incomplete if it changed while it was read.
    pub complete: bool,
    /// The number of pages. Each page may show the list at a different moment.
    pub pages: u32,
}

impl Associations {
    /// Returns the rows of each hostname, except deleted ones.
    pub fn by_hostname(self) -> BTreeMap<Hostname, Vec<AssociationRow>> {
        let mut by_hostname: BTreeMap<Hostname, Vec<AssociationRow>> = BTreeMap::new();
        for row in self.rows.into_iter().filter(|row| row.status != Some(Status::Deleted)) {
            by_hostname.entry(row.hostname.clone()).or_default().push(row);
        }
        by_hostname
    }
}

impl Client {
    /// Lists all associations of a zone, whatever their status
    /// (`GET /zones/{zone_id}/origin_tls_client_auth/hostnames?status=all`).
    ///
    /// After the first page, `proceed` decides whether this many pages are worth reading. If not, the result
    /// is none.
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`.
    pub async fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        proceed: impl Fn(u32) -> bool,
    ) -> Result<Option<Associations>, Error> {
        let path = |page| {
            let per_page = PAGING.per_page;
            format!(
                "zones/{zone}/origin_tls_client_auth/hostnames?status=all&page={page}&per_page={per_page}"
            )
        };
        let call = Call { endpoint: Endpoint::HostnameList, zone: Some(zone), deadline };
        let pages = self.all_pages(call, PAGING, path, decode_page, proceed).await?;
        Ok(pages.map(|pages| Associations {
            complete: pages.is_complete(),
            pages: pages.read(),
            rows: pages.into_rows().into_keys().collect(),
        }))
    }
}

/// Reads one page.
fn decode_page(body: &[u8]) -> Decoded<PageRows<AssociationRow, ()>> {
    let row = |object: &mut Object<'_>| association(object).map(|row| (row, ()));
    Ok(Envelope::parse(body)?.rows(MOST_ROWS, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_start_of_an_endless_page_is_read() {
        let body = format!(r#"{{"success":true,"result":[{}{{}}]}}"#, "{},".repeat(1_400_000));
        let rows = decode_page(body.as_bytes()).unwrap().result.unwrap().unwrap();
        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows[MOST_ROWS].as_ref().unwrap_err().as_ref(), "all after the first 5000");
    }
}
