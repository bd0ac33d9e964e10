//! The DNS records of a zone, and Cloudflare's own address ranges. Reading records needs a separate
//! permission.

use tokio::time::Instant;

use super::pages::{PageRows, Pages, Paging};
use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, Object, dns_record, ip_ranges};
use super::{Client, Error};
use crate::domain::{DnsRecord, IpRange, ZoneId};
use crate::telemetry::Endpoint;

/// The API returns 100 records per page by default. A large zone has some thousands.
const PER_PAGE: usize = 1000;
const SHORTEST_FULL_PAGE: usize = 100;
const MOST_PAGES: u32 = 200;

/// More rows than a page has.
const MOST_ROWS: usize = 5000;

/// The proxied records of a zone, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsRecords {
    /// The records of type A, AAAA and CNAME, sorted, without duplicates.
    pub records: Vec<DnsRecord>,
    /// The number of unreadable rows.
    pub unreadable: usize,
    /// True if the list is complete. It is incomplete if it changed while it was read or has unreadable rows.
    pub complete: bool,
}

impl Client {
    /// Lists the proxied A, AAAA and CNAME records of a zone (`GET /zones/{zone_id}/dns_records?proxied=true`).
    ///
    /// # Errors
    /// Fails if a page cannot be read before `deadline`. The other pages are lost then.
    pub async fn dns_records(&self, zone: ZoneId, deadline: Instant) -> Result<DnsRecords, Error> {
        match self.dns_record_pages(zone, PER_PAGE, deadline).await {
            // the API may not support pages this large
            Err(Error::Api { status: 400, .. }) => {
                self.dns_record_pages(zone, SHORTEST_FULL_PAGE, deadline).await
            }
            answer => answer,
        }
    }

    async fn dns_record_pages(
        &self,
        zone: ZoneId,
        per_page: usize,
        deadline: Instant,
    ) -> Result<DnsRecords, Error> {
        let paging = Paging { per_page, shortest_full_page: SHORTEST_FULL_PAGE, most_pages: MOST_PAGES };
        let path = |page| format!("zones/{zone}/dns_records?proxied=true&page={page}&per_page={per_page}");
        let call = Call { endpoint: Endpoint::DnsRecordList, zone: Some(zone), deadline };
        let pages = self.all_pages(call, paging, path, decode_page, |_| true).await?;
        Ok(pages.map(DnsRecords::from).unwrap_or_default())
    }

    /// Lists Cloudflare's own address ranges (`GET /ips`).
    ///
    /// # Errors
    /// Fails if the response has no range or does not arrive before `deadline`.
    pub async fn ip_ranges(&self, deadline: Instant) -> Result<Vec<IpRange>, Error> {
        let call = Call { endpoint: Endpoint::IpRangeList, zone: None, deadline };
        let (ranges, _) = self.get(call, self.url("ips")?, decode_ranges).await?;
        Ok(ranges)
    }
}

impl From<Pages<String, Option<DnsRecord>>> for DnsRecords {
    fn from(pages: Pages<String, Option<DnsRecord>>) -> Self {
        let (complete, unreadable) = (pages.is_complete(), pages.unreadable());
        let mut records: Vec<_> = pages.into_rows().into_values().flatten().collect();
        records.sort_unstable();
        records.dedup();
        Self { records, unreadable, complete }
    }
}

/// Reads one page.
fn decode_page(body: &[u8]) -> Decoded<PageRows<String, Option<DnsRecord>>> {
    let row = |object: &mut Object<'_>| dns_record(object);
    Ok(Envelope::parse(body)?.rows(MOST_ROWS, row))
}

/// Reads Cloudflare's address ranges.
fn decode_ranges(body: &[u8]) -> Decoded<Vec<IpRange>> {
    Ok(Envelope::parse(body)?.object(ip_ranges))
}

#[cfg(test)]
mod tests;
