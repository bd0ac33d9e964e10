//! The association of a hostname with a client certificate, and its deployment status.

/// The state of an association, which decides if Cloudflare presents a certificate to a hostname's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Association {
    /// The associated certificate is presented (`enabled: true`).
    Enabled,
    /// The association exists, but no certificate is presented (`enabled: false`).
    Disabled,
    /// The association was invalidated (`enabled: null`).
    Void,
    /// There is no association (404 with code 1553, or status `deleted`).
    None,
}

impl Association {
    /// All states, in the order of their series.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Void, Self::None];

    /// Returns the value of the label `association`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Void => "void",
            Self::None => "none",
        }
    }
}

/// The status of an association or a certificate, as the API names it.
///
/// There is no status for an expired certificate, which stays `active`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Received by Cloudflare (`initializing`).
    Initializing,
    /// Being deployed to the edge.
    PendingDeployment,
    /// Being removed from the edge.
    PendingDeletion,
    /// Deployed.
    Active,
    /// Deleted.
    Deleted,
    /// The deployment to the edge timed out.
    DeploymentTimedOut,
    /// The removal from the edge timed out.
    DeletionTimedOut,
    /// A status that this version does not know.
    Unknown,
}

impl Status {
    /// All statuses, in the order of their series.
    pub const ALL: [Self; 8] = [
        Self::Initializing,
        Self::PendingDeployment,
        Self::PendingDeletion,
        Self::Active,
        Self::Deleted,
        Self::DeploymentTimedOut,
        Self::DeletionTimedOut,
        Self::Unknown,
    ];

    /// Parses the API's name. Any other text is [`Status::Unknown`].
    pub fn from_api(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.label() == name).unwrap_or(Self::Unknown)
    }

    /// Returns the API's name, which is also the value of the label `status`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::PendingDeployment => "pending_deployment",
            Self::PendingDeletion => "pending_deletion",
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::DeploymentTimedOut => "deployment_timed_out",
            Self::DeletionTimedOut => "deletion_timed_out",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the rank among several rows of one hostname. The row with the lowest rank, the furthest in deployment, applies.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::PendingDeployment => 1,
            Self::Initializing => 2,
            Self::DeploymentTimedOut => 3,
            Self::PendingDeletion => 4,
            Self::DeletionTimedOut => 5,
            Self::Unknown => 6,
            Self::Deleted => 7,
        }
    }

    /// Returns true while a deployment or removal is in progress.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Initializing | Self::PendingDeployment | Self::PendingDeletion)
    }

    /// Returns true if a deployment or removal timed out.
    pub const fn is_timed_out(self) -> bool {
        matches!(self, Self::DeploymentTimedOut | Self::DeletionTimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn associations_have_their_documented_labels() {
        assert_eq!(Association::ALL.map(Association::label), ["enabled", "disabled", "void", "none"]);
    }

    #[test]
    fn the_row_furthest_in_deployment_has_precedence() {
        let mut statuses = Status::ALL;
        statuses.sort_by_key(|status| status.precedence());
        let names = [
            "active",
            "pending_deployment",
            "initializing",
            "deployment_timed_out",
            "pending_deletion",
            "deletion_timed_out",
            "unknown",
            "deleted",
        ];
        assert_eq!(statuses.map(Status::label), names);
    }

    #[test]
    fn a_status_is_settled_or_pending_or_timed_out() {
        let [pending, timed_out] =
            [Status::is_pending, Status::is_timed_out].map(|is: fn(Status) -> bool| Status::ALL.map(is));
        assert_eq!(pending, [true, true, true, false, false, false, false, false]);
        assert_eq!(timed_out, [false, false, false, false, false, true, true, false]);
    }

    #[test]
    fn every_status_parses_from_its_label_and_other_text_is_unknown() {
        for status in Status::ALL {
            assert_eq!(Status::from_api(status.label()), status);
        }
        for name in ["", "ACTIVE", "expired", "active "] {
            assert_eq!(Status::from_api(name), Status::Unknown);
        }
    }
}
