//! Waiting until what was changed is in force.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{State, Wish};
use crate::cloudflare::{Client, Error};
use crate::domain::{Association, Hostname, Reading, Reason, Status, ZoneId};

/// How often is looked, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first pause between two looks; each one is twice as long as the one before.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// When to stop looking.
    pub limit: Duration,
    /// How long one request may take.
    pub call: Duration,
}

/// A hostname that is waited for.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// Its name.
    pub hostname: Hostname,
    /// What was last read of it; none where nothing was.
    pub reading: Option<Reading>,
}

/// Whether what was wished for is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    InForce,
    /// Not yet.
    Pending,
    /// Cloudflare has given up on it.
    GivenUp,
}

/// The last look, at all that is still pending, may take as long, whatever the limit is.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Looks at the hostnames until none is pending, or the limit has passed; `progress` is told after each look.
///
/// What was changed by one request comes into force at about the same time: a look ends at the first hostname that is
/// still pending, so that few requests are spent on a hundred. Only the last look is at all of them.
///
/// # Errors
/// Where Cloudflare refuses to tell, of the hostname that it was asked about.
pub async fn wait(
    client: &Client,
    zone: ZoneId,
    wish: &Wish,
    awaited: &mut [Awaited],
    pace: Pace,
    mut progress: impl FnMut(&[Awaited]),
) -> Result<(), (Hostname, Error)> {
    let end = Instant::now() + pace.limit;
    let mut pause = pace.first;
    loop {
        let now = Instant::now();
        let is_last = now >= end;
        let pending = awaited.iter_mut().filter(|one| one.standing(wish) == Standing::Pending);
        if is_last {
            let deadline = now + pace.call.min(LAST_LOOK);
            try_join_all(pending.map(|one| look(client, zone, one, deadline))).await?;
        } else {
            for one in pending {
                look(client, zone, one, end.min(Instant::now() + pace.call)).await?;
                if one.standing(wish) == Standing::Pending {
                    break;
                }
            }
        }
        progress(awaited);
        if is_last || awaited.iter().all(|one| one.standing(wish) != Standing::Pending) {
            return Ok(());
        }
        sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(pace.longest);
    }
}

/// Reads one hostname; what was read of it before stays where that may be answered later.
async fn look(
    client: &Client,
    zone: ZoneId,
    one: &mut Awaited,
    deadline: Instant,
) -> Result<(), (Hostname, Error)> {
    match client.hostname(zone, &one.hostname, deadline).await {
        Ok(reading) => one.reading = Some(reading),
        Err(error) if may_pass(&error) => {
            tracing::debug!(hostname = %one.hostname, %error, "it is asked about again");
        }
        Err(error) => return Err((one.hostname.clone(), error)),
    }
    Ok(())
}

/// Whether the next look may be answered.
fn may_pass(error: &Error) -> bool {
    !matches!(
        error.reason(),
        Reason::Auth | Reason::Forbidden | Reason::NotFound | Reason::Rejected | Reason::Tls
    )
}

impl Awaited {
    /// How it stands with what was wished for.
    pub fn standing(&self, wish: &Wish) -> Standing {
        self.reading.as_ref().map_or(Standing::Pending, |reading| standing(&State::from(reading), wish))
    }
}

/// A missing status cannot be waited for: then the association is all that counts.
fn standing(state: &State, wish: &Wish) -> Standing {
    let is_wished = match wish {
        Wish::Enabled(cert_id) => {
            state.association == Association::Enabled && state.cert_id.as_ref() == Some(cert_id)
        }
        Wish::Disabled(_) => state.association == Association::Disabled,
        Wish::Void(_) => matches!(state.association, Association::Void | Association::None),
    };
    match (is_wished, state.status, wish) {
        (true, Some(status), _) if status.is_timed_out() => Standing::GivenUp,
        (true, None | Some(Status::Active), _) => Standing::InForce,
        (true, Some(status), Wish::Void(_)) if !status.is_pending() => Standing::InForce,
        _ => Standing::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(association: Association, status: Option<Status>, cert_id: &str) -> State {
        State { association, status, cert_id: Some(cert_id.parse().unwrap()) }
    }

    /// How each status of the API stands with the wish, in the order of `Status::ALL`.
    fn of_all(association: Association, wish: &Wish) -> String {
        let letters =
            Status::ALL.map(|status| match standing(&state(association, Some(status), "c1"), wish) {
                Standing::InForce => 'y',
                Standing::Pending => '-',
                Standing::GivenUp => 'x',
            });
        letters.into_iter().collect()
    }

    #[test]
    fn only_what_is_active_and_as_wished_is_in_force_and_what_timed_out_is_given_up() {
        let enabled = Wish::Enabled("c1".parse().unwrap());
        assert_eq!(of_all(Association::Enabled, &enabled), "---y-xx-");
        assert_eq!(of_all(Association::Disabled, &enabled), "--------");
        assert_eq!(of_all(Association::Enabled, &Wish::Enabled("c2".parse().unwrap())), "--------");
        assert_eq!(of_all(Association::Disabled, &Wish::Disabled(None)), "---y-xx-");
        assert_eq!(of_all(Association::Void, &Wish::Disabled(None)), "--------");
    }

    #[test]
    fn what_is_void_or_gone_is_in_force_unless_its_deletion_is_pending() {
        assert_eq!(of_all(Association::Void, &Wish::Void(None)), "---yyxxy");
        assert_eq!(of_all(Association::Enabled, &Wish::Void(None)), "--------");
        let none = state(Association::None, None, "c1");
        assert_eq!(standing(&none, &Wish::Void(None)), Standing::InForce);
    }

    #[test]
    fn where_the_api_gives_no_status_the_association_counts() {
        let enabled = Wish::Enabled("c1".parse().unwrap());
        assert_eq!(standing(&state(Association::Enabled, None, "c1"), &enabled), Standing::InForce);
        assert_eq!(standing(&state(Association::Disabled, None, "c1"), &enabled), Standing::Pending);
    }
}
