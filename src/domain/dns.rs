//! The DNS records of zones, and the origins that follow from them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Hostname, OriginAddress, OriginTarget, ZoneName};

/// One proxied DNS record of type A, AAAA or CNAME.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsRecord {
    /// The name of the record; its first label may be `*`.
    pub name: Hostname,
    /// The target of the record.
    pub data: RecordData,
}

/// The target of a DNS record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordData {
    /// The address of an A or AAAA record.
    Address(IpAddr),
    /// The name of a CNAME record.
    Name(Hostname),
}

/// The reason why a record or a hostname has no origin that can be reached directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoOrigin {
    /// Cloudflare Tunnel: the origin connects to Cloudflare.
    Tunnel,
    /// A placeholder address, as used for a Worker or a redirect.
    Placeholder,
    /// Cloudflare Pages.
    Pages,
    /// A Worker's own name.
    Worker,
    /// A bucket of R2.
    Bucket,
    /// Another name at Cloudflare's edge.
    Edge,
    /// A chain of CNAME records that leads back to itself, or is too long.
    Loop,
    /// A CNAME target that cannot be the name of a server.
    NotAName,
    /// More addresses than are probed.
    TooMany,
    /// The hostname is a wildcard, and no server can be asked for a name with `*`.
    Wildcard,
    /// The zone has no proxied record for the hostname.
    NoRecord,
}

impl NoOrigin {
    /// All reasons.
    pub const ALL: [Self; 11] = [
        Self::Tunnel,
        Self::Placeholder,
        Self::Pages,
        Self::Worker,
        Self::Bucket,
        Self::Edge,
        Self::Loop,
        Self::NotAName,
        Self::TooMany,
        Self::Wildcard,
        Self::NoRecord,
    ];

    /// Returns the reason in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tunnel => "tunnel",
            Self::Placeholder => "placeholder",
            Self::Pages => "pages",
            Self::Worker => "worker",
            Self::Bucket => "bucket",
            Self::Edge => "edge",
            Self::Loop => "loop",
            Self::NotAName => "not_a_name",
            Self::TooMany => "too_many",
            Self::Wildcard => "wildcard",
            Self::NoRecord => "no_record",
        }
    }

    /// Returns the reason for a CNAME target that belongs to a service of Cloudflare.
    fn of_service(name: &Hostname) -> Option<Self> {
        const SERVICES: [(&str, NoOrigin); 6] = [
            (".cfargotunnel.com", NoOrigin::Tunnel),
            (".pages.dev", NoOrigin::Pages),
            (".workers.dev", NoOrigin::Worker),
            (".r2.dev", NoOrigin::Bucket),
            (".r2.cloudflarestorage.com", NoOrigin::Bucket),
            (".cdn.cloudflare.net", NoOrigin::Edge),
        ];
        SERVICES.iter().find(|(suffix, _)| name.as_str().ends_with(suffix)).map(|(_, reason)| *reason)
    }
}

impl fmt::Display for NoOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tunnel => "behind a Cloudflare Tunnel",
            Self::Placeholder => "a placeholder address, as used for a Worker or a redirect",
            Self::Pages => "served by Cloudflare Pages",
            Self::Worker => "served by a Worker",
            Self::Bucket => "served by R2",
            Self::Edge => "another name at Cloudflare's edge",
            Self::Loop => "an endless chain of CNAME records",
            Self::NotAName => "a CNAME record whose target cannot be a server's name",
            Self::TooMany => "one of more than 16 addresses, of which the first 16 are probed",
            Self::Wildcard => {
                "a wildcard, which no server can be asked for; configure its origin with a server_name"
            }
            Self::NoRecord => {
                "without a proxied record, as with a load balancer, a Worker's domain or a custom hostname"
            }
        })
    }
}

/// The origins of a hostname according to DNS records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsOrigins {
    /// The origins. Their names must be resolved, and their addresses checked, before anything connects to them.
    pub origins: Vec<OriginTarget>,
    /// The reasons why a record, or the hostname as a whole, gives no origin.
    pub without: BTreeSet<NoOrigin>,
}

/// The maximum number of origins of a hostname, and of CNAME records to follow.
const MAX_ORIGINS: usize = 16;

/// The addresses of records without an origin, from Cloudflare's documentation.
const PLACEHOLDERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0))];

