//! The composition root of the daemon: builds the parts, ties them together, and stops them.

mod accounts;
mod activity;
mod controls;
mod descriptors;
mod first;
mod notify;
mod reload;
mod timing;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::{join, join_all, pending};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{AccountFacts, Snapshot};
use crate::http::{self, App};
use crate::keeper::{self, Keeper, state_file};
use crate::listener::Limits;
use crate::metrics::Source;
use crate::poll::{Poller, Setup};
use crate::probe::Rounds;
use crate::telemetry::Telemetry;
use controls::{Controls, Followed};
use reload::Reloader;

pub use accounts::{Accounts, InForce};
pub use reload::Origin;

/// Polls and serves on `listener` as configured until `shutdown`, then drains.
///
/// `name` is the host name in the listen address.
///
/// The configuration is read again from its origin on the given signal, on request, and when its files
/// change. Without an origin it stays.
///
/// # Errors
/// Fails if a part cannot be built or ends by itself.
pub async fn run(
    listener: TcpListener,
    name: Option<&str>,
    config: Config,
    origin: Option<(Origin, Signal)>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let telemetry = Arc::new(Telemetry::new().context("metrics about the exporter")?);
    let load = |path| state_file::load(path, &config.targets);
    let known = config.state_file.as_deref().and_then(load);
    let ready_by = Instant::now() + if known.is_some() { Duration::ZERO } else { http::GRACE };
    let (keeper, kept) = Keeper::new(known.unwrap_or_else(|| Snapshot::default().retarget(&config.targets)));
    let controls = Controls::start(
        &config,
        kept.clone(),
        Arc::clone(&telemetry),
        clock.clone(),
        listener.local_addr().ok(),
    )?;
    let followed = controls.followed();
    let config_file = origin.as_ref().and_then(|(origin, _)| origin.source.file());
    let activity = activity::look_up(&followed, config_file, Arc::clone(&telemetry), clock.clone());
    let Followed { setup, serving, timing, probing, probe_timing, .. } = followed;
    let (wish, wishes) = mpsc::channel(1);

    let (polled, first_poll) = oneshot::channel();
    let poller = Poller::new(setup.clone(), kept.clone(), Arc::clone(&telemetry), clock.clone());
    let poller = poller.announcing(polled);
    let rounds = Rounds::new(probing, kept.clone(), clock.clone());
    let source = Source { snapshot: kept.follow(), telemetry, clock: clock.clone() };
    let first_poll = first::report(first_poll, source.clone(), serving.clone());
    let app = App::new(source, serving, wish, ready_by).named(name).showing(activity);
    let (tick, ticks) = mpsc::channel(1);
    let (probe_tick, probe_ticks) = mpsc::channel(1);

    let limits =
        Limits { connections: descriptors::raise_limit(Limits::default().connections), ..Limits::default() };
    let stopped = || shutdown.clone().cancelled_owned();
    let mut tasks = JoinSet::new();
    if let Some(path) = config.state_file.clone() {
        tasks.spawn(to_its_end(state_file::keep(path, kept.follow(), shutdown.clone())));
    }
    tasks.spawn(to_its_end(keeper.run(shutdown.clone())));
    tasks.spawn(to_its_end(poller.run(ticks, shutdown.clone())));
    tasks.spawn(to_its_end(rounds.run(probe_ticks, shutdown.clone())));
    tasks.spawn(to_its_end(http::serve(listener, app, limits, stopped())));
    tasks.spawn(to_its_end(notify::keep_informed(shutdown.clone())));
    let keep = |timing, tick| timing::keep(timing, tick, clock.clone(), timing::Watch::default());
    tasks.spawn(until(stopped(), keep(timing, tick)));
    tasks.spawn(until(stopped(), keep(probe_timing, probe_tick)));
    tasks.spawn(until(stopped(), first_poll));
    tasks.spawn(until(stopped(), watch_accounts(setup, kept)));
    let _kept = match origin {
        Some((origin, hangup)) => {
            let reloader = Reloader::new(origin, hangup, &config, controls);
            tasks.spawn(until(stopped(), reloader.run(wishes)));
            None
        }
        None => Some(controls),
    };
    all_ended(tasks, &shutdown).await
}

