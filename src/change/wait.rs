//! Waiting until changes are in force.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{Desired, State};
use crate::cloudflare::{Client, Error};
use crate::domain::{Association, Hostname, Reading, Reason, Status, ZoneId};

/// The polling intervals and timeouts of a wait.
#[derive(Clone, Copy, Debug)]
pub struct WaitPolicy {
    /// The first pause between two checks. Each pause is twice as long as the previous one.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The total time limit.
    pub limit: Duration,
    /// The timeout of one request.
    pub call: Duration,
}

/// A hostname to wait for.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// The hostname.
    pub hostname: Hostname,
    /// The state before the change, if known.
    pub before: Option<State>,
    /// The last reading, if there is one.
    pub reading: Option<Reading>,
}

/// The progress of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The desired state is in force.
    InForce,
    /// The desired state is not in force yet.
    Pending,
    /// The change timed out at Cloudflare.
    GivenUp,
}

/// The time beyond the limit for the last check, which reads all pending hostnames.
const LAST_CHECK: Duration = Duration::from_secs(5);

/// Checks the hostnames until none is pending, or the limit has passed. Calls `progress` after each check.
///
/// All changes of one request come into force at about the same time. So a check ends at the first pending hostname,
/// and 100 hostnames cost few requests. Only the last check reads all of them.
///
/// # Errors
/// Fails with the first hostname that cannot be read for a permanent reason.
pub async fn wait(
    client: &Client,
    zone: ZoneId,
    desired: &Desired,
    awaited: &mut [Awaited],
    policy: WaitPolicy,
    mut progress: impl FnMut(&[Awaited]),
) -> Result<(), (Hostname, Error)> {
    let end = Instant::now() + policy.limit;
    let mut pause = policy.first;
    loop {
        let now = Instant::now();
        let is_last = now >= end;
        let pending = awaited.iter_mut().filter(|one| one.phase(desired) == Phase::Pending);
        if is_last {
            let deadline = now + policy.call.min(LAST_CHECK);
            try_join_all(pending.map(|one| look(client, zone, one, deadline))).await?;
        } else {
            for one in pending {
                look(client, zone, one, end.min(Instant::now() + policy.call)).await?;
                if one.phase(desired) == Phase::Pending {
                    break;
                }
            }
        }
        progress(awaited);
        if is_last || awaited.iter().all(|one| one.phase(desired) != Phase::Pending) {
            return Ok(());
        }
        sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(policy.longest);
    }
}

/// Reads one hostname. If the read fails and a later one may succeed, the last reading is kept.
async fn look(
    client: &Client,
    zone: ZoneId,
    one: &mut Awaited,
    deadline: Instant,
) -> Result<(), (Hostname, Error)> {
    match client.hostname(zone, &one.hostname, deadline).await {
        Ok(reading) => one.reading = Some(reading),
        Err(error) if may_pass(&error) => {
            tracing::debug!(hostname = %one.hostname, %error, "cannot read the hostname yet");
        }
        Err(error) => return Err((one.hostname.clone(), error)),
    }
    Ok(())
}

/// Returns true if a later read may succeed.
fn may_pass(error: &Error) -> bool {
    !matches!(
        error.reason(),
        Reason::Auth | Reason::Forbidden | Reason::NotFound | Reason::Rejected | Reason::Tls
    )
}

impl Awaited {
    /// Returns the progress of the change to `desired`.
    pub fn phase(&self, desired: &Desired) -> Phase {
        let state = self.reading.as_ref().map(State::from);
        state.map_or(Phase::Pending, |state| phase(self.before.as_ref(), &state, desired))
    }
}

/// Returns the phase of a state. Without a status, only the association decides.
fn phase(before: Option<&State>, state: &State, desired: &Desired) -> Phase {
    let is_desired = match desired {
        Desired::Enabled(cert_id) => {
            state.association == Association::Enabled && state.cert_id.as_ref() == Some(cert_id)
        }
        Desired::Disabled(_) => state.association == Association::Disabled,
        Desired::Void(_) => {
            !state.exists() || before.is_some_and(|before| is_voided_as_disabled(before, state))
        }
    };
    match (is_desired, state.status, desired) {
        (true, Some(status), _) if status.is_timed_out() => Phase::GivenUp,
        (true, None | Some(Status::Active), _) => Phase::InForce,
        (true, Some(status), Desired::Void(_)) if !status.is_pending() => Phase::InForce,
        _ => Phase::Pending,
    }
}

