//! What Cloudflare does takes its time: a status now, and another one later.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

/// A status of an association or a certificate, and when the one that follows it sets in.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The API's word; scripts may set any.
    status: Cow<'static, str>,
    due: Option<Instant>,
}

/// In force.
pub(super) const ACTIVE: &str = "active";
/// Gone.
pub(super) const DELETED: &str = "deleted";
/// On its way to the edge.
pub(super) const PENDING_DEPLOYMENT: &str = "pending_deployment";
/// On its way off the edge.
pub(super) const PENDING_DELETION: &str = "pending_deletion";

impl Progress {
    /// A status that stays.
    pub(super) fn resting(status: impl Into<Cow<'static, str>>) -> Self {
        Self { status: status.into(), due: None }
    }

    /// A status that is over after `delay`.
    pub(super) fn passing(status: &'static str, now: Instant, delay: Duration) -> Self {
        Self { status: status.into(), due: Some(now + delay) }
    }

    /// When the next status sets in, if one does.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The status at `now`.
    pub(super) fn at(&self, now: Instant) -> &str {
        match self.due {
            Some(due) if due <= now && self.status == PENDING_DELETION => DELETED,
            Some(due) if due <= now => ACTIVE,
            _ => &self.status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pending_comes_to_its_end_when_it_is_due() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let deployment = Progress::passing(PENDING_DEPLOYMENT, start, second);
        assert_eq!(deployment.at(start), "pending_deployment");
        assert_eq!(deployment.at(start + second), "active");
        let deletion = Progress::passing(PENDING_DELETION, start, second);
        assert_eq!(deletion.at(start), "pending_deletion");
        assert_eq!(deletion.at(start + second), "deleted");
    }

    #[test]
    fn what_rests_stays() {
        let stuck = Progress::resting(PENDING_DEPLOYMENT);
        assert_eq!(stuck.at(Instant::now() + Duration::from_secs(86_400)), "pending_deployment");
    }
}
