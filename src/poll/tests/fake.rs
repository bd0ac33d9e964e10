//! A fake of the API calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::Clock;
use crate::cloudflare::{
    ApiError, AssociationRow, Associations, Budget, DnsRecords, Error, ListedCertificate, ListedCertificates,
    ListedZone, Presence, VisibleZones, ZoneList,
};
use crate::domain::{
    Association, CertId, Certificate, CertificateDetails, Date, DnsRecord, Expectation, Extent, Hostname,
    HostnameTarget, IpRange, Reading, Reason, RecordData, Snapshot, SslMode, Status, ZoneId, ZoneName,
    ZoneTarget,
};
use crate::poll::Api;

/// The time after which a call that hangs fails, if its deadline is not earlier.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A zone of the fake.
#[derive(Clone, Default)]
pub(super) struct FakeZone {
    pub(super) hostnames: BTreeSet<Hostname>,
    /// Hostnames whose GET is never answered.
    pub(super) hanging: BTreeSet<Hostname>,
    /// The failures of a GET, of the list of associations, and of the list of certificates.
    pub(super) get: Option<Failure>,
    pub(super) list: Option<Failure>,
    pub(super) certificates: Option<Failure>,
    /// True if the list of certificates lacks the certificate of all associations.
    pub(super) lacks_certificate: bool,
    /// True if a row of the list of certificates cannot be read.
    pub(super) has_odd_certificate: bool,
    /// True if the list of associations is empty although GETs find some.
    pub(super) lacks_rows: bool,
    /// True if the list of associations is never answered.
    pub(super) list_hangs: bool,
    /// True if the zone-level switch is off.
    pub(super) is_off: bool,
    /// True if GETs no longer give an end of the certificate.
    pub(super) without_end: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Failure(pub(super) u16, pub(super) i64);

impl Failure {
    fn error(self) -> Error {
        let errors = match self.1 {
            0 => Vec::new(),
            code => vec![ApiError { code, message: "refused".into() }],
        };
        Error::Api { status: self.0, errors, ray: None, retry_after: None }
    }
}

#[derive(Default)]
pub(super) struct World {
    pub(super) zones: BTreeMap<ZoneId, FakeZone>,
    /// Zones by name, as look-ups find them.
    pub(super) names: BTreeMap<ZoneName, ZoneId>,
    /// The failures of look-ups by name, and of the list of all zones.
    pub(super) by_name: Option<Failure>,
    /// True if look-ups by name are never answered.
    pub(super) by_name_hangs: bool,
    pub(super) all_zones: Option<Failure>,
    /// The zones that the token sees.
    pub(super) seen: BTreeMap<ZoneId, ZoneName>,
    /// The seen zones that are not active.
    pub(super) inactive: BTreeSet<ZoneId>,
    /// The seen zones whose row has no readable status.
    pub(super) without_status: BTreeSet<ZoneId>,
    /// The seen zones that the list lacks.
    pub(super) unlisted: BTreeSet<ZoneId>,
    /// True if the list of zones is incomplete.
    pub(super) list_is_cut: bool,
    /// The failures of requests for a zone by its id, for its settings, and for its DNS records.
    pub(super) status: Option<Failure>,
    pub(super) settings: Option<Failure>,
    pub(super) dns_records: Option<Failure>,
    /// The number of calls by kind.
    pub(super) calls: HashMap<&'static str, usize>,
    /// The hostname whose GET panics.
    pub(super) panics_at: Option<Hostname>,
    /// The hostnames of all GETs.
    pub(super) asked: Vec<Hostname>,
}

/// The fake, whose requests use a real budget.
pub(super) struct Fake {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) budget: Arc<Budget>,
    pub(super) clock: Clock,
}

pub(super) fn cert_id() -> CertId {
    "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60".parse().unwrap()
}

fn certificate(end: Option<i64>) -> Arc<Certificate> {
    let expires_on = end.map(|end| jiff::Timestamp::from_second(end).unwrap().into());
    let details = CertificateDetails { id: Some(cert_id()), expires_on, ..CertificateDetails::default() };
    Arc::new(Certificate::new(details, None))
}

