//! `serve`: the daemon.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::configured::Configured;
use crate::config::{ConfigErrors, Secrets};
use crate::daemon::{self, Origin};
use crate::http::Listen;

/// The exit code for a wrong configuration, which a restart does not help: EX_CONFIG of sysexits.h.
const WRONG_CONFIGURATION: u8 = 78;

/// Polls on schedule and serves /metrics.
///
/// Exit code: 0 once it was told to stop, 78 if the configuration cannot be read or is wrong, 1 after any other failure,
/// such as a port in use.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configured: Configured,
    /// Listen address; overrides `server.listen`.
    #[arg(long, value_name = "ADDRESS", env = "AOP_LISTEN", hide_env_values = true)]
    listen: Option<Listen>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        // before anything that takes time: until a handler is installed, SIGHUP ends the process
        let hangup = daemon::reload_signal()?;
        let stop = daemon::stop_signal()?;
        let source = self.configured.source();
        let (config, files) = tokio::select! {
            loaded = super::load(source.clone(), Secrets::Check) => match loaded {
                Err(error) if error.is::<ConfigErrors>() => {
                    super::complain(&error);
                    return Ok(ExitCode::from(WRONG_CONFIGURATION));
                }
                loaded => loaded?,
            },
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        };
        // before building clients: a port in use fails at once, and an early scrape is not refused
        let (key, place) = match self.listen {
            Some(place) => ("--listen", place),
            None => ("server.listen", config.listen.clone()),
        };
        let listener = listen(key, &place).await?;
        let address = listener.local_addr()?;
        let in_force = source.describe(&config);
        tracing::info!(config = %in_force, listen = %address, "watching {}", config.watched());
        config.serving.warn_if_open(address);
        let origin = Origin { source, files };
        daemon::run(listener, place.name(), config, Some((origin, hangup)), stop).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Listens on `address`, the value of `key`.
pub(super) async fn listen(key: &str, address: &Listen) -> anyhow::Result<TcpListener> {
    address.bind().await.with_context(|| format!("{key}: cannot listen on {address}"))
}
