//! The composition root of the daemon: builds the parts, ties them together, and stops them.

mod notify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cloudflare::{ApiToken, Budget, Client, Options, RateLimit};
use crate::config::TokenSource;
use crate::domain::Targets;
use crate::http::{self, App};
use crate::listener::Limits;
use crate::metrics::{Source, States};
use crate::poll::{Poller, Setup};
use crate::schedule::Schedule;
use crate::telemetry::Telemetry;

/// What a daemon does.
pub struct Settings {
    /// When it polls.
    pub schedule: Schedule,
    /// By how much at most each tick is delayed.
    pub jitter: Duration,
    /// Which series a family of states has.
    pub states: States,
    /// On whose behalf it polls.
    pub accounts: Vec<Account>,
    /// What it polls.
    pub targets: Targets,
}

/// An account as a client needs it.
pub struct Account {
    /// How the API is reached.
    pub options: Options,
    /// The token, now and after each change.
    pub token: watch::Receiver<ApiToken>,
    /// How many requests the quota admits.
    pub rate_limit: RateLimit,
    /// The quota, shared by all accounts that name the same.
    pub quota: String,
}

/// Polls and serves on `listener` until `shutdown`, then drains.
///
/// # Errors
/// Where a part cannot be built, or ends by itself.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let telemetry = Arc::new(Telemetry::new().context("metrics about the exporter")?);
    let clients = clients(settings.accounts, &telemetry, &clock)?;
    let gap = settings.schedule.longest_gap(clock.now());
    let setup = Setup { clients: clients.clone(), targets: settings.targets, gap };
    let setup = watch::Sender::new(Arc::new(setup));
    let poller = Poller::new(setup.subscribe(), Arc::clone(&telemetry), clock.clone());
    let source = Source { snapshot: poller.snapshot(), telemetry, clock, states: settings.states };
    let app = App::new(source, Instant::now() + http::GRACE);
    let ticks = settings.schedule.ticks(settings.jitter).await.context("schedule")?;

    let mut tasks = JoinSet::new();
    tasks.spawn(poller.run(ticks, shutdown.clone()));
    tasks.spawn(http::serve(listener, app, Limits::default(), shutdown.clone().cancelled_owned()));
    tasks.spawn(notify::keep_informed(shutdown.clone()));
    for client in clients.into_values() {
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            tokio::select! {
                never = client.keep_verified() => match never {},
                () = shutdown.cancelled() => {}
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the daemon failed")?;
        if !shutdown.is_cancelled() {
            bail!("a part of the daemon has ended by itself");
        }
    }
    Ok(())
}

/// The clients of all accounts, with one budget a quota.
///
/// # Errors
/// Where one cannot be built.
pub fn clients(
    accounts: Vec<Account>,
    telemetry: &Arc<Telemetry>,
    clock: &Clock,
) -> anyhow::Result<BTreeMap<Arc<str>, Arc<Client>>> {
    let mut budgets: BTreeMap<String, Arc<Budget>> = BTreeMap::new();
    let clients = accounts.into_iter().map(|account| {
        let budget =
            budgets.entry(account.quota).or_insert_with(|| Arc::new(Budget::new(account.rate_limit)));
        let name = Arc::clone(&account.options.account);
        let (budget, telemetry) = (Arc::clone(budget), Arc::clone(telemetry));
        let client = Client::new(account.options, account.token, budget, telemetry, clock.clone());
        Ok((Arc::clone(&name), Arc::new(client.with_context(|| format!("account {name}"))?)))
    });
    clients.collect()
}

/// The token of `source`, taken anew when it changes, for as long as somebody listens.
///
/// # Errors
/// Where there is none now. One that cannot be read later leaves the one before in force.
pub fn follow_token(source: TokenSource) -> anyhow::Result<watch::Receiver<ApiToken>> {
    /// Contents are compared, since mounted secrets are exchanged in ways that no file watch sees.
    const LOOK: Duration = Duration::from_secs(10);

    let sender = watch::Sender::new(source.read()?);
    let receiver = sender.subscribe();
    if let TokenSource::File(_) = source {
        let source = Arc::new(source);
        tokio::spawn(async move {
            let mut failed = false;
            while !sender.is_closed() {
                sleep(LOOK).await;
                let source = Arc::clone(&source);
                let read = tokio::task::spawn_blocking(move || source.read()).await;
                match read {
                    Ok(Ok(token)) => {
                        failed = false;
                        if sender.send_if_modified(|known| std::mem::replace(known, token.clone()) != token) {
                            tracing::info!("the token has changed and is taken anew");
                        }
                    }
                    Ok(Err(error)) if !failed => {
                        failed = true;
                        tracing::error!(%error, "the token cannot be read: the one before stays in force");
                    }
                    Ok(Err(_)) | Err(_) => {}
                }
            }
        });
    }
    Ok(receiver)
}

/// Tells when the process was asked to stop, by SIGTERM or SIGINT.
///
/// # Errors
/// Where signals cannot be received.
pub fn stop_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        stopped.cancel();
    });
    Ok(stop)
}