impl Fake {
    /// Takes a request from the budget, counts it, and fails if the world says so.
    async fn call(
        &self,
        kind: &'static str,
        deadline: Instant,
        failure: impl Fn(&World) -> Option<Failure>,
    ) -> Result<(), Error> {
        if !self.budget.spend(deadline).await {
            return Err(Error::Deadline);
        }
        sleep(Duration::from_millis(20)).await;
        let mut world = self.world.lock().unwrap();
        *world.calls.entry(kind).or_default() += 1;
        failure(&world).map_or(Ok(()), |failure| Err(failure.error()))
    }

    fn zone(&self, id: ZoneId) -> Result<FakeZone, Error> {
        self.world.lock().unwrap().zones.get(&id).cloned().ok_or_else(|| Failure(404, 7003).error())
    }

    fn now(&self) -> Date {
        self.clock.now().into()
    }
}

/// Returns the failure of a request that is never answered.
async fn hang(deadline: Instant) -> Error {
    sleep_until(deadline.min(Instant::now() + TIMEOUT)).await;
    Error::Transport { reason: Reason::Timeout, what: "no answer".into() }
}

impl Api for Fake {
    fn host(&self) -> String {
        "api.test".to_owned()
    }

    async fn zone_id(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        self.call("zone_id", deadline, |world| world.by_name).await?;
        let hangs = self.world.lock().unwrap().by_name_hangs;
        if hangs {
            return Err(hang(deadline).await);
        }
        self.world.lock().unwrap().names.get(name).copied().ok_or_else(|| Error::NoZone(name.clone()))
    }

    async fn visible_zones(&self, _: usize, deadline: Instant) -> Result<Option<VisibleZones>, Error> {
        self.call("visible_zones", deadline, |world| world.all_zones).await?;
        let names = self.world.lock().unwrap().names.clone();
        Ok(Some(names.into_iter().map(|(name, id)| (name, id, true)).collect()))
    }

    async fn hostname(&self, zone: ZoneId, hostname: &Hostname, deadline: Instant) -> Result<Reading, Error> {
        self.call("hostname", deadline, |_| None).await?;
        let panics_at = self.world.lock().unwrap().panics_at.clone();
        assert!(panics_at.as_ref() != Some(hostname), "a bug");
        self.world.lock().unwrap().asked.push(hostname.clone());
        let zone = self.zone(zone)?;
        if zone.hanging.contains(hostname) {
            return Err(hang(deadline).await);
        }
        if let Some(failure) = zone.get {
            return Err(failure.error());
        }
        if !zone.hostnames.contains(hostname) {
            return Ok(Reading::bare(Association::None, self.now()));
        }
        let end = (!zone.without_end).then_some(1_900_000_000);
        let certificate = Some(certificate(end));
        Ok(Reading { certificate, ..Reading::bare(Association::Enabled, self.now()) })
    }

