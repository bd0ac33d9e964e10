//! What is to be watched, and what it is expected to be.

use std::fmt;
use std::sync::Arc;

use super::{Association, CertId, Hostname, Reading, Status, ZoneId, ZoneName};

/// Everything to be watched: zones sorted by key, no two of one key.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    zones: Vec<Arc<ZoneTarget>>,
}

impl Targets {
    /// Sorts the zones; of several with one key the first counts.
    pub fn new(zones: impl IntoIterator<Item = ZoneTarget>) -> Self {
        let mut zones: Vec<_> = zones.into_iter().map(Arc::new).collect();
        zones.sort_by(|a, b| a.key.cmp(&b.key));
        zones.dedup_by(|b, a| a.key == b.key);
        Self { zones }
    }

    /// The zones, sorted by key.
    pub fn zones(&self) -> &[Arc<ZoneTarget>] {
        &self.zones
    }

    /// The zone of that key.
    pub fn zone(&self, key: &ZoneKey) -> Option<&Arc<ZoneTarget>> {
        let place = self.zones.binary_search_by(|zone| zone.key.cmp(key));
        place.ok().map(|place| &self.zones[place])
    }

    /// How many hostnames there are in all zones.
    pub fn hostnames(&self) -> usize {
        self.zones.iter().map(|zone| zone.hostnames.len()).sum()
    }

    /// The same hostnames with those of zone `from` watched as `into`'s: for a zone that was named twice.
    ///
    /// A hostname that both have is watched as `into` says; beside hostnames all that either wants is watched.
    #[must_use]
    pub fn merged(&self, from: &ZoneKey, into: &ZoneKey) -> Self {
        let (Some(source), Some(target)) = (self.zone(from), self.zone(into)) else {
            return self.clone();
        };
        let hostnames = target.hostnames.iter().chain(&source.hostnames).cloned();
        let extent = Extent {
            strategy: target.extent.strategy,
            discovered: target.extent.discovered.or(source.extent.discovered),
            zone_level: target.extent.zone_level || source.extent.zone_level,
        };
        let merged =
            ZoneTarget { hostnames: sorted(hostnames.collect()), extent, ..ZoneTarget::clone(target) };
        let zones = self.zones.iter().filter(|zone| zone.key != *from);
        let zones =
            zones.map(|zone| if zone.key == *into { Arc::new(merged.clone()) } else { Arc::clone(zone) });
        Self { zones: zones.collect() }
    }
}

/// What a zone is called in the configuration, and so in the label `zone`: its name, else its id.
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

/// One zone to be watched.
#[derive(Clone, Debug)]
pub struct ZoneTarget {
    key: ZoneKey,
    account: Arc<str>,
    name: Option<ZoneName>,
    id: Option<ZoneId>,
    hostnames: Vec<HostnameTarget>,
    extent: Extent,
}

/// How a zone is read, and what of it beside the hostnames that are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// By which requests its associations are read.
    pub strategy: Strategy,
    /// What every other association that it has is expected to be; none where those are not watched.
    pub discovered: Option<Expected>,
    /// Whether the zone-level switch and certificates are read too.
    pub zone_level: bool,
}

/// By which requests the associations of a zone are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// One for each hostname.
    Get,
    /// Lists of all associations and certificates.
    List,
    /// Whichever costs fewer.
    #[default]
    Auto,
}

impl ZoneTarget {
    /// A zone that is known by its name: its id has to be looked up, unless it is given too.
    pub fn named(account: Arc<str>, name: ZoneName, id: Option<ZoneId>) -> Self {
        let (key, hostnames) = (ZoneKey::from(&name), Vec::new());
        Self { key, account, name: Some(name), id, hostnames, extent: Extent::default() }
    }

    /// A zone that is known by its id alone.
    pub fn identified(account: Arc<str>, id: ZoneId) -> Self {
        let (key, hostnames) = (ZoneKey::from(id), Vec::new());
        Self { key, account, name: None, id: Some(id), hostnames, extent: Extent::default() }
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

    /// The zone read like that.
    #[must_use]
    pub fn with_extent(self, extent: Extent) -> Self {
        Self { extent, ..self }
    }

    /// How it is read, and what of it.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// What the zone is called.
    pub fn key(&self) -> &ZoneKey {
        &self.key
    }

    /// The configured account that reads it.
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// Its name, where the configuration gives it.
    pub fn name(&self) -> Option<&ZoneName> {
        self.name.as_ref()
    }

    /// Its id, where the configuration gives it.
    pub fn id(&self) -> Option<ZoneId> {
        self.id
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

/// One hostname to be watched.
#[derive(Clone, Debug)]
pub struct HostnameTarget {
    /// Its name.
    pub hostname: Hostname,
    /// What it is expected to be.
    pub expectation: Expectation,
}

/// What a hostname is expected to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The association it should have.
    pub association: Expected,
    /// The certificate it should have.
    pub cert_id: Option<CertId>,
}

/// The association that a hostname is expected to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// An enabled one.
    #[default]
    Enabled,
    /// A disabled one.
    Disabled,
    /// None, or a void one.
    Void,
    /// Whatever it is.
    Any,
}

impl Expected {
    /// Every expectation.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Void, Self::Any];

