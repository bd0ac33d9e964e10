//! Tells the service manager how it stands, over the socket that it names in `NOTIFY_SOCKET` (`sd_notify(3)`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Says that the daemon serves; then, where a watchdog asks for it, twice in its time that the runtime still turns;
/// and at the end that it stops. Where there is no service manager, nothing is said.
pub(super) async fn keep_informed(shutdown: CancellationToken) {
    tell(&NotifyState::Ready);
    tokio::select! {
        never = feed_watchdog() => match never {},
        () = shutdown.cancelled() => tell(&NotifyState::Stopping),
    }
}

async fn feed_watchdog() -> std::convert::Infallible {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&NotifyState::Watchdog);
    }
}

/// The service manager may be unable to listen; the daemon goes on, and what comes of it is for the manager to say. A
/// manager that stays deaf is reported once.
fn tell(state: &NotifyState<'_>) {
    static IS_DEAF: AtomicBool = AtomicBool::new(false);
    match sd_notify::notify(std::slice::from_ref(state)) {
        Err(error) if !IS_DEAF.swap(true, Ordering::Relaxed) => {
            tracing::warn!(%error, %state, "the service manager cannot be told");
        }
        Err(error) => tracing::debug!(%error, %state, "the service manager cannot be told"),
        Ok(()) if IS_DEAF.swap(false, Ordering::Relaxed) => {
            tracing::info!("the service manager is told again");
        }
        Ok(()) => {}
    }
}
