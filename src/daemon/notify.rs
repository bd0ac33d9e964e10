//! Notifies the service manager over the socket in `NOTIFY_SOCKET` (`sd_notify(3)`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Notifies that the daemon is ready and, at the end, that it is stopping. In between it feeds the watchdog,
/// if there is one, twice per timeout. Without a service manager it does nothing.
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

/// Sends a state. If the service manager cannot be reached, the daemon continues, and the failure is logged
/// once.
fn tell(state: &NotifyState<'_>) {
    static IS_DEAF: AtomicBool = AtomicBool::new(false);
    match sd_notify::notify(std::slice::from_ref(state)) {
        Err(error) if !IS_DEAF.swap(true, Ordering::Relaxed) => {
            tracing::warn!(%error, %state, "the service manager cannot be notified");
        }
        Err(error) => tracing::debug!(%error, %state, "the service manager cannot be notified"),
        Ok(()) if IS_DEAF.swap(false, Ordering::Relaxed) => {
            tracing::info!("the service manager is notified again");
        }
        Ok(()) => {}
    }
}
