//! The command `serve`, which runs the daemon.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::configured::Configured;
use crate::config::{ConfigErrors, Secrets};
use crate::daemon::{self, Origin};
use crate::http::Listen;

/// The exit code for an invalid configuration, which a restart cannot fix. EX_CONFIG in sysexits.h.
const INVALID_CONFIGURATION: u8 = 78;

/// Polls on a schedule and serves /metrics.
///
/// Exit code: 0 after a signal to stop, 78 if the configuration cannot be read or is invalid, 1 after any other
/// failure, such as a port in use.
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
        // first of all, since SIGHUP ends the process until a handler is installed
        let hangup = daemon::reload_signal()?;
        let stop = daemon::stop_signal()?;
        let source = self.configured.source();
        let (config, files) = tokio::select! {
            loaded = super::load(source.clone(), Secrets::Check) => match loaded {
                Err(error) if error.is::<ConfigErrors>() => {
                    super::print_error(&error);
                    return Ok(ExitCode::from(INVALID_CONFIGURATION));
                }
                loaded => loaded?,
            },
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        };
        // before building clients, so that a port in use fails at once and an early scrape is not refused
        let (key, address) = match self.listen {
            Some(address) => ("--listen", address),
            None => ("server.listen", config.listen.clone()),
        };
        let listener = listen(key, &address).await?;
        let bound = listener.local_addr()?;
        let in_force = source.describe(&config);
        tracing::info!(config = %in_force, listen = %bound, "watching {}", config.watched());
        config.serving.warn_if_open(bound);
        let origin = Origin { source, files };
        daemon::run(listener, address.name(), config, Some((origin, hangup)), stop).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Listens on `address`, the value of `key`.
pub(super) async fn listen(key: &str, address: &Listen) -> anyhow::Result<TcpListener> {
    address.bind().await.with_context(|| format!("{key}: cannot listen on {address}"))
}