    async fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        proceed: impl Fn(u32) -> bool + Send + Sync,
    ) -> Result<Option<Associations>, Error> {
        self.call("associations", deadline, |_| None).await?;
        let zone = self.zone(zone)?;
        if zone.list_hangs {
            return Err(hang(deadline).await);
        }
        if let Some(failure) = zone.list {
            return Err(failure.error());
        }
        let row = |hostname: &Hostname| AssociationRow {
            hostname: hostname.clone(),
            cert_id: Some(cert_id()),
            association: Some(Association::Enabled),
            status: Some(Status::Active),
            created_at: None,
            updated_at: None,
        };
        let listed = zone.hostnames.iter().filter(|_| !zone.lacks_rows);
        let rows = listed.map(row).collect();
        Ok(proceed(1).then_some(Associations { rows, complete: true, pages: 1 }))
    }

    async fn hostname_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        self.call("certificates", deadline, |_| None).await?;
        let zone = self.zone(zone)?;
        if let Some(failure) = zone.certificates {
            return Err(failure.error());
        }
        let row = ListedCertificate {
            id: cert_id(),
            status: Some(Status::Active),
            uploaded_on: None,
            certificate: certificate(Some(1_900_000_000)),
        };
        let rows = if zone.lacks_certificate { Vec::new() } else { vec![row] };
        Ok(ListedCertificates { rows, complete: !zone.has_odd_certificate, pages: 1 })
    }

    async fn zone_certificates(&self, _: ZoneId, deadline: Instant) -> Result<ListedCertificates, Error> {
        self.call("zone_certificates", deadline, |_| None).await?;
        Ok(ListedCertificates { rows: Vec::new(), complete: true, pages: 1 })
    }

    async fn zone_level_enabled(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.call("settings", deadline, |_| None).await?;
        Ok(!self.zone(zone)?.is_off)
    }

    fn take_rate_limited(&self) -> Option<Duration> {
        None
    }

    async fn all_zones(&self, deadline: Instant) -> Result<ZoneList, Error> {
        self.call("all_zones", deadline, |world| world.all_zones).await?;
        let mut world = self.world.lock().unwrap();
        for _ in 1..world.seen.len().div_ceil(50) {
            *world.calls.entry("all_zones").or_default() += 1;
        }
        let zones = world.seen.iter().filter(|(id, _)| !world.unlisted.contains(id));
        let zones = zones.map(|(id, name)| ListedZone {
            id: *id,
            name: name.clone(),
            active: (!world.without_status.contains(id)).then(|| !world.inactive.contains(id)),
            internal: false,
        });
        Ok(ZoneList { zones: zones.collect(), complete: !world.list_is_cut, pages: 1, unreadable: None })
    }

    async fn zone_status(&self, zone: ZoneId, deadline: Instant) -> Result<Presence, Error> {
        self.call("zone_status", deadline, |world| world.status).await?;
        let world = self.world.lock().unwrap();
        Ok(match world.seen.contains_key(&zone) {
            true if world.inactive.contains(&zone) => Presence::Other,
            true => Presence::Active,
            false => Presence::Gone,
        })
    }

    async fn global_switch(&self, _: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.call("global_switch", deadline, |world| world.settings).await?;
        Ok(false)
    }

    async fn ssl_mode(&self, _: ZoneId, deadline: Instant) -> Result<SslMode, Error> {
        self.call("ssl_mode", deadline, |world| world.settings).await?;
        Ok(SslMode::Strict)
    }

    async fn dns_records(&self, _: ZoneId, deadline: Instant) -> Result<DnsRecords, Error> {
        self.call("dns_records", deadline, |world| world.dns_records).await?;
        let (name, data) = ("h0.example.com".parse().unwrap(), "203.0.113.7".parse().unwrap());
        let records = vec![DnsRecord { name, data: RecordData::Address(data) }];
        Ok(DnsRecords { records, complete: true, ..DnsRecords::default() })
    }

    async fn ip_ranges(&self, deadline: Instant) -> Result<Vec<IpRange>, Error> {
        self.call("ip_ranges", deadline, |_| None).await?;
        Ok(vec!["104.16.0.0/13".parse().unwrap()])
    }

    fn take_odd_fields(&self, _: ZoneId) -> bool {
        false
    }
}

pub(super) fn id(digit: char) -> ZoneId {
    digit.to_string().repeat(32).parse().unwrap()
}

pub(super) fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

/// Returns this many hostnames of `example.com` whose names begin with `prefix`.
pub(super) fn names(prefix: &str, count: usize) -> Vec<Hostname> {
    (0..count).map(|number| name(&format!("{prefix}{number:03}.example.com"))).collect()
}

/// Returns the zone `example.com`, found by its name, with these hostnames.
pub(super) fn zone(hostnames: &[Hostname], extent: Extent) -> ZoneTarget {
    let hostnames = hostnames
        .iter()
        .map(|hostname| HostnameTarget { hostname: hostname.clone(), expectation: Expectation::default() });
    ZoneTarget::named("a".into(), "example.com".parse().unwrap(), None)
        .with_hostnames(hostnames.collect())
        .with_extent(extent)
}

/// Returns a world in which `example.com` has these hostnames.
pub(super) fn world(hostnames: &[Hostname]) -> World {
    let zone = FakeZone { hostnames: hostnames.iter().cloned().collect(), ..FakeZone::default() };
    World {
        zones: [(id('1'), zone)].into(),
        names: [("example.com".parse().unwrap(), id('1'))].into(),
        ..World::default()
    }
}

/// Returns the number of hostnames that are up, and the number of all.
pub(super) fn up(known: &Snapshot) -> (usize, usize) {
    let entries = || known.zones().iter().flat_map(|zone| zone.entries());
    (entries().filter(|entry| entry.is_up()).count(), entries().count())
}