/// Waits for the end of all parts. If a part ends early or panics, the daemon ends as well. Otherwise it
/// would keep serving outdated data.
async fn all_ended(
    mut parts: JoinSet<anyhow::Result<()>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    while let Some(ended) = parts.join_next().await {
        ended.context("a part of the daemon failed")??;
        if !shutdown.is_cancelled() {
            bail!("a part of the daemon has ended by itself");
        }
    }
    Ok(())
}

/// Runs a part that stops by itself on shutdown.
async fn to_its_end(part: impl Future<Output = ()>) -> anyhow::Result<()> {
    part.await;
    Ok(())
}

/// Runs a part that can be dropped at any point.
async fn until(
    stopped: impl Future<Output = ()>,
    part: impl Future<Output = anyhow::Result<Infallible>>,
) -> anyhow::Result<()> {
    tokio::select! {
        never = part => match never? {},
        () = stopped => Ok(()),
    }
}

/// Verifies the tokens of all accounts in force, and reports facts about the accounts to the keeper.
async fn watch_accounts(
    mut setup: watch::Receiver<Arc<Setup>>,
    keeper: keeper::Handle,
) -> anyhow::Result<Infallible> {
    loop {
        let accounts = setup.borrow_and_update().accounts.clone();
        let verifications = join_all(accounts.iter().map(|(name, account)| {
            let facts = report_facts(Arc::clone(name), account.api.facts(), &keeper);
            join(account.api.keep_verified(), facts)
        }));
        let others = async { setup.wait_for(|next| next.accounts != accounts).await.map(drop) };
        tokio::select! {
            // biased, so that nothing is reported about an account that was removed
            biased;
            Ok(()) = others => {}
            _ = verifications => pending::<()>().await,
        }
    }
}

async fn report_facts(name: Arc<str>, mut facts: watch::Receiver<AccountFacts>, keeper: &keeper::Handle) {
    // the client of a watched account lives as long as this future
    loop {
        let latest = *facts.borrow_and_update();
        keeper.report_account(Arc::clone(&name), latest).await;
        if facts.changed().await.is_err() {
            return;
        }
    }
}

/// Returns a token that is cancelled by SIGTERM or SIGINT.
///
/// # Errors
/// Fails if signals cannot be received.
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

/// Installs the handler of SIGHUP. A signal that arrives before anything waits for it is kept.
///
/// # Errors
/// Fails if signals cannot be received.
pub fn reload_signal() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("SIGHUP")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error of a daemon that runs this part and one that never ends.
    async fn ended(part: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> String {
        let mut parts = JoinSet::new();
        parts.spawn(pending());
        parts.spawn(part);
        all_ended(parts, &CancellationToken::new()).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn the_daemon_ends_if_a_part_panics_fails_or_ends() {
        assert_eq!(ended(async { panic!("a part") }).await, "a part of the daemon failed");
        assert_eq!(ended(async { bail!("no more ticks") }).await, "no more ticks");
        assert_eq!(ended(async { Ok(()) }).await, "a part of the daemon has ended by itself");
    }

    #[tokio::test]
    async fn on_shutdown_the_daemon_waits_for_all_parts() {
        let (mut parts, shutdown) = (JoinSet::new(), CancellationToken::new());
        let (end, told) = oneshot::channel::<()>();
        parts.spawn(async move { Ok(told.await?) });
        parts.spawn(until(shutdown.clone().cancelled_owned(), pending()));
        shutdown.cancel();
        let all = tokio::spawn(async move { all_ended(parts, &shutdown).await });
        tokio::task::yield_now().await;
        assert!(!all.is_finished());
        end.send(()).unwrap();
        all.await.unwrap().unwrap();
    }
}
