//! What one answer said about one hostname.

use std::sync::Arc;

use super::{Association, Certificate, Date, Status};

/// What one answer said about one hostname. Small, since there is one for each of up to 100,000 hostnames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When the answer was read.
    pub read_at: Date,
    /// Whether a certificate is presented.
    pub association: Association,
    /// The association's status.
    pub status: Option<Status>,
    /// The certificate's status.
    pub certificate_status: Option<Status>,
    /// The certificate; equal ones share one allocation.
    pub certificate: Option<Arc<Certificate>>,
    /// When the association was made.
    pub created_at: Option<Date>,
    /// When the association was last changed.
    pub updated_at: Option<Date>,
    /// When the certificate was uploaded.
    pub certificate_uploaded_on: Option<Date>,
    /// When the certificate was last changed.
    pub certificate_updated_at: Option<Date>,
}

impl Reading {
    /// A reading of which nothing is known but the association.
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

    /// When the origin stops accepting the certificate, where one is presented and its end is known.
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
