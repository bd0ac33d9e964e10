//! The command `simulate`, which runs the simulated API.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;

use super::serve::listen;
use crate::clock::Clock;
use crate::daemon;
use crate::domain::{Hostname, HostnameTarget, ZoneName};
use crate::http::Listen;
use crate::simulator::{Options, Origin, Simulator, demo};

/// Serves a simulated Cloudflare API for trying tools against it.
#[derive(Args)]
pub(super) struct Simulate {
    /// Listen address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10220")]
    listen: Listen,
    /// Seed for ids and dates.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Token to accept.
    #[arg(long, value_name = "TOKEN", default_value = "simulated-token")]
    token: String,
    /// Number of hostnames in the account.
    #[arg(long, value_name = "N")]
    hostnames: Option<usize>,
    /// Number of zones in the account. Most of the added ones are empty.
    #[arg(long, value_name = "N")]
    zones: Option<usize>,
}

/// The maximum number of zones to print at startup.
const PRINTED_ZONES: usize = 20;

/// A simulator, with the expectations and origins of the hostnames in its zones.
pub(super) struct Simulated {
    pub(super) simulator: Simulator,
    pub(super) expected: Vec<(ZoneName, Vec<HostnameTarget>)>,
    pub(super) origins: Vec<(Hostname, Origin)>,
}

impl Simulated {
    pub(super) fn new(
        seed: u64,
        options: &Options,
        hostnames: Option<usize>,
        zones: Option<usize>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let mut demo = demo(seed, clock.now(), hostnames)?;
        demo.world.fill(zones.unwrap_or(0), clock.now())?;
        Ok(Self {
            simulator: Simulator::new(demo.world, options, clock),
            expected: demo.expected,
            origins: demo.origins,
        })
    }
}

impl Simulate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let stop = daemon::stop_signal()?;
        let listener = listen("--listen", &self.listen).await?;
        let address = listener.local_addr()?;
        let options = Options { token: self.token, ..Options::default() };
        let simulated = Simulated::new(self.seed, &options, self.hostnames, self.zones, Clock::system())?;
        let mut text = format!("Simulated Cloudflare API: http://{address}/client/v4\n\n");
        simulated.simulator.with_world(|world| {
            for zone in world.zones().take(PRINTED_ZONES) {
                writeln!(text, "  {}  {}", zone.id(), zone.name())?;
            }
            let more = world.zones().skip(PRINTED_ZONES).count();
            if more > 0 {
                writeln!(text, "  and {more} more: http://{address}/_simulator/zones")?;
            }
            anyhow::Ok(())
        })?;
        super::print(&text)?;
        simulated.simulator.serve(listener, stop.cancelled_owned()).await;
        Ok(ExitCode::SUCCESS)
    }
}