/// The records of several zones, by name.
#[derive(Debug, Default)]
pub struct DnsIndex<'a> {
    zones: HashSet<&'a str>,
    records: BTreeMap<&'a str, Vec<&'a RecordData>>,
    /// The names with records, and all their parent names.
    names: HashSet<&'a str>,
}

impl<'a> DnsIndex<'a> {
    /// Adds the records of a zone. If the zone's name is known, records of names outside the zone are skipped.
    pub fn add(
        &mut self,
        zone: impl Into<Option<&'a ZoneName>>,
        records: impl IntoIterator<Item = &'a DnsRecord>,
    ) {
        let zone = zone.into();
        self.zones.extend(zone.map(ZoneName::as_str));
        let is_of_zone = |record: &&DnsRecord| zone.is_none_or(|zone| record.name.is_in(zone));
        for record in records.into_iter().filter(is_of_zone) {
            self.records.entry(record.name.as_str()).or_default().push(&record.data);
            self.names.extend(above(record.name.as_str()));
        }
    }

    /// Returns the origins of a hostname.
    ///
    /// A name without records has those of the wildcard that covers it (RFC 4592). A CNAME record that points to a name
    /// with proxied records is followed here, since the DNS resolves that name to Cloudflare's addresses. Any other
    /// target must be resolved.
    pub fn origins(&self, hostname: &Hostname) -> DnsOrigins {
        let mut found = DnsOrigins::default();
        if hostname.is_wildcard() {
            found.without.insert(NoOrigin::Wildcard);
            return found;
        }
        let Some(first) = self.covering(hostname.as_str()) else {
            found.without.insert(NoOrigin::NoRecord);
            return found;
        };
        let mut addresses = BTreeSet::new();
        let (mut records, mut seen) = (Some(first), HashSet::from([hostname.as_str()]));
        while let Some(data) = records.take() {
            for data in data {
                match data {
                    RecordData::Address(ip) if PLACEHOLDERS.contains(ip) => {
                        found.without.insert(NoOrigin::Placeholder);
                    }
                    RecordData::Address(ip) => {
                        addresses.insert(OriginAddress::from(*ip));
                    }
                    RecordData::Name(name) => match self.followed(name, &mut seen) {
                        Ok(Ok(next)) => records = Some(next),
                        Ok(Err(address)) => {
                            addresses.insert(address);
                        }
                        Err(reason) => {
                            found.without.insert(reason);
                        }
                    },
                }
            }
        }
        if addresses.len() > MAX_ORIGINS {
            found.without.insert(NoOrigin::TooMany);
        }
        found.origins =
            addresses.into_iter().take(MAX_ORIGINS).map(|address| target(hostname, address)).collect();
        found
    }

    /// Follows a CNAME record, either to further records or to an address outside them.
    fn followed<'n>(
        &self,
        name: &'n Hostname,
        seen: &mut HashSet<&'n str>,
    ) -> Result<Result<&[&'a RecordData], OriginAddress>, NoOrigin> {
        if let Some(reason) = NoOrigin::of_service(name) {
            return Err(reason);
        }
        // a wildcard is not followed, since the target may have a record of its own that is not proxied and thus not
        // listed
        let Some(next) = self.records.get(name.as_str()) else {
            return name.as_str().parse().map(Err).map_err(|_| NoOrigin::NotAName);
        };
        if !seen.insert(name.as_str()) || seen.len() > MAX_ORIGINS {
            return Err(NoOrigin::Loop);
        }
        Ok(Ok(next))
    }

    /// Returns the records of a name, or of the wildcard that covers it.
    fn covering(&self, name: &str) -> Option<&[&'a RecordData]> {
        let exists = |name: &str| self.names.contains(name) || self.zones.contains(name);
        if exists(name) {
            return self.records.get(name).map(Vec::as_slice);
        }
        // only the closest existing parent name can have the wildcard
        let encloser = above(name).find(|name| exists(name))?;
        self.records.get(&*format!("*.{encloser}")).map(Vec::as_slice)
    }
}

/// Returns a name and its parent names.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above))
}

fn target(hostname: &Hostname, address: OriginAddress) -> OriginTarget {
    OriginTarget {
        hostname: hostname.clone(),
        label: address.to_string().into(),
        address,
        server_name: hostname.clone(),
        path: "/".into(),
        from_dns: true,
    }
}

#[cfg(test)]
mod tests;
