//! `serve`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::config::{self, Config, Secrets};
use crate::daemon::{self, Account, Settings};

/// Polls on schedule and serves /metrics.
#[derive(Args)]
pub(super) struct Serve {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Serve here, whatever the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.config, Secrets::Check)?;
        let stop = daemon::stop_signal()?;
        // first of all: a port in use, or a scrape that comes early, shall not have to wait for TLS to be set up
        let listener = match self.listen {
            Some(address) => listen("--listen", address).await?,
            None => listen("server.listen", config.listen).await?,
        };
        let address = listener.local_addr()?;
        tracing::info!(%address, hostnames = config.targets.hostnames(), "listening");
        let settings = Settings {
            schedule: config.schedule,
            jitter: config.jitter,
            states: config.states,
            accounts: accounts(config.accounts)?,
            targets: config.targets,
        };
        daemon::run(listener, settings, stop).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Listens on `address`, which `key` gave.
pub(super) async fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}

/// The configured accounts with their tokens, which are taken anew when they change.
pub(super) fn accounts(configured: Vec<config::Account>) -> anyhow::Result<Vec<Account>> {
    let accounts = configured.into_iter().map(|account| {
        let token = daemon::follow_token(account.token);
        let token = token.with_context(|| format!("account {}", account.options.account))?;
        Ok(Account { options: account.options, token, rate_limit: account.rate_limit, quota: account.quota })
    });
    accounts.collect()
}
