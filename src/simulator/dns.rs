//! DNS records, and Cloudflare's own address ranges.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Refusal};
use super::api::Call;
use super::world::{World, derived};
use super::zone::Zone;
use super::zones::paged;

/// A DNS record of a zone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DnsRecord {
    /// Its type: `A`, `AAAA`, `CNAME`, or any other.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its full name.
    pub name: String,
    /// The address or name that it points to.
    pub content: String,
    /// True if Cloudflare proxies it.
    pub proxied: bool,
}

impl DnsRecord {
    fn new(kind: &str, name: &str, content: &str, proxied: bool) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), content: content.to_owned(), proxied }
    }
}

/// A record in the API's form.
#[derive(Serialize)]
struct View<'a> {
    id: String,
    #[serde(flatten)]
    record: &'a DnsRecord,
    proxiable: bool,
    ttl: u32,
}

/// `GET /zones/{zone_id}/dns_records`.
pub(super) fn list(zone: &Zone, call: &Call<'_>) -> Result<Answer, Refusal> {
    let page = call.query.number("page", 1, 1, usize::MAX)?;
    let per_page = call.query.number("per_page", 100, 5, 5000)?;
    let [proxied, kind, name] = ["proxied", "type", "name"].map(|key| call.query.get(key));
    let fits = |wanted: &Option<String>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted == actual);
    let records = zone.records.iter().filter(|record| {
        fits(&proxied, if record.proxied { "true" } else { "false" })
            && fits(&kind, &record.kind)
            && fits(&name, &record.name)
    });
    Ok(paged(records, page, per_page, |record| View {
        id: format!("{:032x}", derived(0, &format!("{}/{}/{}", record.kind, record.name, record.content))),
        record,
        proxiable: matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME"),
        ttl: 1,
    }))
}

#[derive(Serialize)]
struct Ranges {
    ipv4_cidrs: [&'static str; 3],
    ipv6_cidrs: [&'static str; 2],
    etag: &'static str,
}

/// `GET /ips`.
pub(super) fn ranges() -> Answer {
    Answer::result(Ranges {
        ipv4_cidrs: ["104.16.0.0/13", "172.64.0.0/13", "173.245.48.0/20"],
        ipv6_cidrs: ["2606:4700::/32", "2a06:98c0::/29"],
        etag: "simulated",
    })
}

/// Records of each kind. They point to addresses reserved for documentation (RFC 5737, RFC 3849), to private
/// addresses, or to nothing.
const DEMO: &[(&str, &str, &str, &str, bool)] = &[
    ("example.com", "A", "api.example.com", "203.0.113.10", true),
    ("example.com", "AAAA", "api.example.com", "2001:db8::10", true),
    ("example.com", "CNAME", "app.example.com", "api.example.com", true),
    ("example.com", "CNAME", "www.example.com", "app.example.com", true),
    ("example.com", "A", "intranet.example.com", "10.0.0.7", true),
    ("example.com", "CNAME", "admin.example.com", "0123456789abcdef.cfargotunnel.com", true),
    ("example.com", "AAAA", "legacy.example.com", "100::", true),
    ("example.com", "A", "mail.example.com", "203.0.113.11", false),
    ("example.com", "TXT", "example.com", "v=spf1 -all", false),
    ("example.org", "A", "*.example.org", "203.0.113.20", true),
    ("example.org", "A", "old.example.org", "192.0.2.1", true),
    ("example.org", "CNAME", "docs.example.org", "documentation.pages.dev", true),
    ("example.org", "CNAME", "mirror.example.org", "mirror.example.net", true),
    ("shop.example", "CNAME", "www.shop.example", "api.example.com", true),
    ("shop.example", "A", "checkout.shop.example", "203.0.113.30", true),
    ("shop.example", "A", "checkout.shop.example", "203.0.113.31", true),
];

impl World {
    /// Adds the DNS records of those zones of the demo that exist.
    pub(super) fn add_demo_records(&mut self) {
        for (zone, kind, name, content, proxied) in DEMO {
            if let Some(zone) = self.zone(zone) {
                zone.records.push(DnsRecord::new(kind, name, content, *proxied));
            }
        }
    }
}
