//! The command `demo`, which runs the daemon against a simulated API.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::serve::listen;
use super::simulate::Simulated;
use crate::clock::Clock;
use crate::cloudflare::{ApiToken, Options, RateLimit};
use crate::config::{Account, Config, TokenSource};
use crate::daemon;
use crate::domain::{Expected, Extent, OriginTarget, PatternTarget, Targets, ZoneTarget};
use crate::http;
use crate::probe;
use crate::simulator;

/// Serves /metrics of a simulated Cloudflare account. Needs no token and no configuration.
#[derive(Args)]
pub(super) struct Demo {
    /// Listen address.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:10219",
        env = "AOP_LISTEN",
        hide_env_values = true
    )]
    listen: http::Listen,
    /// Number of hostnames in the account.
    #[arg(long, value_name = "N")]
    hostnames: Option<usize>,
    /// Number of zones in the account. All are watched; most of the added ones are empty.
    #[arg(long, value_name = "N")]
    zones: Option<usize>,
}

const ACCOUNT: &str = "demo";

/// The requests per minute, far more than any simulation needs.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000).expect("it is not zero");

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let stop = daemon::stop_signal()?;
        let listener = listen("--listen", &self.listen).await?;
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("simulated API")?;
        let (address, api_address) = (listener.local_addr()?, api.local_addr()?);
        let options = simulator::Options::default();
        let simulated = Simulated::new(1, &options, self.hostnames, self.zones, Clock::system())?;
        super::print(&format!(
            "A simulated Cloudflare account is polled every 15 seconds. Open\n\n  \
             http://{address}/         the state of its hostnames\n  \
             http://{address}/metrics  the metrics for Prometheus\n\n\
             Press Ctrl-C to stop.\n"
        ))?;
        let origins = origins(&simulated).await?;
        let mut config = config(&simulated, &origins, address, api_address)?;
        if self.zones.is_some() {
            config.targets = config.targets.with_patterns(vec![everything()?]);
        }
        tokio::spawn(simulated.simulator.serve(api, stop.clone().cancelled_owned()));
        daemon::run(listener, self.listen.name(), config, None, stop).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns a pattern that watches all zones of the account completely.
fn everything() -> anyhow::Result<PatternTarget> {
    let extent = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
    Ok(PatternTarget {
        account: ACCOUNT.into(),
        pattern: "*".parse()?,
        only: None,
        exclude: Vec::new(),
        extent,
    })
}

/// Starts the origins of the hostnames, and returns their addresses.
async fn origins(simulated: &Simulated) -> anyhow::Result<Vec<OriginTarget>> {
    let mut targets = Vec::with_capacity(simulated.origins.len());
    for (hostname, origin) in &simulated.origins {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("simulated origin")?;
        targets.push(OriginTarget {
            hostname: hostname.clone(),
            label: origin.label().into(),
            address: listener.local_addr()?.into(),
            server_name: hostname.clone(),
            path: "/".into(),
            from_dns: false,
        });
        let now = Clock::system().now();
        let server = simulated.simulator.with_world(|world| world.origin(*origin, hostname, now))?;
        tokio::spawn(server.serve(listener));
    }
    Ok(targets)
}

fn config(
    simulated: &Simulated,
    origins: &[OriginTarget],
    listen: SocketAddr,
    api: SocketAddr,
) -> anyhow::Result<Config> {
    let account: Arc<str> = ACCOUNT.into();
    let token: ApiToken = simulator::Options::default().token.parse()?;
    let zones = simulated.expected.iter().map(|(name, hostnames)| {
        let origins = origins.iter().filter(|origin| origin.hostname.is_in(name)).cloned().collect();
        ZoneTarget::named(Arc::clone(&account), name.clone(), None)
            .with_hostnames(hostnames.clone())
            .with_origins(origins)
    });
    Ok(Config {
        listen: listen.into(),
        schedule: "*/15 * * * * *".parse()?,
        jitter: Duration::ZERO,
        serving: http::Options::default(),
        targets: Targets::new(zones),
        state_file: None,
        probe_schedule: "0 */15 * * * *".parse()?,
        probe: probe::Options::default(),
        accounts: vec![Account {
            options: Options {
                account: Arc::clone(&account),
                account_id: None,
                base_url: format!("http://{api}/client/v4").parse()?,
                timeout: Duration::from_secs(30),
                max_concurrent_requests: 8,
                extra_ca: None,
            },
            token: TokenSource::Given(token),
            read_token: None,
            rate_limit: RateLimit { requests: PLENTY, per: Duration::from_mins(1) },
            quota: ACCOUNT.to_owned(),
        }],
    })
}
