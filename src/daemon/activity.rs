//! The daemon's activity, for the status.

use std::path::PathBuf;
use std::sync::Arc;

use super::controls::Followed;
use crate::clock::Clock;
use crate::domain::Date;
use crate::http::{Activity, LookUp, Quota};
use crate::poll::Account;
use crate::telemetry::Telemetry;

/// Returns a function that looks up the current activity.
pub(super) fn look_up(
    followed: &Followed,
    config_file: Option<PathBuf>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
) -> LookUp {
    let Followed { setup, timing, reloads, .. } = followed;
    let (setup, timing, reloads) = (setup.clone(), timing.clone(), reloads.clone());
    Arc::new(move || Activity {
        last_poll: telemetry.last_poll(),
        next_poll: timing.borrow().schedule.next(clock.now()).map(Date::from),
        reloads: Some(reloads.borrow().clone()),
        config_file: config_file.clone(),
        quotas: setup
            .borrow()
            .accounts
            .iter()
            .map(|(name, account)| (Arc::clone(name), quota(account)))
            .collect(),
    })
}

fn quota(account: &Account) -> Quota {
    let limit = account.budget.limit();
    Quota { requests: limit.requests.get(), per: limit.per, left: account.budget.left() }
}
