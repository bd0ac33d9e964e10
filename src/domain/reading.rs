//! The content of one API response about one hostname.

use std::sync::Arc;

use super::{Association, Certificate, Date, Status};

/// The content of one API response about one hostname. It is compact, since there are up to 100,000 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time of the response.
    pub read_at: Date,
    /// The state of the association.
    pub association: Association,
    /// The association's status.
    pub status: Option<Status>,
    /// The certificate's status.
    pub certificate_status: Option<Status>,
    /// The certificate. Equal certificates share one allocation.
    pub certificate: Option<Arc<Certificate>>,
    /// The time when the association was created.
    pub created_at: Option<Date>,
    /// The time when the association was last changed.
    pub updated_at: Option<Date>,
    /// The time when the certificate was uploaded.
    pub certificate_uploaded_on: Option<Date>,
    /// The time when the certificate was last changed.
    pub certificate_updated_at: Option<Date>,
}

impl Reading {
    /// Returns a reading that has only an association.
    pub const fn bare(association: Association, read_at: Date) -> Self {
        Self {
            read_at,
            association,
            status: None,
            certificate_status: None,
            certificate: None,
            created_at: None,
            updated_at: None,
            certificate_uploaded_on: None,
            certificate_updated_at: None,
        }
    }

    /// Returns the expiry date of the certificate, if one is presented and its date is known.
    pub fn ends(&self) -> Option<Date> {
        let presented = self.association == Association::Enabled;
        self.certificate.as_ref().filter(|_| presented)?.ends()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_stays_small() {
        assert!(size_of::<Reading>() <= 56, "{}", size_of::<Reading>());
    }
}
