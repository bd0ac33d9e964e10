//! `demo`: the daemon on a simulated API.

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
use crate::config::{Account, Config, Probe, TokenSource};
use crate::daemon;
use crate::domain::{Targets, ZoneTarget};
use crate::http;
use crate::simulator;

/// Serves /metrics of a simulated Cloudflare account: needs no token and no configuration.
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
}

const ACCOUNT: &str = "demo";

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let stop = daemon::stop_signal()?;
        let listener = listen("--listen", &self.listen).await?;
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("simulated API")?;
        let (address, api_address) = (listener.local_addr()?, api.local_addr()?);
        let simulated = Simulated::new(1, &simulator::Options::default(), self.hostnames, Clock::system())?;
        super::print(&format!(
            "A simulated Cloudflare account is polled every 15 seconds. Look at\n\n  \
             http://{address}/         what there is\n  \
             http://{address}/metrics  what Prometheus sees\n\n\
             Ctrl-C stops it.\n"
        ))?;
        let config = config(&simulated, address, api_address)?;
        tokio::spawn(simulated.simulator.serve(api, stop.clone().cancelled_owned()));
        daemon::run(listener, self.listen.name(), config, None, stop).await?;
        Ok(ExitCode::SUCCESS)
    }
}

fn config(simulated: &Simulated, listen: SocketAddr, api: SocketAddr) -> anyhow::Result<Config> {
    let account: Arc<str> = ACCOUNT.into();
    let token: ApiToken = simulator::Options::default().token.parse()?;
    let zones = simulated.expected.iter().map(|(name, hostnames)| {
        ZoneTarget::named(Arc::clone(&account), name.clone(), None).with_hostnames(hostnames.clone())
    });
    Ok(Config {
        listen: listen.into(),
        schedule: "*/15 * * * * *".parse()?,
        jitter: Duration::ZERO,
        serving: http::Options::default(),
        targets: Targets::new(zones),
        state_file: None,
        probe: Probe::default(),
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
            // nothing else uses this account
            rate_limit: RateLimit { requests: NonZeroU32::MAX, per: Duration::from_secs(1) },
            quota: ACCOUNT.to_owned(),
        }],
    })
}
