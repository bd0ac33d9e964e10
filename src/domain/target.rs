//! The configured targets: zones, their hostnames and the way each zone is read.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::{
    Expectation, Expected, FoundZone, Hostname, Ignored, OriginTarget, PatternTarget, ZoneId, ZoneName,
};

/// All targets: zones, sorted by key and unique, and patterns that match further zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    zones: Vec<Arc<ZoneTarget>>,
    /// The patterns in the order of the configuration. The first one that matches a zone applies.
    patterns: Vec<PatternTarget>,
}

impl Targets {
    /// Creates targets from zones, sorted by key. The first zone with a key wins.
    pub fn new(zones: impl IntoIterator<Item = ZoneTarget>) -> Self {
        let mut zones: Vec<_> = zones.into_iter().map(Arc::new).collect();
        zones.sort_by(|a, b| a.key.cmp(&b.key));
        zones.dedup_by(|b, a| a.key == b.key);
        Self { zones, patterns: Vec::new() }
    }

    /// Adds patterns.
    #[must_use]
    pub fn with_patterns(self, patterns: Vec<PatternTarget>) -> Self {
        Self { patterns, ..self }
    }

    /// Returns the patterns in the order of the configuration.
    pub fn patterns(&self) -> &[PatternTarget] {
        &self.patterns
    }

    /// Returns the accounts that have a zone or a pattern.
    pub fn accounts(&self) -> BTreeSet<&Arc<str>> {
        let zones = self.zones.iter().map(|zone| &zone.account);
        zones.chain(self.patterns.iter().map(|pattern| &pattern.account)).collect()
    }

    /// Returns the named zones and, among the zones visible to each account's token, those that match a pattern.
    ///
    /// A named zone is never matched by a pattern. A zone visible to several accounts is read once, through the first
    /// of them. If two zones have the same name, the later one uses its id as key.
    pub(super) fn expanded<'f>(&self, found: impl Fn(&str) -> &'f [FoundZone]) -> Vec<Arc<ZoneTarget>> {
        let mut zones = self.zones.clone();
        let mut ids: HashSet<ZoneId> = zones.iter().filter_map(|zone| zone.id).collect();
        let named: HashMap<_, _> =
            self.zones.iter().filter_map(|zone| Some(((&zone.account, zone.name()?), zone.id))).collect();
        // a zone with an id other than the configured one is another zone of the same name
        let is_named = |account, zone: &FoundZone| {
            named.get(&(account, &zone.name)).is_some_and(|id| id.is_none_or(|id| id == zone.id))
        };
        let mut names: HashSet<&str> = self.zones.iter().map(|zone| zone.key.as_str()).collect();
        let mut accounts: Vec<_> = self.patterns.iter().map(|pattern| &pattern.account).collect();
        accounts.dedup();
        for account in accounts {
            for zone in found(account).iter().filter(|zone| !is_named(account, zone)) {
                let mut patterns = self.patterns.iter().filter(|pattern| pattern.account == *account);
                let Some(pattern) = patterns.find(|pattern| pattern.finds(zone)) else { continue };
                if !ids.insert(zone.id) {
                    continue;
                }
                let (account, name) = (Arc::clone(account), zone.name.clone());
                let target = match names.insert(zone.name.as_str()) {
                    true => ZoneTarget::named(account, name, Some(zone.id)),
                    false => ZoneTarget::named_by_id(account, name, zone.id),
                };
                zones.push(Arc::new(ZoneTarget { is_found: true, ..target.with_extent(pattern.extent) }));
            }
        }
        zones.sort_by(|a, b| a.key.cmp(&b.key));
        zones
    }

    /// Returns the zones that the configuration names, sorted by key.
    pub fn zones(&self) -> &[Arc<ZoneTarget>] {
        &self.zones
    }

    /// Returns the number of hostnames in all zones.
    pub fn hostnames(&self) -> usize {
        self.zones.iter().map(|zone| zone.hostnames.len()).sum()
    }
}

/// The label of a zone in metrics and pages. It is the zone's name, or its id if no name is configured.
///
/// A key is not an identity. Two keys may turn out to be the same zone once both ids are known.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneKey(Arc<str>);

impl ZoneKey {
    /// Returns the value of the label `zone`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&ZoneName> for ZoneKey {
    fn from(name: &ZoneName) -> Self {
        Self(name.as_str().into())
    }
}

impl From<ZoneId> for ZoneKey {
    fn from(id: ZoneId) -> Self {
        Self(id.to_string().into())
    }
}

/// One zone to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTarget {
    key: ZoneKey,
    account: Arc<str>,
    name: Option<ZoneName>,
    id: Option<ZoneId>,
    hostnames: Vec<HostnameTarget>,
    origins: Vec<OriginTarget>,
    extent: Extent,
    is_found: bool,
}

/// The way a zone is read and judged, and what is read in addition to its configured hostnames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The requests that read the associations.
    pub strategy: Strategy,
    /// The expectation for discovered hostnames. None disables discovery.
    pub discovered: Option<Expected>,
    /// Reads the zone-level switch and certificates.
    pub zone_level: bool,
    /// Takes the targets of the zone's proxied DNS records as origins.
    pub dns_origins: bool,
    /// The ignored findings of the zone, its hostnames and its certificates.
    pub ignored: Ignored,
}

