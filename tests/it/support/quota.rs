//! Two clients that share one quota: the exporter's, and one that ignores the other.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::cloudflare::{Budget, RateLimit};
use cloudflare_aop_exporter::simulator;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::support::harness::{Api, hostname, world};

/// The limits and rates of the test.
pub struct Quota {
    /// The window of all limits.
    pub per: Duration,
    /// The exporter's own limit per window.
    pub own: u32,
    /// The API's limit per window for both clients together.
    pub enforced: u32,
    /// The time for which the API blocks after the limit is exceeded.
    pub block: Duration,
    /// The number of requests that the other client sends per window, evenly spread.
    pub other: u32,
    /// The number of hostnames that the exporter reads.
    pub hostnames: usize,
}

/// The result of the test.
pub struct Spent {
    pub requests: u64,
    pub of_the_other: u32,
    /// The number of 429s received by either client.
    pub refused: f64,
    pub took: Duration,
}

impl Quota {
    pub async fn spend(&self) -> Spent {
        let names: Vec<_> = (0..self.hostnames).map(|number| format!("h{number}.example.com")).collect();
        let limit = simulator::RateLimit { requests: self.enforced, per: self.per, block: self.block };
        let options = simulator::Options { rate_limit: Some(limit), ..simulator::Options::default() };
        let world = world(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let api = Api::start_with(world, &options).await;
        let mut asking = api.client();
        let own = RateLimit { requests: NonZeroU32::new(self.own).unwrap(), per: self.per };
        asking.budget = Arc::new(Budget::new(own));
        let (client, started) = (asking.build(), Instant::now());
        let far = started + Duration::from_secs(3600);

        let reads = stream::iter(&names)
            .map(async |name| client.hostname(api.zone, &hostname(name), far).await.map(|_| ()));
        let reads = async {
            let mut reads = std::pin::pin!(reads.buffer_unordered(client.options().max_concurrent_requests));
            while let Some(reading) = reads.next().await {
                reading.unwrap();
            }
        };
        let (mut of_the_other, mut refused) = (0, 0.0);
        let other = async {
            let (http, url) = (reqwest::Client::new(), format!("{}/zones", api.base_url));
            let mut ticks = interval(self.per / self.other);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let response = http.get(&url).bearer_auth(&options.token).send().await.unwrap();
                of_the_other += 1;
                refused += f64::from(u8::from(response.status() == 429));
            }
        };
        tokio::select! {
            () = reads => {}
            never = other => never,
        }
        refused += asking.counted("cloudflare_aop_api_requests_total", &["429"]);
        // counted by path, since a request of the other client may still be in flight
        let requests = api.simulator.requests().count("GET", "/origin_tls_client_auth/hostnames/");
        Spent { requests, of_the_other, refused, took: started.elapsed() }
    }
}
