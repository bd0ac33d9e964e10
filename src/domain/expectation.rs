//! The expectation for a hostname, and the comparison with its reading.

use super::{Association, CertId, Ignored, Reading, Status};

/// The expectation for a hostname.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The association it should have.
    pub association: Expected,
    /// The certificate it should have.
    pub cert_id: Option<CertId>,
    /// The findings that are ignored in addition to those that its zone ignores.
    pub ignored: Ignored,
}

/// The association that a hostname is expected to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// An enabled association.
    #[default]
    Enabled,
    /// A disabled association.
    Disabled,
    /// No association, or a void one.
    Void,
    /// Any state.
    Any,
}

impl Expected {
    /// Every expectation.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Void, Self::Any];

    /// Returns the value in the configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Void => "void",
            Self::Any => "any",
        }
    }

    pub(super) const fn admits(self, association: Association) -> bool {
        match self {
            Self::Enabled => matches!(association, Association::Enabled),
            Self::Disabled => matches!(association, Association::Disabled),
            Self::Void => matches!(association, Association::Void | Association::None),
            Self::Any => true,
        }
    }
}

impl Expectation {
    /// Returns true if `reading` differs from the expectation. A change in progress is never drift, and neither is any
    /// reading if any state is expected.
    pub fn is_drifted(&self, reading: &Reading) -> bool {
        if self.association == Expected::Any || reading.status.is_some_and(Status::is_pending) {
            return false;
        }
        let cert_id = reading.certificate.as_ref().and_then(|certificate| certificate.id());
        let pinned = self.cert_id.as_ref();
        !self.association.admits(reading.association) || pinned.is_some_and(|pinned| cert_id != Some(pinned))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Certificate, CertificateDetails};

    #[test]
    fn expectations_are_written_as_in_the_configuration() {
        assert_eq!(Expected::ALL.map(Expected::label), ["enabled", "disabled", "void", "any"]);
    }

    fn reading(association: Association, status: Option<Status>, cert_id: Option<&str>) -> Reading {
        let details =
            CertificateDetails { id: cert_id.map(|id| id.parse().unwrap()), ..CertificateDetails::default() };
        Reading {
            status,
            certificate: Some(Arc::new(Certificate::new(details, None))),
            ..Reading::bare(association, jiff::Timestamp::UNIX_EPOCH.into())
        }
    }

    #[test]
    fn drift_is_an_association_other_than_the_expected_one() {
        use Association::{Disabled, Enabled, None as Nothing, Void};
        let drifted = |expected, association| {
            let expectation = Expectation { association: expected, ..Expectation::default() };
            expectation.is_drifted(&reading(association, None, None))
        };
        let row = |expected| [Enabled, Disabled, Void, Nothing].map(|state| drifted(expected, state));
        assert_eq!(row(Expected::Enabled), [false, true, true, true]);
        assert_eq!(row(Expected::Disabled), [true, false, true, true]);
        assert_eq!(row(Expected::Void), [true, true, false, false]);
        assert_eq!(row(Expected::Any), [false; 4]);
    }

    #[test]
    fn drift_is_a_certificate_other_than_the_pinned_one() {
        let drifted = |expected, cert_id| {
            let pinned = Some("pinned".parse().unwrap());
            let expectation =
                Expectation { association: expected, cert_id: pinned, ..Expectation::default() };
            expectation.is_drifted(&reading(Association::Enabled, None, cert_id))
        };
        assert!(!drifted(Expected::Enabled, Some("pinned")));
        assert!(drifted(Expected::Enabled, Some("other")));
        assert!(drifted(Expected::Enabled, None));
        assert!(!drifted(Expected::Any, Some("other")));
    }

    #[test]
    fn a_pending_change_is_not_drift_but_a_timed_out_one_is() {
        let drifted =
            |status| Expectation::default().is_drifted(&reading(Association::Disabled, Some(status), None));
        assert_eq!(Status::ALL.map(drifted), [false, false, false, true, true, true, true, true]);
    }
}
