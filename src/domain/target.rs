//! What to watch: zones, their hostnames, and how each zone is read.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::{Expectation, Expected, FoundZone, Hostname, OriginTarget, PatternTarget, ZoneId, ZoneName};

/// Everything to watch: zones sorted by key, each key once, and patterns of further zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    zones: Vec<Arc<ZoneTarget>>,
    /// In the order of the configuration: of several that match a zone the first counts.
    patterns: Vec<PatternTarget>,
}

impl Targets {
    /// Sorts the zones by key; of several with one key the first counts.
    pub fn new(zones: impl IntoIterator<Item = ZoneTarget>) -> Self {
        let mut zones: Vec<_> = zones.into_iter().map(Arc::new).collect();
        zones.sort_by(|a, b| a.key.cmp(&b.key));
        zones.dedup_by(|b, a| a.key == b.key);
        Self { zones, patterns: Vec::new() }
    }

    /// The same zones, and with them all that these patterns find.
    #[must_use]
    pub fn with_patterns(self, patterns: Vec<PatternTarget>) -> Self {
        Self { patterns, ..self }
    }

    /// The patterns, in the order of the configuration.
    pub fn patterns(&self) -> &[PatternTarget] {
        &self.patterns
    }

    /// The accounts of which something is watched, with or without a pattern.
    pub fn accounts(&self) -> BTreeSet<&Arc<str>> {
        let zones = self.zones.iter().map(|zone| &zone.account);
        zones.chain(self.patterns.iter().map(|pattern| &pattern.account)).collect()
    }

    /// The named zones, and those that the patterns watch among the zones that each account's token sees.
    ///
    /// A zone that is named is no pattern's. What several accounts see is read once, through the first of them. Of two
    /// zones of one name the later one has its id as key.
    pub(super) fn expanded<'f>(&self, found: impl Fn(&str) -> &'f [FoundZone]) -> Vec<Arc<ZoneTarget>> {
        let mut zones = self.zones.clone();
        let mut ids: HashSet<ZoneId> = zones.iter().filter_map(|zone| zone.id).collect();
        let named: HashMap<_, _> =
            self.zones.iter().filter_map(|zone| Some(((&zone.account, zone.name()?), zone.id))).collect();
        // one of another id than the configuration gives is another zone of that name
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

    /// The zones that the configuration names, sorted by key.
    pub fn zones(&self) -> &[Arc<ZoneTarget>] {
        &self.zones
    }

    /// The number of hostnames in all zones.
    pub fn hostnames(&self) -> usize {
        self.zones.iter().map(|zone| zone.hostnames.len()).sum()
    }
}

/// The label of a zone in metrics and pages: its name, or its id where no name is configured.
///
/// A key is a label, not an identity: two keys may turn out to be one zone once both ids are known.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneKey(Arc<str>);

impl ZoneKey {
    /// The value of the label `zone`.
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

/// How a zone is read, and what of it beside its configured hostnames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Which requests read its associations.
    pub strategy: Strategy,
    /// The expectation for discovered hostnames; none if hostnames are not discovered.
    pub discovered: Option<Expected>,
    /// Whether the zone-level switch and certificates are read too.
    pub zone_level: bool,
}

/// Which requests read the associations of a zone.
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
    /// A zone labelled by its name. Its id is looked up unless it is given.
    pub fn named(account: Arc<str>, name: ZoneName, id: Option<ZoneId>) -> Self {
        let key = ZoneKey::from(&name);
        Self { name: Some(name), id, ..Self::keyed(key, account) }
    }

    /// A zone that is known by its id alone.
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

    /// A zone that shares its name with one of another account, so that its id is its key.
    pub fn named_by_id(account: Arc<str>, name: ZoneName, id: ZoneId) -> Self {
        Self { key: ZoneKey::from(id), ..Self::named(account, name, Some(id)) }
    }

    /// The zone with these hostnames; of several with one name the first counts.
    #[must_use]
    pub fn with_hostnames(self, hostnames: Vec<HostnameTarget>) -> Self {
        Self { hostnames: sorted(hostnames), ..self }
    }

    /// The zone with these origins of its hostnames.
    #[must_use]
    pub fn with_origins(self, origins: Vec<OriginTarget>) -> Self {
        Self { origins, ..self }
    }

    /// The zone with this extent.
    #[must_use]
    pub fn with_extent(self, extent: Extent) -> Self {
        Self { extent, ..self }
    }

    /// One target for a zone that was configured twice, under the label and account of the [preferred](Self::precedence) one.
    ///
    /// A hostname that both have keeps the preferred target's expectation and, where it names any, its origins. What either
    /// one reads is read.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let (kept, other) = if self.precedence(other).is_le() { (self, other) } else { (other, self) };
        let extent = Extent {
            strategy: kept.extent.strategy,
            discovered: kept.extent.discovered.or(other.extent.discovered),
            zone_level: kept.extent.zone_level || other.extent.zone_level,
        };
        let hostnames = kept.hostnames.iter().chain(&other.hostnames).cloned();
        let is_new =
            |origin: &&OriginTarget| kept.origins.iter().all(|kept| kept.hostname != origin.hostname);
        let origins = kept.origins.iter().chain(other.origins.iter().filter(is_new)).cloned().collect();
        kept.clone().with_hostnames(hostnames.collect()).with_origins(origins).with_extent(extent)
    }

    /// Orders two targets of one zone: a name before an id as the label, then by key.
    fn precedence(&self, other: &Self) -> Ordering {
        (self.is_labelled_by_id(), &self.key).cmp(&(other.is_labelled_by_id(), &other.key))
    }

    fn is_labelled_by_id(&self) -> bool {
        self.name.as_ref().is_none_or(|name| name.as_str() != self.key.as_str())
    }

    /// Whether a pattern has found it; else the configuration names it.
    pub fn is_found(&self) -> bool {
        self.is_found
    }

    /// How it is read, and what of it.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Its label.
    pub fn key(&self) -> &ZoneKey {
        &self.key
    }

    /// The configured account that reads it.
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// Its configured name.
    pub fn name(&self) -> Option<&ZoneName> {
        self.name.as_ref()
    }

    /// Its configured id.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
    }

    /// The origins of its hostnames, in the order of the configuration.
    pub fn origins(&self) -> &[OriginTarget] {
        &self.origins
    }

    /// Its hostnames, sorted, each once.
    pub fn hostnames(&self) -> &[HostnameTarget] {
        &self.hostnames
    }
}

/// Sorts by name; the sort is stable, so that of several with one name the first stays.
fn sorted(mut hostnames: Vec<HostnameTarget>) -> Vec<HostnameTarget> {
    hostnames.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    hostnames.dedup_by(|b, a| a.hostname == b.hostname);
    hostnames.shrink_to_fit();
    hostnames
}

/// One hostname to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostnameTarget {
    /// Its name.
    pub hostname: Hostname,
    /// What it is expected to be.
    pub expectation: Expectation,
}

#[cfg(test)]
mod tests;