    /// How the configuration writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Void => "void",
            Self::Any => "any",
        }
    }

    const fn admits(self, association: Association) -> bool {
        match self {
            Self::Enabled => matches!(association, Association::Enabled),
            Self::Disabled => matches!(association, Association::Disabled),
            Self::Void => matches!(association, Association::Void | Association::None),
            Self::Any => true,
        }
    }
}

impl Expectation {
    /// Whether `reading` is something else: never while Cloudflare is still working on it, nor where anything goes.
    pub fn is_drifted(&self, reading: &Reading) -> bool {
        if self.association == Expected::Any || reading.status.is_some_and(Status::is_pending) {
            return false;
        }
        let cert_id = reading.certificate.as_ref().and_then(|certificate| certificate.id());
        let pinned = self.cert_id.as_ref();
        !self.association.admits(reading.association) || pinned.is_some_and(|pinned| cert_id != Some(pinned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Certificate, CertificateDetails};

    fn zone(name: &str, hostnames: &[&str]) -> ZoneTarget {
        let hostnames = hostnames.iter().map(|hostname| HostnameTarget {
            hostname: hostname.parse().unwrap(),
            expectation: Expectation::default(),
        });
        ZoneTarget::named("default".into(), name.parse().unwrap(), None).with_hostnames(hostnames.collect())
    }

    fn listed(targets: &Targets) -> Vec<(&str, Vec<&str>)> {
        fn names(zone: &ZoneTarget) -> Vec<&str> {
            let hostnames = zone.hostnames.iter();
            hostnames.map(|target| target.hostname.as_str()).collect()
        }
        let zones = targets.zones.iter();
        zones.map(|zone| (zone.key.as_str(), names(zone))).collect()
    }

    #[test]
    fn expectations_are_written_as_in_the_configuration() {
        assert_eq!(Expected::ALL.map(Expected::label), ["enabled", "disabled", "void", "any"]);
    }

    #[test]
    fn zones_and_hostnames_are_sorted_and_stand_once() {
        let targets = Targets::new([
            zone("b.example", &["z.b.example", "a.b.example", "z.b.example"]),
            zone("a.example", &["a.example"]),
            zone("b.example", &["late.b.example"]),
        ]);
        assert_eq!(
            listed(&targets),
            [("a.example", vec!["a.example"]), ("b.example", vec!["a.b.example", "z.b.example"])]
        );
        assert_eq!(targets.hostnames(), 3);
    }

    #[test]
    fn a_zone_that_was_named_twice_is_watched_once() {
        let id: ZoneId = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
        let discovering = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
        let by_id = ZoneTarget::identified("default".into(), id)
            .with_hostnames(zone("x", &["a.example", "c.example"]).hostnames)
            .with_extent(discovering);
        let by_name = zone("a.example", &["a.example", "b.example"]);
        let targets = Targets::new([by_id, by_name]);
        let merged = targets.merged(&id.into(), targets.zones()[1].key());
        assert_eq!(merged.zones()[0].extent(), discovering);
        assert_eq!(listed(&merged), [("a.example", vec!["a.example", "b.example", "c.example"])]);
    }

    fn reading(association: Association, status: Option<Status>, cert_id: Option<&str>) -> Reading {
        let details =
            CertificateDetails { id: cert_id.map(|id| id.parse().unwrap()), ..CertificateDetails::default() };
        Reading {
            status,
            certificate: Some(Arc::new(Certificate::new(details, None))),
            ..Reading::bare(association, jiff::Timestamp::UNIX_EPOCH.into())
        }
    }

    #[test]
    fn drift_is_another_association_than_the_expected_one() {
        use Association::{Disabled, Enabled, None as Nothing, Void};
        let drifted = |expected, association| {
            let expectation = Expectation { association: expected, cert_id: None };
            expectation.is_drifted(&reading(association, None, None))
        };
        let row = |expected| [Enabled, Disabled, Void, Nothing].map(|state| drifted(expected, state));
        assert_eq!(row(Expected::Enabled), [false, true, true, true]);
        assert_eq!(row(Expected::Disabled), [true, false, true, true]);
        assert_eq!(row(Expected::Void), [true, true, false, false]);
        assert_eq!(row(Expected::Any), [false; 4]);
    }

    #[test]
    fn drift_is_another_certificate_than_the_pinned_one() {
        let drifted = |expected, cert_id| {
            let pinned = Some("pinned".parse().unwrap());
            let expectation = Expectation { association: expected, cert_id: pinned };
            expectation.is_drifted(&reading(Association::Enabled, None, cert_id))
        };
        assert!(!drifted(Expected::Enabled, Some("pinned")));
        assert!(drifted(Expected::Enabled, Some("other")));
        assert!(drifted(Expected::Enabled, None));
        assert!(!drifted(Expected::Any, Some("other")));
    }

    #[test]
    fn what_is_pending_is_not_drift_and_what_timed_out_is() {
        let drifted =
            |status| Expectation::default().is_drifted(&reading(Association::Disabled, Some(status), None));
        assert_eq!(Status::ALL.map(drifted), [false, false, false, true, true, true, true, true]);
    }
}
