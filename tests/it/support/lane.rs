//! A reverse proxy and the pollers that use it, shared by many test cases in sequence.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cloudflare_aop_exporter::cloudflare::Client;
use cloudflare_aop_exporter::domain::{
    Expectation, Expected, Extent, HostnameTarget, Level, PatternTarget, Strategy, Targets, ZoneId,
    ZoneTarget,
};
use cloudflare_aop_exporter::simulator::{DnsRecord, World, ZoneChange};
use cloudflare_aop_exporter::telemetry::Endpoint;
use jiff::SignedDuration;

use crate::support::authority::Authority;
use crate::support::front::{Answer, Front, Honest, LOST, Transport, Wrong};
use crate::support::harness::{Api, Asking, hostname, now, world};
use crate::support::polling::{Errors, Page, Polling};

/// The kind of request under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A request about a zone that the configuration names.
    Of(Endpoint),
    /// All pages of the zone list of an account watched by a pattern.
    Zones,
    /// The pages of that list after the first.
    LaterZones,
    /// A zone missing from that list, requested by id.
    LostZone,
}

impl Call {
    pub fn label(self) -> &'static str {
        match self {
            Self::Of(endpoint) => endpoint.label(),
            Self::Zones => "the list of an account",
            Self::LaterZones => "the second page of the list of an account",
            Self::LostZone => "a zone that the list of an account lacks",
        }
    }

    /// Returns the fault that gives this response to the call.
    pub fn wrong(self, answer: Answer) -> Wrong {
        match self {
            Self::Of(endpoint) => Wrong::Answers(endpoint, answer),
            Self::Zones => Wrong::Answers(Endpoint::ZoneList, answer),
            Self::LaterZones => Wrong::LaterPages(answer),
            Self::LostZone => Wrong::Lost(answer),
        }
    }
}

/// A reverse proxy in front of the simulated API, and the pollers that use it.
pub struct Lane {
    pub stage: Arc<Stage>,
    pub transport: Transport,
    pub front: Front,
    pub asking: Asking,
    pub client: Arc<Client>,
    /// The pollers, each with its latest page without errors.
    pub pollings: Vec<(Polling, Page)>,
    /// The telemetry shared by all pollers.
    pub errors: Errors,
}

impl Lane {
    /// Creates a lane whose front is at 127.77.0.`host`.
    pub async fn new(stage: Arc<Stage>, transport: Transport, host: u8) -> Self {
        let address = Ipv4Addr::new(127, 77, 0, host);
        let front = Front::start(&stage.honest, transport, &stage.authority, address).await;
        let mut asking = Asking::new(&front.base_url);
        asking.options.extra_ca = Some(stage.authority.pem.clone().into_bytes());
        let client = asking.build();
        Self { stage, transport, front, asking, client, pollings: Vec::new(), errors: Errors::default() }
    }

    /// Returns a poller that makes this call, after a successful poll.
    pub async fn polling(&mut self, call: Call) -> (Polling, Page) {
        let targets = targets(call);
        if let Some(place) = self.pollings.iter().position(|(polling, _)| polling.reads(&targets)) {
            return self.pollings.swap_remove(place);
        }
        let mut polling = Polling::new(&self.asking, targets);
        let good = polling.poll(&self.client).await;
        (polling, good)
    }
}

/// The state shared by all cases.
pub struct Stage {
    authority: Arc<Authority>,
    honest: Arc<Honest>,
    pub zone: ZoneId,
}

impl Stage {
    pub async fn new() -> Self {
        let addresses: Vec<_> =
            (1..=255).map(|number| Ipv4Addr::new(127, 77, 0, number).to_string()).collect();
        let api = Api::start(zone()).await;
        Self {
            authority: Arc::new(Authority::of(&addresses)),
            honest: Honest::of(&api.base_url),
            zone: api.zone,
        }
    }
}

/// Returns the targets that cause this call.
fn targets(call: Call) -> Targets {
    let lists = Extent {
        strategy: Strategy::List,
        discovered: Some(Expected::Any),
        zone_level: true,
        ..Extent::PLAIN
    };
    let one_by_one = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
    let targets = ["h1", "h2", "h3", "h4", "h9"].map(|label| HostnameTarget {
        hostname: hostname(&format!("{label}.example.com")),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example.com".parse().unwrap(), None);
    let named = |extent| Targets::new([zone.with_hostnames(targets.into()).with_extent(extent)]);
    match call {
        Call::Of(Endpoint::HostnameGet) => named(one_by_one),
        Call::Of(_) => named(lists),
        Call::Zones | Call::LaterZones | Call::LostZone => {
            Targets::default().with_patterns(vec![PatternTarget {
                account: "default".into(),
                pattern: "*".parse().unwrap(),
                only: None,
                exclude: Vec::new(),
                extent: lists,
            }])
        }
    }
}

/// Returns a zone with all kinds of data, in an account whose list of zones has a second page with another zone.
fn zone() -> World {
    let mut world = world(&[]);
    let zone = world.zone("example.com").unwrap();
    zone.set_enabled(true);
    let in_days = |days: i64| now() + SignedDuration::from_hours(24 * days);
    zone.add_certificate_at(Level::Zone, in_days(5)).unwrap();
    let [one, other, _unused] = [10, 90, 300].map(|days| zone.add_certificate(in_days(days)).unwrap());
    for (number, id, enabled) in [
        (1, &one, Some(true)),
        (2, &other, Some(true)),
        (3, &one, Some(false)),
        (4, &other, None),
        (5, &one, Some(true)),
    ] {
        zone.associate(&hostname(&format!("h{number}.example.com")), id, enabled).unwrap();
    }
    let record = |kind: &str, name: &str, content: &str| DnsRecord {
        kind: kind.to_owned(),
        name: name.to_owned(),
        content: content.to_owned(),
        proxied: true,
    };
    world.zone("example.com").unwrap().set_records(vec![
        record("A", "h1.example.com", "203.0.113.7"),
        record("CNAME", "*.example.com", "origin.example.net"),
    ]);
    for number in 0..58 {
        let pending = ZoneChange { status: Some("pending".into()), ..ZoneChange::default() };
        world.put_zone(&format!("pending-{number}.example").parse().unwrap(), pending, now()).unwrap();
    }
    let lost = world.add_zone(&LOST.parse().unwrap());
    let id = lost.add_certificate(in_days(90)).unwrap();
    lost.associate(&hostname(&format!("www.{LOST}")), &id, Some(true)).unwrap();
    world
}
