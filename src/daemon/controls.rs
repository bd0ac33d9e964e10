//! Distributes the configuration to the parts of the daemon.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::accounts::Accounts;
use super::timing::Timing;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Targets;
use crate::http::{self, Reloads};
use crate::keeper;
use crate::poll::Setup;
use crate::probe;
use crate::schedule::Schedule;
use crate::telemetry::Telemetry;

/// The senders of settings, one for each part. A part follows only its own settings and never sees the
/// configuration.
pub(super) struct Controls {
    accounts: Accounts,
    keeper: keeper::Handle,
    targets: Targets,
    setup: watch::Sender<Arc<Setup>>,
    serving: watch::Sender<Arc<http::Options>>,
    timing: watch::Sender<Timing>,
    probing: watch::Sender<probe::Options>,
    probe_timing: watch::Sender<Timing>,
    reloads: watch::Sender<Reloads>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// The address of the server.
    address: Option<SocketAddr>,
}

/// The settings that the parts follow.
pub(super) struct Followed {
    /// The accounts to poll.
    pub(super) setup: watch::Receiver<Arc<Setup>>,
    /// The options of the server.
    pub(super) serving: watch::Receiver<Arc<http::Options>>,
    /// The schedule of polls.
    pub(super) timing: watch::Receiver<Timing>,
    /// The options of probes.
    pub(super) probing: watch::Receiver<probe::Options>,
    /// The schedule of probes.
    pub(super) probe_timing: watch::Receiver<Timing>,
    /// The results of the latest reloads.
    pub(super) reloads: watch::Receiver<Reloads>,
}

impl Controls {
    /// Puts the first configuration in force. The server listens on `address`.
    ///
    /// # Errors
    /// Fails if that is not possible.
    pub(super) fn start(
        config: &Config,
        keeper: keeper::Handle,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let mut accounts = Accounts::new(Arc::clone(&telemetry), clock.clone());
        let setup = setup(&mut accounts, config, &clock)?;
        let now = clock.now().into();
        telemetry.reloaded(true, now);
        Ok(Self {
            accounts,
            keeper,
            targets: config.targets.clone(),
            setup: watch::Sender::new(Arc::new(setup)),
            serving: watch::Sender::new(Arc::new(config.serving.clone())),
            timing: watch::Sender::new(timing(config)),
            probing: watch::Sender::new(config.probe.clone()),
            probe_timing: watch::Sender::new(probe_timing(config)),
            reloads: watch::Sender::new(Reloads { in_force_since: now, refused: None }),
            telemetry,
            clock,
            address,
        })
    }

    /// Returns new receivers of all settings.
    pub(super) fn followed(&self) -> Followed {
        Followed {
            setup: self.setup.subscribe(),
            serving: self.serving.subscribe(),
            timing: self.timing.subscribe(),
            probing: self.probing.subscribe(),
            probe_timing: self.probe_timing.subscribe(),
            reloads: self.reloads.subscribe(),
        }
    }

    /// Puts another configuration in force, even during a poll. Whatever is unchanged continues.
    ///
    /// # Errors
    /// Fails if that is not possible. The previous configuration then stays in force.
    pub(super) async fn replace(&mut self, config: &Config) -> anyhow::Result<()> {
        let setup = setup(&mut self.accounts, config, &self.clock)?;
        if self.targets != config.targets {
            self.targets = config.targets.clone();
            self.keeper.retarget(config.targets.clone()).await;
        }
        // sent even if it is unchanged, so that zones of patterns are listed again
        self.setup.send_replace(Arc::new(setup));
        let address = self.address;
        self.serving.send_modify(|serving| {
            let before = std::mem::replace(serving, Arc::new(config.serving.clone().after(serving)));
            if let Some(address) = address.filter(|_| !before.is_open()) {
                serving.warn_if_open(address);
            }
        });
        // sent only if changed: a restart of the schedule would lose a delayed tick
        replace(&self.timing, timing(config));
        replace(&self.probing, config.probe.clone());
        replace(&self.probe_timing, probe_timing(config));
        Ok(())
    }

    /// Keeps the configuration in force, but reads the tokens again.
    pub(super) async fn keep(&mut self) {
        let (accounts, gap) = (self.accounts.renew_tokens().await, self.setup.borrow().gap);
        let setup = Setup { accounts, gap };
        self.setup.send_if_modified(|before| {
            let changed = **before != setup;
            if changed {
                *before = Arc::new(setup);
            }
            changed
        });
    }

    /// Records the result of the latest attempt to read the configuration.
    pub(super) fn note(&self, error: Option<&str>) {
        let now = self.clock.now().into();
        self.telemetry.reloaded(error.is_none(), now);
        self.reloads.send_modify(|reloads| match error {
            None => *reloads = Reloads { in_force_since: now, refused: None },
            Some(error) => reloads.refused = Some((now, error.to_owned())),
        });
    }
}

/// Sends a value if it has changed.
fn replace<T: PartialEq>(sender: &watch::Sender<T>, next: T) {
    sender.send_if_modified(move |before| {
        let is_other = *before != next;
        *before = next;
        is_other
    });
}

fn setup(accounts: &mut Accounts, config: &Config, clock: &Clock) -> anyhow::Result<Setup> {
    let accounts = accounts.update(&config.accounts)?;
    Ok(Setup { accounts, gap: config.schedule.longest_gap(clock.now()) })
}

fn timing(config: &Config) -> Timing {
    Timing { schedule: config.schedule.clone(), jitter: config.jitter }
}

/// Returns the timing of probes.
fn probe_timing(config: &Config) -> Timing {
    let schedule = config.probe_schedule.clone();
    Timing { jitter: probe_jitter(&schedule, config.jitter), schedule }
}

/// Returns the jitter of probes: that of polls, or half of the shortest interval of `schedule` if that is less.
fn probe_jitter(schedule: &Schedule, of_polls: Duration) -> Duration {
    of_polls.min(schedule.shortest_gap(Timestamp::UNIX_EPOCH) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_jitter_is_poll_jitter_but_at_most_half_the_shortest_probe_interval() {
        let jitter = |schedule: &str, of_polls| {
            probe_jitter(&schedule.parse().unwrap(), Duration::from_secs(of_polls)).as_millis()
        };
        assert_eq!(jitter("0 */15 * * * *", 20), 20_000);
        assert_eq!(jitter("*/30 * * * * *", 20), 15_000);
        assert_eq!(jitter("* * * * * *", 20), 500);
        assert_eq!(jitter("* * * * * *", 0), 0);
    }
}
