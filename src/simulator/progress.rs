//! Statuses that change with time, since deployments and deletions take a while.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

/// The status of an association or a certificate, and when the next one begins.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The status in the API's words. Scripts may set any.
    status: Cow<'static, str>,
    due: Option<Instant>,
}

/// The status of what is in force.
pub(super) const ACTIVE: &str = "active";
/// The status of what is gone.
pub(super) const DELETED: &str = "deleted";
/// The status during a deployment to the edge.
pub(super) const PENDING_DEPLOYMENT: &str = "pending_deployment";
/// The status during a removal from the edge.
pub(super) const PENDING_DELETION: &str = "pending_deletion";

impl Progress {
    /// Creates a status that never changes.
    pub(super) fn resting(status: impl Into<Cow<'static, str>>) -> Self {
        Self { status: status.into(), due: None }
    }

    /// Creates a status that ends after `delay`.
    pub(super) fn passing(status: &'static str, now: Instant, delay: Duration) -> Self {
        Self { status: status.into(), due: Some(now + delay) }
    }

    /// Returns when the next status begins, if any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the status at `now`.
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
    fn a_pending_status_ends_after_its_delay() {
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
    fn a_resting_status_never_changes() {
        let stuck = Progress::resting(PENDING_DEPLOYMENT);
        assert_eq!(stuck.at(Instant::now() + Duration::from_secs(86_400)), "pending_deployment");
    }
}
