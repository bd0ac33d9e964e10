//! What a configuration decides, in the hands of the parts that act on it.

use std::sync::Arc;

use tokio::sync::watch;

use super::accounts::Accounts;
use super::timing::Timing;
use crate::clock::Clock;
use crate::config::Config;
use crate::http;
use crate::poll::Setup;
use crate::telemetry::Telemetry;

/// One sender for each part; a part follows its own, and never sees the configuration.
pub(super) struct Controls {
    accounts: Accounts,
    setup: watch::Sender<Arc<Setup>>,
    serving: watch::Sender<Arc<http::Options>>,
    timing: watch::Sender<Timing>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
}

/// What the parts follow.
pub(super) struct Followed {
    /// What is polled and on whose behalf.
    pub(super) setup: watch::Receiver<Arc<Setup>>,
    /// How is served.
    pub(super) serving: watch::Receiver<Arc<http::Options>>,
    /// When to poll.
    pub(super) timing: watch::Receiver<Timing>,
}

impl Controls {
    /// Puts the first configuration in force.
    ///
    /// # Errors
    /// Where it cannot be.
    pub(super) fn start(config: &Config, telemetry: Arc<Telemetry>, clock: Clock) -> anyhow::Result<Self> {
        let mut accounts = Accounts::new(Arc::clone(&telemetry), clock.clone());
        let setup = setup(&mut accounts, config, &clock)?;
        telemetry.reloaded(true, clock.now().into());
        Ok(Self {
            accounts,
            setup: watch::Sender::new(setup),
            serving: watch::Sender::new(Arc::new(config.serving.clone())),
            timing: watch::Sender::new(timing(config)),
            telemetry,
            clock,
        })
    }

    /// What the parts follow from now on.
    pub(super) fn followed(&self) -> Followed {
        Followed {
            setup: self.setup.subscribe(),
            serving: self.serving.subscribe(),
            timing: self.timing.subscribe(),
        }
    }

    /// Puts another configuration in force, also in the middle of a poll.
    ///
    /// # Errors
    /// Where it cannot be; then the one before stays.
    pub(super) fn replace(&mut self, config: &Config) -> anyhow::Result<()> {
        let setup = setup(&mut self.accounts, config, &self.clock)?;
        self.setup.send_replace(setup);
        self.serving.send_modify(|serving| *serving = Arc::new(config.serving.clone().after(serving)));
        // a restart of the schedule would lose a tick that is delayed
        self.timing.send_if_modified(|before| {
            let timing = timing(config);
            std::mem::replace(before, timing.clone()) != timing
        });
        Ok(())
    }

    /// Keeps the configuration in force, with the tokens as they are now.
    pub(super) fn keep(&self) {
        if self.accounts.renew_tokens() {
            // with another token another poll is worth while
            self.setup.send_modify(|_| {});
        }
    }

    /// Keeps whether the configuration was good when it was last read.
    pub(super) fn note(&self, good: bool) {
        self.telemetry.reloaded(good, self.clock.now().into());
    }
}

fn setup(accounts: &mut Accounts, config: &Config, clock: &Clock) -> anyhow::Result<Arc<Setup>> {
    let clients = accounts.update(&config.accounts)?;
    let gap = config.schedule.longest_gap(clock.now());
    Ok(Arc::new(Setup { clients, targets: config.targets.clone(), gap }))
}

fn timing(config: &Config) -> Timing {
    Timing { schedule: config.schedule.clone(), jitter: config.jitter }
}
