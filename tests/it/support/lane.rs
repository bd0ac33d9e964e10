//! A front and who asks it, shared by many cases one after the other.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cloudflare_aop_exporter::cloudflare::Client;
use cloudflare_aop_exporter::domain::{
    Expectation, Expected, Extent, HostnameTarget, Level, Strategy, ZoneId, ZoneTarget,
};
use cloudflare_aop_exporter::simulator::World;
use cloudflare_aop_exporter::telemetry::Endpoint;
use jiff::SignedDuration;

use crate::support::authority::Authority;
use crate::support::front::{Front, Honest, Transport};
use crate::support::harness::{Api, Asking, hostname, now, world};
use crate::support::polling::{Errors, Page, Polling};

/// A front and who asks it.
pub struct Lane {
    pub stage: Arc<Stage>,
    pub transport: Transport,
    pub front: Front,
    pub asking: Asking,
    pub client: Arc<Client>,
    /// Each with its latest page, on which nothing is wrong.
    pub pollings: Vec<(Polling, Page)>,
    /// What all of them have counted.
    pub errors: Errors,
}

impl Lane {
    /// A lane whose front is at 127.77.0.`host`.
    pub async fn new(stage: Arc<Stage>, transport: Transport, host: u8) -> Self {
        let address = Ipv4Addr::new(127, 77, 0, host);
        let front = Front::start(&stage.honest, transport, &stage.authority, address).await;
        let mut asking = Asking::new(&front.base_url);
        asking.options.extra_ca = Some(stage.authority.pem.clone().into_bytes());
        let client = asking.build();
        Self { stage, transport, front, asking, client, pollings: Vec::new(), errors: Errors::default() }
    }

    /// Who polls what makes that call, after a good poll.
    pub async fn polling(&mut self, call: Endpoint) -> (Polling, Page) {
        let target = target(call);
        if let Some(place) = self.pollings.iter().position(|(polling, _)| polling.reads(&target)) {
            return self.pollings.swap_remove(place);
        }
        let mut polling = Polling::new(&self.asking, target);
        let good = polling.poll(&self.client).await;
        (polling, good)
    }
}

/// What all cases share.
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

/// The zone, read by what makes that call.
fn target(call: Endpoint) -> ZoneTarget {
    let lists = Extent { strategy: Strategy::List, discovered: Some(Expected::Any), zone_level: true };
    let one_by_one = Extent { strategy: Strategy::Get, discovered: None, zone_level: false };
    let targets = ["h1", "h2", "h3", "h4", "h9"].map(|label| HostnameTarget {
        hostname: hostname(&format!("{label}.example.com")),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example.com".parse().unwrap(), None);
    let extent = if call == Endpoint::HostnameGet { one_by_one } else { lists };
    zone.with_hostnames(targets.into()).with_extent(extent)
}

/// A zone with all there is to read.
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
    world
}
