//! DNS records and address ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::certificate::identity;
use super::object::{Object, elements, parse_text};
use crate::domain::{DnsRecord, Hostname, IpRange, RecordData};

/// More ranges than Cloudflare has in one family.
const MOST_RANGES: usize = 1000;

/// Reads a record and its id. An unreadable row returns the text of its name. The record is none if it cannot
/// lead to an origin: if it is not proxied, or of another type than A, AAAA and CNAME.
pub(in crate::cloudflare) fn dns_record(
    object: &mut Object<'_>,
) -> Result<(String, Option<DnsRecord>), Box<str>> {
    let id = object.text("id").ok_or_else(|| identity(object, "name"))?.into_owned();
    let proxied = object.flag("proxied").flatten();
    let data = match object.text("type").as_deref() {
        _ if proxied == Some(false) => return Ok((id, None)),
        Some("A") => object.named("content").map(|ip: Ipv4Addr| RecordData::Address(IpAddr::V4(ip))),
        Some("AAAA") => object.named("content").map(|ip: Ipv6Addr| RecordData::Address(IpAddr::V6(ip))),
        Some("CNAME") => object.named("content").map(|name: Hostname| RecordData::Name(name)),
        Some(_) => return Ok((id, None)),
        None => None,
    };
    match (object.named("name"), data, proxied) {
        (Some(name), Some(data), Some(true)) => Ok((id, Some(DnsRecord { name, data }))),
        _ => Err(identity(object, "name")),
    }
}

/// Reads Cloudflare's ranges of both families. An unreadable range is omitted, and its list is odd.
pub(in crate::cloudflare) fn ip_ranges(object: &mut Object<'_>) -> Result<Vec<IpRange>, String> {
    let mut ranges = Vec::new();
    for name in ["ipv4_cidrs", "ipv6_cidrs"] {
        // the field is odd unless all of its ranges are read
        let _ = object.parsed(name, |raw| {
            let (list, has_more) = elements(raw, MOST_RANGES)?;
            let count = list.len();
            let read = list.into_iter().filter_map(|range| parse_text(range)?.parse::<IpRange>().ok());
            let before = ranges.len();
            ranges.extend(read);
            (ranges.len() == before + count && !has_more).then_some(())
        });
    }
    if ranges.is_empty() { Err("the response has no address range".to_owned()) } else { Ok(ranges) }
}
