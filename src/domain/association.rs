//! What ties a hostname to a client certificate, and how far Cloudflare has brought it.

/// Whether Cloudflare presents a certificate to a hostname's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Association {
    /// It presents the associated certificate (`enabled: true`).
    Enabled,
    /// The association exists and nothing is presented (`enabled: false`).
    Disabled,
    /// The association was invalidated (`enabled: null`).
    Void,
    /// There is no association (404 with code 1553, or status `deleted`).
    None,
}

impl Association {
    /// Every state, in the order in which they are exposed.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Void, Self::None];

    /// The value of the label `association`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Void => "void",
            Self::None => "none",
        }
    }
}

/// The status of an association or of a certificate, as the API names it.
///
/// There is no "expired" among them: an expired certificate stays `active`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Cloudflare has taken it in.
    Initializing,
    /// It is on its way to the edge.
    PendingDeployment,
    /// It is on its way off the edge.
    PendingDeletion,
    /// It is in force.
    Active,
    /// It is gone.
    Deleted,
    /// It did not reach the edge in time.
    DeploymentTimedOut,
    /// It did not leave the edge in time.
    DeletionTimedOut,
    /// A status that this version does not know.
    Unknown,
}

impl Status {
    /// Every status, in the order in which they are exposed.
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

    /// Reads the API's name; any other text is [`Status::Unknown`].
    pub fn from_api(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.label() == name).unwrap_or(Self::Unknown)
    }

    /// The API's name, which is also the value of the label `status`.
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

    /// Its place among the rows of one hostname, of which the lowest counts: the furthest in deployment.
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

    /// Whether Cloudflare is still working on it.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Initializing | Self::PendingDeployment | Self::PendingDeletion)
    }

    /// Whether Cloudflare has given up on it.
    pub const fn is_timed_out(self) -> bool {
        matches!(self, Self::DeploymentTimedOut | Self::DeletionTimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn associations_are_exposed_by_the_names_of_the_contract() {
        assert_eq!(Association::ALL.map(Association::label), ["enabled", "disabled", "void", "none"]);
    }

    #[test]
    fn of_several_rows_the_one_furthest_in_deployment_counts() {
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
    fn a_status_is_settled_or_pending_or_was_given_up() {
        let [pending, timed_out] =
            [Status::is_pending, Status::is_timed_out].map(|is: fn(Status) -> bool| Status::ALL.map(is));
        assert_eq!(pending, [true, true, true, false, false, false, false, false]);
        assert_eq!(timed_out, [false, false, false, false, false, true, true, false]);
    }

    #[test]
    fn every_status_of_the_api_is_read_back_and_any_other_is_unknown() {
        for status in Status::ALL {
            assert_eq!(Status::from_api(status.label()), status);
        }
        for name in ["", "ACTIVE", "expired", "active "] {
            assert_eq!(Status::from_api(name), Status::Unknown);
        }
    }
}
