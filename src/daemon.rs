//! The composition root of the daemon: builds the parts, ties them together, and stops them.

mod accounts;
mod controls;
mod descriptors;
mod notify;
mod pace;
mod reload;

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::{Context, bail};
use futures_util::future::{join_all, pending};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, App};
use crate::listener::Limits;
use crate::metrics::Source;
use crate::poll::{Poller, Setup};
use crate::telemetry::Telemetry;
use controls::{Controls, Followed};
use reload::Reloader;

pub use accounts::{Accounts, Clients};
pub use reload::Origin;

/// Polls and serves on `listener` as `config` says until `shutdown`, then drains.
///
/// It is read again from `origin` on SIGHUP, on request, and when it has changed there; without one it stays.
///
/// # Errors
/// Where a part cannot be built, or ends by itself.
pub async fn run(
    listener: TcpListener,
    config: Config,
    origin: Option<Origin>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let telemetry = Arc::new(Telemetry::new().context("metrics about the exporter")?);
    let controls = Controls::start(&config, Arc::clone(&telemetry), clock.clone())?;
    let Followed { setup, serving, pace } = controls.followed();
    let (wish, wishes) = mpsc::channel(1);

    let poller = Poller::new(setup.clone(), Arc::clone(&telemetry), clock.clone());
    let source = Source { snapshot: poller.snapshot(), telemetry, clock };
    let app = App::new(source, serving, wish, Instant::now() + http::GRACE);
    let (tick, ticks) = mpsc::channel(1);

    let limits =
        Limits { connections: descriptors::make_room(Limits::default().connections), ..Limits::default() };
    let stopped = || shutdown.clone().cancelled_owned();
    let mut tasks = JoinSet::new();
    tasks.spawn(to_its_end(poller.run(ticks, shutdown.clone())));
    tasks.spawn(to_its_end(http::serve(listener, app, limits, stopped())));
    tasks.spawn(to_its_end(notify::keep_informed(shutdown.clone())));
    tasks.spawn(until(stopped(), pace::keep(pace, tick)));
    tasks.spawn(until(stopped(), verify_tokens(setup)));
    let _kept = match origin {
        Some(origin) => {
            let reloader = Reloader::new(origin, config.listen, controls)?;
            tasks.spawn(until(stopped(), reloader.run(wishes)));
            None
        }
        None => Some(controls),
    };
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the daemon failed")??;
        if !shutdown.is_cancelled() {
            bail!("a part of the daemon has ended by itself");
        }
    }
    Ok(())
}

/// A part that stops by itself once it is told to.
async fn to_its_end(part: impl Future<Output = ()>) -> anyhow::Result<()> {
    part.await;
    Ok(())
}

/// A part that can be dropped anywhere.
async fn until(
    stopped: impl Future<Output = ()>,
    part: impl Future<Output = anyhow::Result<Infallible>>,
) -> anyhow::Result<()> {
    tokio::select! {
        never = part => match never? {},
        () = stopped => Ok(()),
    }
}

/// Verifies the tokens of all accounts in force.
async fn verify_tokens(mut setup: watch::Receiver<Arc<Setup>>) -> anyhow::Result<Infallible> {
    loop {
        let clients = setup.borrow_and_update().clients.clone();
        let verifications = join_all(clients.values().map(|client| client.keep_verified()));
        tokio::select! {
            // first, so that nothing is told of an account that has left
            biased;
            Ok(()) = setup.changed() => {}
            _ = verifications => pending::<()>().await,
        }
    }
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
