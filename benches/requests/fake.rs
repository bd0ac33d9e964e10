//! A fake API of an account with many zones in this process, so that time can be paused and hours pass quickly.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::{
    AssociationRow, Associations, Budget, DnsRecords, Error, ListedCertificate, ListedCertificates,
    ListedZone, Presence, RateLimit, VisibleZones, ZoneList,
};
use cloudflare_aop_exporter::domain::{
    Association, CertId, Certificate, CertificateDetails, Hostname, IpRange, PartKind, Reading, SslMode,
    Status, ZoneId, ZoneName,
};
use cloudflare_aop_exporter::poll::Api;
use tokio::time::{Instant, sleep};

use super::hours::processor;

/// Zones in one page of their list.
const PAGE: usize = 50;
/// The round-trip time of a request.
const LATENCY: Duration = Duration::from_millis(50);

/// The fake API. Its requests use a real budget.
pub(crate) struct Fake {
    budget: Arc<Budget>,
    clock: Clock,
    start: (Instant, jiff::Timestamp),
    zones: Vec<(ZoneId, ZoneName)>,
    /// The zones that have an association.
    holding: HashSet<ZoneId>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The number of requests since this was last reset.
    pub(crate) requests: usize,
    /// The times of the requests in the last window.
    window: VecDeque<Instant>,
    /// Requests that Cloudflare would have answered with 429.
    pub(crate) refused: usize,
    /// When each part was last read, and the longest time between two readings.
    pub(crate) read: HashMap<(ZoneId, PartKind), (Instant, Duration)>,
    /// The processor time at which the first request since the last reset was sent.
    pub(crate) first: Option<Duration>,
}

impl Fake {
    /// Creates an account with `zones` zones, of which `holding` have one association each.
    pub(crate) fn new(zones: usize, holding: usize, limit: RateLimit, clock: Clock) -> Self {
        let named = |number| {
            let name: ZoneName = format!("zone-{number:05}.example").parse().unwrap();
            (format!("{number:032x}").parse().unwrap(), name)
        };
        let zones: Vec<(ZoneId, ZoneName)> = (1..=zones).map(named).collect();
        // spread evenly over the account
        let every = zones.len() / holding;
        let holding = zones.iter().step_by(every).take(holding).map(|(id, _)| *id).collect();
        let start = (Instant::now(), clock.now());
        Self { budget: Arc::new(Budget::new(limit)), clock, start, zones, holding, state: Mutex::default() }
    }

    pub(crate) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns the number of requests needed to read everything.
    pub(crate) fn everything(&self, zone_level: bool) -> usize {
        let parts = if zone_level { 5 } else { 1 };
        self.zones.len() * parts + self.holding.len() + self.zones.len().div_ceil(PAGE)
    }

    /// Sets the wall clock to the time of tokio's clock.
    pub(crate) fn set_clock(&self) {
        let passed = jiff::SignedDuration::try_from(self.start.0.elapsed()).unwrap();
        self.clock.set(self.start.1 + passed);
    }

    async fn call(&self, part: Option<(ZoneId, PartKind)>, deadline: Instant) -> Result<(), Error> {
        if !self.budget.spend(deadline).await {
            return Err(Error::Deadline);
        }
        self.set_clock();
        self.count();
        sleep(LATENCY).await;
        self.set_clock();
        if let Some(part) = part {
            let now = Instant::now();
            let mut state = self.state();
            let (last, longest) = state.read.entry(part).or_insert((now, Duration::ZERO));
            (*last, *longest) = (now, (*longest).max(now - *last));
        }
        Ok(())
    }

    fn count(&self) {
        let (mut state, now, limit) = (self.state(), Instant::now(), self.budget.limit());
        while state.window.front().is_some_and(|first| *first + limit.per <= now) {
            state.window.pop_front();
        }
        state.window.push_back(now);
        state.refused += usize::from(state.window.len() > limit.requests.get() as usize);
        state.requests += 1;
        state.first.get_or_insert_with(processor);
    }