/// Returns true if a disabled association shows that a void is done, because it was enabled before or has lost its
/// certificate. Otherwise it may be the old association, which Cloudflare has yet to remove.
fn is_voided_as_disabled(before: &State, state: &State) -> bool {
    let has_lost_its_certificate = before.cert_id.is_some() && state.cert_id.is_none();
    state.association == Association::Disabled
        && (before.association == Association::Enabled || has_lost_its_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(association: Association, status: Option<Status>, cert_id: &str) -> State {
        State { association, status, cert_id: Some(cert_id.parse().unwrap()) }
    }

    /// Returns the phase of each status of the API, in the order of `Status::ALL`.
    fn of_all(association: Association, desired: &Desired) -> String {
        let letters =
            Status::ALL.map(|status| match phase(None, &state(association, Some(status), "c1"), desired) {
                Phase::InForce => 'y',
                Phase::Pending => '-',
                Phase::GivenUp => 'x',
            });
        letters.into_iter().collect()
    }

    #[test]
    fn an_active_desired_state_is_in_force_and_a_timed_out_one_is_given_up() {
        let enabled = Desired::Enabled("c1".parse().unwrap());
        assert_eq!(of_all(Association::Enabled, &enabled), "---y-xx-");
        assert_eq!(of_all(Association::Disabled, &enabled), "--------");
        assert_eq!(of_all(Association::Enabled, &Desired::Enabled("c2".parse().unwrap())), "--------");
        assert_eq!(of_all(Association::Disabled, &Desired::Disabled(None)), "---y-xx-");
        assert_eq!(of_all(Association::Void, &Desired::Disabled(None)), "--------");
    }

    #[test]
    fn void_is_in_force_unless_the_deletion_is_pending() {
        assert_eq!(of_all(Association::Void, &Desired::Void(None)), "---yyxxy");
        assert_eq!(of_all(Association::Enabled, &Desired::Void(None)), "--------");
        let none = state(Association::None, None, "c1");
        assert_eq!(phase(None, &none, &Desired::Void(None)), Phase::InForce);
    }

    #[test]
    fn disabled_counts_as_void_if_it_was_enabled_or_has_lost_its_certificate() {
        use Association::{Disabled, Enabled};
        let without_certificate = State { cert_id: None, ..state(Disabled, None, "c1") };
        let shown = |before: &State, now: &State| phase(Some(before), now, &Desired::Void(None));
        for (before, now, expected) in [
            (state(Enabled, None, "c1"), state(Disabled, None, "c1"), Phase::InForce),
            (state(Enabled, None, "c1"), state(Disabled, Some(Status::Active), "c1"), Phase::InForce),
            (
                state(Enabled, None, "c1"),
                state(Disabled, Some(Status::PendingDeletion), "c1"),
                Phase::Pending,
            ),
            (
                state(Enabled, None, "c1"),
                state(Disabled, Some(Status::DeletionTimedOut), "c1"),
                Phase::GivenUp,
            ),
            (state(Enabled, None, "c1"), without_certificate.clone(), Phase::InForce),
            (state(Disabled, None, "c1"), without_certificate.clone(), Phase::InForce),
            (state(Disabled, None, "c1"), state(Disabled, Some(Status::Active), "c1"), Phase::Pending),
            (without_certificate.clone(), without_certificate, Phase::Pending),
        ] {
            assert_eq!(shown(&before, &now), expected, "{before} -> {now}");
        }
        assert_eq!(phase(None, &state(Disabled, None, "c1"), &Desired::Void(None)), Phase::Pending);
    }

    #[test]
    fn without_a_status_the_association_decides() {
        let enabled = Desired::Enabled("c1".parse().unwrap());
        assert_eq!(phase(None, &state(Association::Enabled, None, "c1"), &enabled), Phase::InForce);
        assert_eq!(phase(None, &state(Association::Disabled, None, "c1"), &enabled), Phase::Pending);
    }
}