impl Extent {
    /// Reads only the configured hostnames, with the strategy that costs fewer requests. Ignores no findings.
    pub const PLAIN: Self = Self {
        strategy: Strategy::Auto,
        discovered: None,
        zone_level: false,
        dns_origins: false,
        ignored: Ignored::NOTHING,
    };
}

/// The requests that read the associations of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// One GET for each hostname.
    Get,
    /// Lists of all associations and certificates.
    List,
    /// Whichever costs fewer requests.
    #[default]
    Auto,
}

impl ZoneTarget {
    /// Creates a zone labelled by its name. Without an `id`, the id is looked up.
    pub fn named(account: Arc<str>, name: ZoneName, id: Option<ZoneId>) -> Self {
        let key = ZoneKey::from(&name);
        Self { name: Some(name), id, ..Self::keyed(key, account) }
    }

    /// Creates a zone that is configured by its id only.
    pub fn identified(account: Arc<str>, id: ZoneId) -> Self {
        Self { id: Some(id), ..Self::keyed(ZoneKey::from(id), account) }
    }

    fn keyed(key: ZoneKey, account: Arc<str>) -> Self {
        let (hostnames, origins) = (Vec::new(), Vec::new());
        Self {
            key,
            account,
            name: None,
            id: None,
            hostnames,
            origins,
            extent: Extent::default(),
            is_found: false,
        }
    }

    /// Creates a zone that uses its id as key because a zone of another account has the same name.
    pub fn named_by_id(account: Arc<str>, name: ZoneName, id: ZoneId) -> Self {
        Self { key: ZoneKey::from(id), ..Self::named(account, name, Some(id)) }
    }

    /// Sets the hostnames and removes the origins of all others. The first hostname of each name wins.
    #[must_use]
    pub fn with_hostnames(mut self, hostnames: Vec<HostnameTarget>) -> Self {
        let hostnames = sorted(hostnames);
        let has = |name: &Hostname| hostnames.binary_search_by(|target| target.hostname.cmp(name)).is_ok();
        self.origins.retain(|origin| has(&origin.hostname));
        Self { hostnames, ..self }
    }

    /// Sets the origins of the hostnames.
    #[must_use]
    pub fn with_origins(self, origins: Vec<OriginTarget>) -> Self {
        Self { origins, ..self }
    }

    /// Sets the extent.
    #[must_use]
    pub fn with_extent(self, extent: Extent) -> Self {
        Self { extent, ..self }
    }

    /// Merges two targets of the same zone, under the label and account of the [preferred](Self::precedence) one.
    ///
    /// A hostname in both keeps the preferred target's expectation and its origins, if it has any. The result reads
    /// everything that either target reads, and ignores what either ignores.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let (kept, other) = if self.precedence(other).is_le() { (self, other) } else { (other, self) };
        let extent = Extent {
            strategy: kept.extent.strategy,
            discovered: kept.extent.discovered.or(other.extent.discovered),
            zone_level: kept.extent.zone_level || other.extent.zone_level,
            dns_origins: kept.extent.dns_origins || other.extent.dns_origins,
            ignored: kept.extent.ignored.and(other.extent.ignored),
        };
        let hostnames = kept.hostnames.iter().chain(&other.hostnames).cloned();
        let is_new =
            |origin: &&OriginTarget| kept.origins.iter().all(|kept| kept.hostname != origin.hostname);
        let origins = kept.origins.iter().chain(other.origins.iter().filter(is_new)).cloned().collect();
        kept.clone().with_hostnames(hostnames.collect()).with_origins(origins).with_extent(extent)
    }

    /// Orders two targets of one zone. One labelled by name comes before one labelled by id, then the keys decide.
    fn precedence(&self, other: &Self) -> Ordering {
        (self.is_labelled_by_id(), &self.key).cmp(&(other.is_labelled_by_id(), &other.key))
    }

    fn is_labelled_by_id(&self) -> bool {
        self.name.as_ref().is_none_or(|name| name.as_str() != self.key.as_str())
    }

    /// Returns true if a pattern matched the zone, false if the configuration names it.
    pub fn is_found(&self) -> bool {
        self.is_found
    }

    /// Returns the extent.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Returns the ignored findings of the zone, its hostnames and its certificates.
    pub fn ignored(&self) -> Ignored {
        self.extent.ignored
    }

    /// Returns the label.
    pub fn key(&self) -> &ZoneKey {
        &self.key
    }

    /// Returns the name of the account that reads the zone.
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// Returns the configured name.
    pub fn name(&self) -> Option<&ZoneName> {
        self.name.as_ref()
    }

    /// Returns the configured id.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// Returns the origins of the hostnames in the order of the configuration.
    pub fn origins(&self) -> &[OriginTarget] {
        &self.origins
    }

    /// Returns the hostnames, sorted and unique.
    pub fn hostnames(&self) -> &[HostnameTarget] {
        &self.hostnames
    }
}

/// Sorts and deduplicates by name. The sort is stable, so the first one of each name is kept.
fn sorted(mut hostnames: Vec<HostnameTarget>) -> Vec<HostnameTarget> {
    hostnames.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    hostnames.dedup_by(|b, a| a.hostname == b.hostname);
    hostnames.shrink_to_fit();
    hostnames
}

/// One hostname to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostnameTarget {
    /// The hostname.
    pub hostname: Hostname,
    /// The expectation.
    pub expectation: Expectation,
}

#[cfg(test)]
mod tests;