    fn hostnames(&self, zone: ZoneId) -> impl Iterator<Item = Hostname> {
        let name = self.zones.binary_search_by_key(&zone, |(id, _)| *id).map(|index| &self.zones[index].1);
        let name = name.ok().filter(|_| self.holding.contains(&zone));
        name.map(|name| format!("www.{name}").parse().unwrap()).into_iter()
    }
}

fn cert_id() -> CertId {
    "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60".parse().unwrap()
}

impl Api for Fake {
    fn host(&self) -> String {
        "api.test".to_owned()
    }

    async fn all_zones(&self, deadline: Instant) -> Result<ZoneList, Error> {
        for _ in 0..self.zones.len().div_ceil(PAGE) {
            self.call(None, deadline).await?;
        }
        let listed = |(id, name): &(ZoneId, ZoneName)| ListedZone {
            id: *id,
            name: name.clone(),
            active: Some(true),
            internal: false,
        };
        Ok(ZoneList {
            zones: self.zones.iter().map(listed).collect(),
            complete: true,
            pages: 1,
            unreadable: None,
        })
    }

    async fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        _: impl Fn(u32) -> bool + Send + Sync,
    ) -> Result<Option<Associations>, Error> {
        self.call(Some((zone, PartKind::Associations)), deadline).await?;
        let rows = self.hostnames(zone).map(|hostname| AssociationRow {
            hostname,
            cert_id: Some(cert_id()),
            association: Some(Association::Enabled),
            status: Some(Status::Active),
            created_at: None,
            updated_at: None,
        });
        Ok(Some(Associations { rows: rows.collect(), complete: true, pages: 1 }))
    }

    async fn hostname_certificates(&self, _: ZoneId, deadline: Instant) -> Result<ListedCertificates, Error> {
        self.call(None, deadline).await?;
        let expires_on = Some(jiff::Timestamp::from_second(1_900_000_000).unwrap().into());
        let details = CertificateDetails { id: Some(cert_id()), expires_on, ..CertificateDetails::default() };
        let row = ListedCertificate {
            id: cert_id(),
            status: Some(Status::Active),
            uploaded_on: None,
            certificate: Arc::new(Certificate::new(details, None)),
        };
        Ok(ListedCertificates { rows: vec![row], complete: true, pages: 1 })
    }

    async fn zone_certificates(&self, _: ZoneId, deadline: Instant) -> Result<ListedCertificates, Error> {
        self.call(None, deadline).await?;
        Ok(ListedCertificates { rows: Vec::new(), complete: true, pages: 1 })
    }

    async fn zone_level_enabled(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.call(Some((zone, PartKind::ZoneLevel)), deadline).await?;
        Ok(false)
    }

    async fn global_switch(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.call(Some((zone, PartKind::Settings)), deadline).await?;
        Ok(false)
    }

    async fn ssl_mode(&self, _: ZoneId, deadline: Instant) -> Result<SslMode, Error> {
        self.call(None, deadline).await?;
        Ok(SslMode::Strict)
    }

    async fn dns_records(&self, zone: ZoneId, deadline: Instant) -> Result<DnsRecords, Error> {
        self.call(Some((zone, PartKind::DnsRecords)), deadline).await?;
        Ok(DnsRecords::default())
    }

    async fn ip_ranges(&self, deadline: Instant) -> Result<Vec<IpRange>, Error> {
        self.call(None, deadline).await?;
        Ok(Vec::new())
    }

    async fn zone_status(&self, _: ZoneId, deadline: Instant) -> Result<Presence, Error> {
        self.call(None, deadline).await?;
        Ok(Presence::Active)
    }

    async fn hostname(&self, _: ZoneId, _: &Hostname, _: Instant) -> Result<Reading, Error> {
        unreachable!("lists contain every hostname")
    }

    async fn zone_id(&self, _: &ZoneName, _: Instant) -> Result<ZoneId, Error> {
        unreachable!("the list of zones contains every id")
    }

    async fn visible_zones(&self, _: usize, _: Instant) -> Result<Option<VisibleZones>, Error> {
        unreachable!("the list of zones contains every id")
    }

    fn take_rate_limited(&self) -> Option<Duration> {
        None
    }

    fn take_odd_fields(&self, _: ZoneId) -> bool {
        false
    }
}
